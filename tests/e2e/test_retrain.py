"""The daily retraining: a kill at any step does no harm, a repetition changes nothing, damaged days are rejected."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.command_runs import run_fresh

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retraining")
    # Two large steps leave so poor a model that a few more steps must improve it.
    tiny = [
        "optimizer.learning_rate=0.03",
        "model=nlinear",
        "scale=tiny",
        "tracker=none",
        "training.max_steps=2",
        "training.steps_per_epoch=2",
    ]
    run = run_fresh(*tiny, "training.supervision=last", "hydra.run.dir=run", cwd=folder)
    assert run.code == 0, run.err
    script = Path(__file__).parents[1] / "helpers" / "retraining_run.py"
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(script.parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_nothing_happens_without_new_rows(results):
    assert results["nothing"] == "nothing new"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("units", "over a day is"), ("stuck", "is constant at"), ("missing", "has no value in")],
)
def test_damaged_day_is_rejected_with_the_reason(results, kind, words):
    outcome, why, champion = results["damaged"][kind]
    assert (outcome, champion) == ("refused", "v0001")
    assert "global_active_power" in why
    assert words in why


def test_kill_at_any_step_leaves_a_champion(results):
    for name, killed, champion in results["kills"]:
        assert killed, name
        # Only a kill between the promotion and the record of it leaves the new version in service.
        assert champion == ("v0002" if name == "write_json" else "v0001"), name


def test_repeated_run_ends_as_if_never_killed(results):
    outcome, why, champion = results["outcome"]
    assert champion == "v0002", why
    assert results["versions"] == ["v0001", "v0002"]
    assert (outcome, results["again"]) == ("promoted", "promoted")
    assert why.startswith("v0002 replaces v0001: retrained with 1,440 new rows; RMSE ")


def test_replay_resumes_after_a_kill_and_reports_each_day(results):
    replay = results["replay"]
    before, after = replay["before"], replay["after"]
    assert (before["status"], len(before["days"])) == ("running", 1)
    assert (after["status"], len(after["days"])) == ("done", 3)
    assert after["days"][0] == before["days"][0]
    first, second, third = after["days"]
    assert first["rmse_with"] == first["rmse_without"]
    assert second["outcome"] == "promoted"  # before the kill, and reported after it
    assert second["rmse_with"] != second["rmse_without"]
    assert third["outcome"] == "refused"
    assert "over a day is" in third["why"]
    assert (after["promoted"], after["refused"]) == (1, 1)
    squared = sum(day["squared_with"] for day in after["days"])
    observed = sum(day["observed"] for day in after["days"])
    assert after["with_retraining"] == pytest.approx((squared / observed) ** 0.5)
    assert after["median_seconds"] > 0
    assert [line.split("|")[2].strip() for line in replay["table"].splitlines()[2:5]] == [
        "unchanged",
        "promoted",
        "refused",
    ]
    assert replay["champion"] == "v0001"  # a replay leaves the version in service
