"""job=plan, verify, benchmark and rehearsal from end to end, on the smallest models and in this process."""

import json

import pytest
from hydra import compose, initialize_config_dir

from tsforecast.config import check
from tsforecast.config.cli import CONF
from tsforecast.errors import UserError
from tsforecast.jobs import benchmark, measure, plan, rehearsal, verify

SMALL = ["data=synthetic", "scale=tiny", "tracker=none", "device=cpu", "plan.seconds=0.01"]
TWO = "plan.models=[nlinear,dlinear]"


def config(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return check(compose("config", overrides=[*SMALL, *overrides]), given=[])


@pytest.fixture(autouse=True)
def here(monkeypatch):
    """No process of its own; what it would be told and leave behind is the same."""
    calls = []

    def in_process(module, config, arguments, what, environment=None):
        calls.append(module)
        return measure.rows(config, *arguments) if arguments else rehearsal.one_size(config)

    monkeypatch.setattr(measure, "in_process", in_process)
    monkeypatch.setattr(rehearsal, "in_process", in_process)
    return calls


def test_a_plan_answers_for_the_ensemble_and_at_every_scale(tmp_path, capsys):
    plan.main(config("job=plan", TWO, "ensemble.members=[nlinear,dlinear]"), tmp_path)
    found = json.loads((tmp_path / "plan.json").read_text())
    models = found["models"]
    assert list(models) == ["nlinear", "dlinear", "ensemble"]
    assert models["ensemble"]["params"] > models["nlinear"]["params"] + models["dlinear"]["params"]
    assert found["ensemble"]["fine_tuning"] == models["ensemble"]["training"]["step"]
    assert list(found["scales"]) == ["tiny", "full", "poc", "growth", "expansion"]  # by rows
    peaks = [scale["models"]["ensemble"]["peak"] for scale in found["scales"].values()]
    assert peaks == sorted(peaks)
    assert len(set(peaks)) == len(peaks)
    shown = capsys.readouterr().out
    assert "The largest batch, at each scale" in shown
    assert "too high" in shown


def test_verify_measures_what_is_missing_and_writes_the_table(tmp_path, here):
    wanted = config("job=verify", "plan.models=[nlinear]", "plan.policies=[float32]", "plan.batches=[64]")
    verify.main(wanted, tmp_path)
    found = json.loads((tmp_path / "verify.json").read_text())["ratios"]
    assert [row["step"] for row in found] == ["train", "infer"]
    assert all(row["measured"] > 0 for row in found)
    assert "| nlinear |" in (tmp_path / "verify.md").read_text()
    verify.main(wanted, tmp_path)
    assert len(here) == 1  # nothing was missing


def test_benchmark_times_every_model_and_the_ensemble_as_one(tmp_path, here):
    benchmark.main(config("job=benchmark", TWO), tmp_path)
    found = json.loads((tmp_path / "benchmark.json").read_text())
    (device,) = found["devices"].values()
    assert list(device["models"]) == ["nlinear", "dlinear"]
    for row in [*device["models"].values(), device["ensemble"]]:
        assert 0 < row["forecast_warm"] < row["forecast_cold"]
    assert len(here) == 3
    assert "| the ensemble |" in (tmp_path / "benchmark.md").read_text()


def test_rehearsal_runs_every_size_on_its_own_rows(tmp_path):
    rehearsal.main(config("job=rehearsal", "plan.scales=[tiny,full]", TWO), tmp_path)
    found = json.loads((tmp_path / "rehearsal.json").read_text())
    small, large = found["sizes"]
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
