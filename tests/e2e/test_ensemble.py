"""A whole ensemble: killed, resumed, and evaluated again in a fresh process."""

import signal
import time

import pytest

from tests.helpers.command_runs import finish, read_result, run_fresh, start

pytestmark = pytest.mark.slow

SMALL = [
    "job=ensemble",
    "scale=tiny",
    "training=quick",
    "tracker=none",
    "window.lookback=20",
    "ensemble.members=[nlinear,rule_based]",
    "ensemble.options={rule_based: {units: [4], dense_units: [4]}}",
    "training.warmup_steps=5",
    "ensemble.fine_tune_steps=6",
]


def test_resumed_ensemble_scores_the_same_when_evaluated_again(tmp_path):
    process = start(*SMALL, "hydra.run.dir=run", cwd=tmp_path)
    first = tmp_path / "run" / "members" / "nlinear" / "result.json"
    end = time.monotonic() + 240
    while not first.exists() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert first.exists()
    trained = (tmp_path / "run" / "members" / "nlinear" / "best.keras").stat().st_mtime_ns

    done = run_fresh("resume=run", cwd=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "run" / "members" / "nlinear" / "best.keras").stat().st_mtime_ns == trained
    result = read_result(tmp_path / "run")
    assert (result["status"], result["model"]) == ("done", "ensemble")
    board = {row["name"]: row for row in result["ensemble"]["board"]}
    weightings = {"equal", "inverse_error", "static", "gating", "online"}
    assert set(board) == {"ensemble", "nlinear", "rule_based", "persistence", "seasonal_naive"} | weightings
    assert board["ensemble"]["rmse"] == result["metrics"]["test/rmse"]
    assert sum(result["ensemble"]["mean_weights"].values()) == pytest.approx(1, abs=1e-4)
    assert (
        board["nlinear"]["rmse"]
        == read_result(tmp_path / "run" / "members" / "nlinear")["metrics"]["test/rmse"]
    )

    again = run_fresh("job=evaluate", "run=run", cwd=tmp_path)
    assert again.code == 0, again.err
    assert "Equal to the run's result." in again.out


def test_members_of_an_earlier_run_serve_again(tmp_path):
    """One trained as a run of its own, named by its folder; it must forecast the same."""
    own = [argument for argument in SMALL if not argument.startswith(("job", "ensemble"))]
    earlier = finish(start(*own, "model=nlinear", "hydra.run.dir=earlier/nlinear", cwd=tmp_path), tmp_path)
    assert earlier.code == 0, earlier.err
    wrong = run_fresh(
        *SMALL,
        "ensemble.members=[nlinear,lightgbm]",
        "loss=spike_weighted",
        "ensemble.options=null",
        cwd=tmp_path,
    )
    assert wrong.code == 2
    assert "lightgbm learns with loss=mse" in wrong.err
    assert "epoch" not in wrong.out
    named = [argument.replace("[nlinear,", "[earlier/nlinear,") for argument in SMALL]
    refused = run_fresh(*named, "window.lead=5", cwd=tmp_path)
    assert refused.code == 2
    assert "earlier/nlinear was trained on other data, another split or another window" in refused.err
