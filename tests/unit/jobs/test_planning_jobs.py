"""job=plan, verify, benchmark and rehearsal from end to end, with the smallest models and in this process."""

import json

import pytest
from hydra import compose, initialize_config_dir

from tsforecast.config import check
from tsforecast.config.cli import CONF
from tsforecast.config.stored import load
from tsforecast.errors import UserError
from tsforecast.jobs import benchmark, measure, plan, rehearsal, verify

SMALL = ["data=synthetic", "scale=tiny", "tracker=none", "device=cpu", "plan.seconds=0.01"]
TWO = "plan.models=[nlinear,dlinear]"


def config(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return check(compose("config", overrides=[*SMALL, *overrides]), overrides=[])


@pytest.fixture(autouse=True)
def measured_modules(monkeypatch, tmp_path_factory):
    """Measure in this process, with the arguments that a new process would get; return the modules that were run."""
    modules, source = [], tmp_path_factory.mktemp("config") / "config.yaml"

    def run_here(module, config_text, arguments=(), **options):
        modules.append(module)
        source.write_text(config_text)
        config = load(source)
        return measure.measure_rows(config, *arguments) if arguments else rehearsal.measure_size(config)

    monkeypatch.setattr(measure, "run_in_fresh_process", run_here)
    monkeypatch.setattr(rehearsal, "run_in_fresh_process", run_here)
    return modules


def test_a_plan_covers_the_ensemble_and_every_scale(tmp_path, capsys):
    plan.main(config("job=plan", TWO, "ensemble.members=[nlinear,dlinear]"), tmp_path)
    result = json.loads((tmp_path / "plan.json").read_text())
    models = result["models"]
    assert list(models) == ["nlinear", "dlinear", "ensemble"]
    assert models["ensemble"]["params"] > models["nlinear"]["params"] + models["dlinear"]["params"]
    assert result["ensemble"]["fine_tuning"] == models["ensemble"]["training"]["step"]
    assert list(result["scales"]) == ["tiny", "full", "poc", "growth", "expansion"]  # by rows
    peaks = [scale["models"]["ensemble"]["peak"] for scale in result["scales"].values()]
    assert peaks == sorted(peaks)
    assert len(set(peaks)) == len(peaks)
    output = capsys.readouterr().out
    assert "Largest batch size at each scale" in output
    assert "too high" in output


def test_verify_measures_only_what_is_missing_and_writes_the_table(tmp_path, measured_modules):
    wanted = config("job=verify", "plan.models=[nlinear]", "plan.policies=[float32]", "plan.batches=[64]")
    verify.main(wanted, tmp_path)
    result = json.loads((tmp_path / "verify.json").read_text())["ratios"]
    assert [row["step"] for row in result] == ["train", "infer"]
    assert all(row["measured"] > 0 for row in result)
    assert "| nlinear |" in (tmp_path / "verify.md").read_text()
    verify.main(wanted, tmp_path)
    assert len(measured_modules) == 1  # nothing was missing


def test_benchmark_times_every_model_and_the_ensemble_as_one(tmp_path, measured_modules):
    benchmark.main(config("job=benchmark", TWO), tmp_path)
    result = json.loads((tmp_path / "benchmark.json").read_text())
    (device,) = result["devices"].values()
    assert list(device["models"]) == ["nlinear", "dlinear"]
    for row in [*device["models"].values(), device["ensemble"]]:
        assert 0 < row["forecast_warm"] < row["forecast_cold"]
    assert len(measured_modules) == 3
    assert "| ensemble |" in (tmp_path / "benchmark.md").read_text()


def test_rehearsal_runs_every_size_on_its_own_rows(tmp_path):
    rehearsal.main(config("job=rehearsal", "plan.scales=[tiny,full]", TWO), tmp_path)
    result = json.loads((tmp_path / "rehearsal.json").read_text())
    small, large = result["sizes"]
    assert (small["rows"], large["rows"]) == (6000, 100_000)
    assert large["data"] > 10 * small["data"]
    for size in (small, large):
        assert set(size["models"]) == {"nlinear", "dlinear"}
        assert size["models"]["nlinear"]["step"]["median"] > 0
    assert large["models"]["nlinear"]["steps_a_pass"] > 10 * small["models"]["nlinear"]["steps_a_pass"]
    assert "| limit | rows | date |" in (tmp_path / "rehearsal.md").read_text()


def test_rehearsal_needs_sizes_to_compare(tmp_path):
    with pytest.raises(UserError, match="at least two sizes"):
        rehearsal.main(config("job=rehearsal", "plan.scales=[tiny]"), tmp_path)
