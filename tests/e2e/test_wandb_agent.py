"""``wandb agent`` itself runs a sweep's job through ``run.py``, against a server on loopback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.wandb_server import KEY, WandbServer
from tsforecast.installation import CONF

ROOT = CONF.parent
QUICK = {"scale": "tiny", "training": "quick", "training.max_steps": 4, "training.steps_per_epoch": 2}


def command(program, server, tmp_path, *arguments):
    """Run a program of the environment of the tests; fail with what it printed."""
    bin_folder = Path(sys.executable).parent
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    environment |= {f"WANDB_{name}_DIR": str(tmp_path) for name in ("CACHE", "CONFIG")}
    environment |= {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "WANDB_DIR": str(tmp_path)}
    environment["PATH"] = f"{bin_folder}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        [bin_folder / program, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_job_of_the_agent_is_scored_by_its_best_model_and_can_be_resumed(tmp_path):
    folder = tmp_path / "run"
    settings = {"model": "dlinear", "optimizer.learning_rate": 0.01, "hydra.run.dir": str(folder), **QUICK}
    with WandbServer() as server:
        server.sweep = (ROOT / "docs" / "wandb_sweep.yaml").read_text()
        server.jobs = [("given-by-agent", settings)]
        command("wandb", server, tmp_path, "agent", "team/tsforecast/s")
        (run,) = server.runs.values()
        assert (run["id"], run["sweep"], run["complete"], run["exit_code"]) == (
            "given-by-agent",
            "s",
            True,
            0,
        )
        assert run["config"]["model"] == "dlinear"
        assert run["config"]["optimizer"]["learning_rate"] == 0.01
        lowest = min(row["val/rmse"] for row in run["history"] if "val/rmse" in row)
        assert run["summary"]["val/rmse"] == pytest.approx(lowest)
        rows = len(run["history"])
        (folder / "result.json").unlink()  # as if it had been stopped before its end
        command("python", server, tmp_path, "run.py", f"resume={folder}")
        assert list(server.runs) == ["given-by-agent"]
        assert len(run["history"]) > rows
