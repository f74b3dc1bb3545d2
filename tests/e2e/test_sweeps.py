"""Sweeps as a user starts them: real command lines, real jobs, on models that train in a second."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.helpers import wandb_log

ROOT = Path(__file__).parents[2]
TINY = [
    "model=nlinear",
    "scale=tiny",
    "training=quick",
    "window.lookback=20",
    "training.warmup_steps=5",
    "training.validation_windows=64",
    "tracker=none",
]

pytestmark = pytest.mark.slow


def start(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run.py"), *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments, cwd):
    """Returns exit code, standard output and standard error."""
    process = start(*arguments, cwd=cwd)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def quickly(cold_command, *arguments, cwd):
    """As ``run``, for a command that must come without TensorFlow in its own process."""
    done = cold_command(*arguments, cwd=cwd)
    assert done.imported == [], "TensorFlow is for the jobs' process alone"
    return done.code, done.out, done.err


def results(folder):
    return {path.parent.name: json.loads(path.read_text()) for path in sorted(folder.glob("*/result.json"))}


def test_a_sweep_tells_of_its_failure_goes_on_with_what_is_missing_and_is_compared(tmp_path, cold_command):
    study = [*TINY, "precision=float32,mixed", "data.split.test=0.15,0.0001"]
    code, out, err = run("-m", "sweep.id=one", *study, cwd=tmp_path)
    folder = tmp_path / "outputs/multirun/one"
    assert (code, err) == (1, "")
    stored = json.loads((folder / "sweep.json").read_text())
    assert [job["status"] for job in stored["jobs"]] == ["done", "failed"] * 2
    failures = [line for line in out.splitlines() if " failed: " in line and not line.startswith("[")]
    assert len(failures) == 2
    assert all("data.split" in line for line in failures)
    assert "01_precision-float32_test-0.0001/log.txt" in out

    # What one job sets, the next must not inherit: alone, the third gives the same figures.
    alone = [*TINY, "precision=mixed", "hydra.run.dir=alone"]
    assert run(*alone, cwd=tmp_path)[0] == 0
    third = results(folder)["02_precision-mixed_test-0.15"]
    assert json.loads((tmp_path / "alone/result.json").read_text())["metrics"] == third["metrics"]

    before = (folder / "00_precision-float32_test-0.15/result.json").stat().st_mtime_ns
    code, out, _ = quickly(cold_command, "sweep.resume=outputs/multirun/one", cwd=tmp_path)
    assert code == 1
    assert "2 of 4 jobs are done, 2 to go" in out
    assert (folder / "00_precision-float32_test-0.15/result.json").stat().st_mtime_ns == before

    code, _, err = quickly(cold_command, "-m", "sweep.id=one", *study, "training.max_steps=21", cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "training.max_steps was 20 there and is 21 now" in err

    code, out, _ = quickly(cold_command, "job=compare", "over=outputs/multirun/one", cwd=tmp_path)
    assert code == 0
    page = tmp_path / out.splitlines()[-1]
    assert page.parent.name.endswith("_compare")
    assert page.read_text().count("<tr class=") == 2
    with (page.parent / "leaderboard.csv").open() as file:
        assert [line["policy"] for line in csv.DictReader(file)] in (
            ["float32", "mixed"],
            ["mixed", "float32"],
        )


def test_a_typo_is_told_before_the_first_job(tmp_path, cold_command):
    code, _, err = quickly(cold_command, "-m", *TINY, "optimizer=adam,sgd,adamm", cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "Did you mean 'adam'" in err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_told_before_the_first_job(tmp_path, cold_command):
    arguments = ["-m", "experiment=patchtst_etth1", "data.path=nowhere.csv", "model=nlinear"]
    code, _, err = quickly(cold_command, *arguments, cwd=tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert "ETDataset" in err
    assert list(tmp_path.iterdir()) == []


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


LONG = ["training.max_steps=100000", "training.steps_per_epoch=20", "seed=0,1"]


def test_a_killed_sweep_goes_on_inside_the_job_that_it_was_in(tmp_path):
    process = start("-m", "sweep.id=cut", *TINY, *LONG, cwd=tmp_path)
    first = tmp_path / "outputs/multirun/cut/00_seed-0"
    wait_for(lambda: (first / "last.npz").is_file())
    process.kill()
    process.communicate()
    lock = tmp_path / "outputs/multirun/cut/.lock"
    wait_for(lambda: _is_free(lock))  # the orphan saves and leaves
    rows = (first / "metrics.jsonl").read_text().count("\n")

    process = start("sweep.resume=outputs/multirun/cut", cwd=tmp_path)
    wait_for(lambda: (first / "metrics.jsonl").read_text().count("\n") > rows + 1)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None  # the running job may finish
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Resumed at step" in (first / "log.txt").read_text()
    assert "The running job will be the last" in out
    statuses = [job["status"] for job in json.loads((first.parent / "sweep.json").read_text())["jobs"]]
    assert statuses == ["interrupted", "waiting"]


def _is_free(lock):
    import fcntl

    descriptor = os.open(lock, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)


def test_a_search_learns_and_prunes(tmp_path):
    pytest.importorskip("optuna")
    search = ["-m", "sweep.id=s", "hydra/sweeper=optuna", "hydra.sweeper.startup_trials=1", *TINY]
    space = ["optimizer.learning_rate=tag(log,interval(1e-9,1e-2))", "training.max_steps=60"]
    code, out, err = run(*search, *space, "hydra.sweeper.trials=4", cwd=tmp_path)
    assert (code, err) == (0, "")
    jobs = json.loads((tmp_path / "outputs/multirun/s/sweep.json").read_text())["jobs"]
    assert len(jobs) == 4
    assert {job["status"] for job in jobs} == {"done", "pruned"}
    best = min(job["figures"]["val/rmse"] for job in jobs if job["status"] == "done")
    assert f"best: val/rmse {best:.4g}" in out


def test_the_jobs_of_a_sweep_are_one_group_in_wandb_and_none_is_left_open(tmp_path):
    diverging = ["optimizer=sgd", "optimizer.clipnorm=null", "schedule=constant", "training.max_steps=60"]
    study = [*(a for a in TINY if a != "tracker=none"), *diverging, "tracker.mode=offline"]
    code, out, _ = run("-m", "sweep.id=w", *study, "optimizer.learning_rate=1e-3,10.0", cwd=tmp_path)
    assert code == 1
    assert "learning_rate=10.0 failed: The loss became" in out
    fine, failed = (
        wandb_log.read_run(tmp_path / f"outputs/multirun/w/{name}")[0]
        for name in ("00_learning_rate-0.001", "01_learning_rate-10.0")
    )
    assert (fine["exit_code"], failed["exit_code"]) == (0, 1)
    assert (fine["group"], failed["group"]) == ("w", "w")
    assert (fine["name"], failed["name"]) == ("00_learning_rate-0.001", "01_learning_rate-10.0")
    assert fine["config"]["optimizer"]["learning_rate"] == 1e-3
    assert any("val/rmse" in row for row in fine["history"])
    assert any("rmse" in key for key in fine["summary"])


def test_jobs_on_a_ray_cluster_come_back_to_one_summary(tmp_path):
    pytest.importorskip("ray")
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    ray = ["hydra/launcher=ray", "+hydra.launcher.ray.init.include_dashboard=false"]
    code, out, _ = run("-m", "sweep.id=r", *ray, *TINY, "data.split.test=0.15,0.0001", cwd=tmp_path)
    assert code == 1
    jobs = json.loads((tmp_path / "outputs/multirun/r/sweep.json").read_text())["jobs"]
    assert [job["status"] for job in jobs] == ["done", "failed"], out
    assert "data.split.test holds no row" in jobs[1]["error"]
