"""Whole runs: interrupted and resumed, repeated, swept, evaluated, tracked, and stopped by errors."""

import json
import random
import signal
import time

import pytest

from tests.helpers.command_runs import finish, read_result, read_rows, run_fresh, start
from tests.helpers.wandb_log import read_run

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
        f"Interrupted; the state is saved. Resume with: python run.py resume={tmp_path / 'run'}"
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
    assert not list((tmp_path / "run").glob("*part*")), "a half-written file"

    refused = run_fresh("resume=run", cwd=tmp_path)
    assert refused.code == 2
    assert "is finished: see" in refused.err
    assert refused.err.count("\n") == 1


def test_evaluate_gives_the_figures_again_to_the_last_digit(uninterrupted):
    again = run_fresh("job=evaluate", f"run={uninterrupted.folder}", cwd=uninterrupted.cwd)
    assert again.code == 0, again.err
    assert "Equal to the run's result." in again.out
    evaluation = json.loads((uninterrupted.folder / "evaluation.json").read_text())
    test_figures = {k: v for k, v in uninterrupted.result["metrics"].items() if k.startswith("test/")}
    assert {name: evaluation["metrics"][name] for name in test_figures} == test_figures
    assert f"{test_figures['test/rmse']:.6g}" in again.out


def swept(done):
    """Results and metrics of a sweep's jobs, in their order."""
    assert done.code == 0, done.err
    folders = sorted(path.parent for path in done.folder.glob("*/result.json"))
    return [read_result(folder) for folder in folders], [
        read_rows(folder) for folder in folders if has_rows(folder)
    ]


def has_rows(folder):
    return (folder / "metrics.jsonl").exists()


def test_a_sweep_over_precisions_trains_each_in_its_own(uninterrupted, tmp_path):
    """The second job must not inherit the first one's half precision; and the same seed gives the same numbers."""
    results, rows = swept(run_fresh(*SMALL_LSTM, "precision=mixed_bfloat16,float32", "-m", cwd=tmp_path))
    assert [result["policy"] for result in results] == ["mixed_bfloat16", "float32"]
    assert rows[0] != uninterrupted.rows
    assert rows[1] == uninterrupted.rows
    assert results[1]["metrics"] == uninterrupted.result["metrics"]


def test_a_baseline_as_a_model_scores_like_the_baseline_in_numpy(here):
    results, _ = swept(here("-m", *QUICK, "model=persistence,seasonal_naive", "window.horizon=3"))
    assert [result["model"] for result in results] == ["persistence", "seasonal_naive"]
    for result in results:
        for name, value in result["baselines"][result["model"]].items():
            assert result["metrics"][name] == pytest.approx(value, rel=1e-6, abs=1e-6), name


def test_another_seed_gives_other_numbers(here):
    results, rows = swept(here("-m", *QUICK, "model=dlinear", "seed=0,1"))
    assert [result["seed"] for result in results] == [0, 1]
    assert rows[0][0]["val/loss"] != rows[1][0]["val/loss"]


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


@pytest.fixture
def no_account(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_a_tracked_run_on_ones_own_csv_reads_back_from_its_offline_file(here, no_account, tmp_path):
    lines = [f"2024-01-{1 + i // 24:02d} {i % 24:02d}:00,{(i * 7) % 24},{i % 5}" for i in range(700)]
    (tmp_path / "pump.csv").write_text("\n".join(["when,flow,valve", *lines]) + "\n")
    data = ["data=csv", "data.path=pump.csv", "data.target=flow"]
    done = here(*data, "training=quick", "model=nlinear", "tracker=wandb")
    assert done.code == 0, done.err
    assert (done.result["data"]["name"], done.result["data"]["rows"]) == ("pump", 700)
    assert "wandb sync" in done.out
    (tracked,) = read_run(done.folder)
    assert tracked["exit_code"] == 0
    assert tracked["config"]["model"]["_target_"].endswith("NLinear")
    logged = [row for row in tracked["history"] if "val/rmse" in row]
    assert [row["val/rmse"] for row in logged] == [row["val/rmse"] for row in done.rows]
    assert tracked["summary"]["test/rmse"] == done.result["metrics"]["test/rmse"]
    assert [artifact[2] for artifact in tracked["artifacts"] if artifact[0] == "model"] == [["model.keras"]]
    assert {
        "start",
        "data",
        "imports",
        "compilation",
        "training",
        "validation",
        "test",
        "report",
        "tracker",
    } <= {*done.result["stages"]}
    assert "stages.path" in tracked["summary"]
    assert "Time by stage" in (done.folder / "report.html").read_text()


def test_a_loss_that_is_no_number_ends_the_run_with_a_sentence(here, no_account, tmp_path):
    """Also in a run too short for the look at every fiftieth batch; its tracked run is marked failed."""
    wild = ["model=nlinear", "optimizer=sgd", "optimizer.learning_rate=10", "optimizer.clipnorm=null"]
    short = ["training=quick", "training.max_steps=40", "training.steps_per_epoch=40", "schedule=constant"]
    done = here("scale=tiny", "tracker=wandb", *wild, *short)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "lower optimizer.learning_rate" in done.err
    (folder,) = (tmp_path / "outputs").iterdir()
    assert read_result(folder)["status"] == "failed"
    assert [run["exit_code"] for run in read_run(folder)] == [1]
