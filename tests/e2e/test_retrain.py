"""The retraining at dawn: safe to kill at every step, the same when done again, deaf to damaged days."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_runs import run_fresh

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    place = tmp_path_factory.mktemp("dawn")
    # So poor a model that a few steps more must help.
    tiny = [
        "model=nlinear",
        "scale=tiny",
        "tracker=none",
        "training.max_steps=2",
        "training.steps_per_epoch=2",
    ]
    run = run_fresh(*tiny, "training.supervision=last", "hydra.run.dir=run", cwd=place)
    assert run.code == 0, run.err
    script = Path(__file__).with_name("retrain_dawn.py")
    done = subprocess.run(
        [sys.executable, str(script), str(place)],
        cwd=place,
        env={**os.environ, "PYTHONPATH": str(script.parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_without_new_rows_nothing_happens(told):
    assert told["nothing"] == "nothing new"


@pytest.mark.parametrize(
    ("kind", "words"),
    [("units", "over a day is"), ("stuck", "stands still"), ("missing", "has no value in")],
)
def test_a_damaged_day_is_refused_with_the_reason(told, kind, words):
    outcome, why, champion = told["damaged"][kind]
    assert (outcome, champion) == ("refused", "v0001")
    assert "global_active_power" in why
    assert words in why


def test_a_kill_at_any_step_leaves_a_champion(told):
    for name, came, champion in told["kills"]:
        assert came, name
        # Only the kill after the move, before the record of the work, finds the new one in service.
        assert champion == ("v0002" if name == "write_json" else "v0001"), name


def test_done_again_it_ends_as_if_never_killed(told):
    outcome, why, champion = told["outcome"]
    assert champion == "v0002", why
    assert told["versions"] == ["v0001", "v0002"]
    assert outcome in ("promoted", "nothing new")
    assert told["again"] == outcome
