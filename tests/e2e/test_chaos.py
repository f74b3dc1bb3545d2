"""A minute of faults under load: nothing acknowledged is lost, and no request fails without a reason."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
# Those that need no training come again until the minute is over; the hour has all of them.
EVENTS = (
    "swap fill_disk jump_clock damage_champion damage_alias promote_garbage kill_on_full_disk retrain_twice"
)


def test_a_minute_of_faults_loses_nothing(tmp_path):
    result = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "benchmarks.chaos", "--minutes=1", f"--out={result}"]
    done = subprocess.run(
        [*command, "--events", *EVENTS.split()], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    chaos = json.loads(result.read_text())
    assert {event["event"] for event in chaos["events"]} == set(EVENTS.split())
    assert chaos["acknowledged"]["rows"] > 2000
    assert min(chaos["acknowledged"].values()) > 50
    assert chaos["lost"] == {"rows": 0, "observations": 0, "forecasts": 0}
    assert "| fill disk | " in done.stdout
