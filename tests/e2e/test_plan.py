"""job=plan as a command: a plan within seconds, a measured one, and a run that cannot fit."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SMALL = ["data=synthetic", "scale=tiny", "tracker=none", "model=lstm", "model.units=[32,32]"]


def run(folder, *overrides):
    return subprocess.run(
        [sys.executable, "run.py", *SMALL, f"hydra.run.dir={folder}", *overrides],
        cwd=ROOT, capture_output=True, text=True, timeout=900,
    )  # fmt: skip


def test_a_plan_for_a_v100_needs_none(tmp_path):
    done = run(tmp_path / "plan", "job=plan", "device=v100", "precision=mixed", "plan.models=[lstm,gru]")
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "plan" / "plan.json").read_text())
    assert plan["device"]["memory"] == 32e9
    assert plan["device"]["policy"] == "mixed_float16"  # a V100 has no bfloat16 units
    assert list(plan["models"]) == ["lstm", "gru"]
    assert plan["models"]["gru"]["largest_batch"] > 1000
    assert "nothing was trained" in " ".join(done.stdout.split())  # wherever the line breaks


def test_the_plan_is_right_about_a_step(tmp_path):
    done = run(
        tmp_path / "plan",
        "job=plan",
        "verify=true",
        "plan.models=[lstm]",
        "training.batch_size=256",
        "model.dropout=0",
    )
    assert done.returncode == 0, done.stderr
    verified = json.loads((tmp_path / "plan" / "plan.json").read_text())["models"]["lstm"]["verified"]
    assert verified["train"]["ratio"] == pytest.approx(1, abs=0.2)
    assert verified["infer"]["ratio"] == pytest.approx(1, abs=0.2)


def test_a_run_that_cannot_fit_is_refused_and_leaves_nothing(tmp_path):
    done = run(tmp_path / "run", "training.batch_size=1024", "device.memory_gb=1.0")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "device's 1.0 GB" in done.stderr
    assert not (tmp_path / "run").exists()
