"""Whole runs: interrupted and gone on with, repeated, swept, evaluated, tracked, broken."""

import random
import signal
import time

import pytest
from command_runs import finish, read_result, read_rows, run_fresh, start

pytestmark = pytest.mark.slow

QUICK = ["scale=tiny", "training=quick", "tracker=none"]
# Small enough for a few milliseconds a step, with dropout so that random states count, and saved after every batch.
SMALL_LSTM = [
    "scale=tiny",
    "tracker=none",
    "model.units=[8]",
    "model.dense_units=[8]",
    "window.lookback=20",
    "training.warmup_steps=5",
    "training.max_steps=130",
    "training.steps_per_epoch=40",
    "training.validation_windows=128",
    "training.checkpoint_minutes=0",
]


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The run with which the others are compared."""
    done = run_fresh(*SMALL_LSTM, cwd=tmp_path_factory.mktemp("uninterrupted"))
    assert done.code == 0, done.err
    return done


@pytest.fixture
def here(tmp_path):
    return lambda *argv: run_fresh(*argv, cwd=tmp_path)


def wait_for(path, process, seconds=240):
    """Until the run has written ``path``."""
    end = time.monotonic() + seconds
    while not path.exists():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"{path.name} never came: {process.communicate()}")
        time.sleep(0.01)


def test_a_run_leaves_what_it_should(uninterrupted):
    left = {path.name for path in uninterrupted.folder.iterdir()}
    assert left >= {"config.yaml", "metrics.jsonl", "best.keras", "last.npz", "result.json", "report.html"}
    result = uninterrupted.result
    assert result["status"] == "done"
    assert {"test/rmse", "test/mae", "test/mase", "test/r2", "test/rmse_scaled"} <= result["metrics"].keys()
    for baseline in ("persistence", "seasonal_naive"):
        assert {"test/rmse", "test/mae", "test/mase", "test/r2"} <= result["baselines"][baseline].keys()
        skill = 1 - result["metrics"]["test/rmse"] / result["baselines"][baseline]["test/rmse"]
        assert result["skill"][baseline] == pytest.approx(skill)
    assert [row["step"] for row in uninterrupted.rows] == [40, 80, 120, 130]
    assert result["training"]["ended"] == "max_steps"
    best = min(row["val/loss"] for row in uninterrupted.rows)
    assert result["metrics"]["val/loss"] == best
    assert uninterrupted.err == ""


def test_interrupted_and_killed_it_ends_like_the_uninterrupted_run(uninterrupted, tmp_path):
    first = start(*SMALL_LSTM, "hydra.run.dir=run", cwd=tmp_path)
    wait_for(tmp_path / "run/last.npz", first)
    first.send_signal(signal.SIGTERM)
    stopped = finish(first, tmp_path)
    assert stopped.code == 130
    assert "Traceback" not in stopped.err
    assert stopped.out.splitlines()[-1] == (
        f"Interrupted; the state is saved. Go on with: python run.py resume={tmp_path / 'run'}"
    )
    assert read_result(tmp_path / "run")["status"] == "interrupted"

    saved = (tmp_path / "run/last.npz").stat().st_mtime_ns
    second = start("resume=run", cwd=tmp_path)
    while (tmp_path / "run/last.npz").stat().st_mtime_ns == saved and second.poll() is None:
        time.sleep(0.005)
    time.sleep(random.uniform(0, 0.5))
    second.kill()
    assert finish(second, tmp_path).code == -9

    third = run_fresh("resume=run", cwd=tmp_path)
    assert third.code == 0, third.err
    assert third.folder == tmp_path / "run"
    assert third.rows == uninterrupted.rows
    for part in ("metrics", "baselines", "skill"):
        assert third.result[part] == uninterrupted.result[part]
    assert not list((tmp_path / "run").glob("*.part")), "a half-written file"

    refused = run_fresh("resume=run", cwd=tmp_path)
    assert refused.code == 2
    assert "is finished: see" in refused.err
    assert refused.err.count("\n") == 1


def test_evaluate_gives_the_figures_again_to_the_last_digit(uninterrupted):
    again = run_fresh("job=evaluate", f"run={uninterrupted.folder}", cwd=uninterrupted.cwd)
    assert again.code == 0, again.err
    assert "Equal to the run's result." in again.out
    test_figures = {k: v for k, v in uninterrupted.result["metrics"].items() if k.startswith("test/")}
    for name, value in test_figures.items():
        if isinstance(value, float):
            assert f"{name} {value!r}" in again.out


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(uninterrupted, here):
    again = here(*SMALL_LSTM)
    assert again.rows == uninterrupted.rows
    assert again.result["metrics"] == uninterrupted.result["metrics"]
    first, other = (here(*QUICK, "model=nlinear", f"seed={seed}") for seed in (0, 1))
    assert first.rows[0]["val/loss"] != other.rows[0]["val/loss"]


def test_a_sweep_over_precisions_trains_each_in_its_own(uninterrupted, tmp_path):
    """The second job must not inherit the first one's half precision."""
    done = run_fresh(*SMALL_LSTM, "precision=mixed_bfloat16,float32", "-m", cwd=tmp_path)
    assert done.code == 0, done.err
    found = [read_result(path.parent) for path in sorted(done.folder.glob("*/result.json"))]
    rows = [read_rows(path.parent) for path in sorted(done.folder.glob("*/metrics.jsonl"))]
    assert [result["policy"] for result in found] == ["mixed_bfloat16", "float32"]
    assert rows[0] != uninterrupted.rows
    assert rows[1] == uninterrupted.rows
    assert found[1]["metrics"] == uninterrupted.result["metrics"]


@pytest.mark.parametrize("model", ["dlinear", "nlinear"])
def test_linear_models(model, here):
    done = here(*QUICK, f"model={model}")
    assert done.code == 0, done.err
    assert done.result["model"] == model
    assert len(done.rows) == 2


@pytest.mark.parametrize("baseline", ["persistence", "seasonal_naive"])
def test_a_baseline_as_a_model_scores_like_the_baseline_in_numpy(baseline, here):
    done = here(*QUICK, f"model={baseline}", "window.horizon=3")
    assert done.code == 0, done.err
    for name, value in done.result["baselines"][baseline].items():
        assert done.result["metrics"][name] == pytest.approx(value, rel=1e-6, abs=1e-6), name


def test_several_targets_steps_and_quantiles(here):
    targets = ["global_active_power", "voltage"]
    done = here(
        *QUICK,
        "model=nlinear",
        "window.horizon=3",
        f"data.target=[{','.join(targets)}]",
        "loss=quantile",
        "loss.quantile_levels=[0.05,0.5,0.95]",
        "training.accumulate_steps=2",
    )
    assert done.code == 0, done.err
    assert [row["step"] for row in done.rows] == [10, 20]
    metrics = done.result["metrics"]
    assert metrics["test/pinball"] > 0
    assert 0 < metrics["test/coverage_90"] <= 1
    assert metrics["test/width_90"] > 0
    assert done.result["window"]["horizon"] == 3


def test_a_csv_of_ones_own(here, tmp_path):
    lines = [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{(i * 7) % 24},{i % 5}" for i in range(700)]
    (tmp_path / "pump.csv").write_text("\n".join(["when,flow,valve", *lines]) + "\n")
    done = here(
        "data=csv",
        "data.path=pump.csv",
        "data.target=flow",
        "model=nlinear",
        "training=quick",
        "tracker=none",
    )
    assert done.code == 0, done.err
    assert done.result["data"]["rows"] == 700
    assert done.result["data"]["name"] == "pump"


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(here, tmp_path):
    """Also in a run too short for the look at every fiftieth batch."""
    wild = ["model=nlinear", "optimizer=sgd", "optimizer.learning_rate=10", "optimizer.clipnorm=null"]
    short = ["training.max_steps=40", "training.steps_per_epoch=40", "schedule=constant"]
    done = here(*QUICK, *wild, *short)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "lower optimizer.learning_rate" in done.err
    (folder,) = (tmp_path / "outputs").iterdir()
    assert read_result(folder)["status"] == "failed"


def test_a_tracked_run_reads_back_from_its_offline_file(here, monkeypatch, tmp_path):
    from wandb_log import read_run

    for name in ("WANDB_API_KEY", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    done = here("scale=tiny", "training=quick", "model=nlinear", "tracker=wandb")
    assert done.code == 0, done.err
    assert "wandb sync" in done.out
    (tracked,) = read_run(done.folder)
    assert tracked["exit_code"] == 0
    assert tracked["config"]["model"]["_target_"].endswith("NLinear")
    logged = [row for row in tracked["history"] if "val/rmse" in row]
    assert [row["val/rmse"] for row in logged] == [row["val/rmse"] for row in done.rows]
    assert tracked["summary"]["metrics"]["test/rmse"] == done.result["metrics"]["test/rmse"]
    assert [artifact[2] for artifact in tracked["artifacts"] if artifact[0] == "model"] == [["best.keras"]]
