"""Runs that version 0.1.0 wrote: their configs load, their figures are the same, and their trainings resume."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.cold_commands import RUN
from tsforecast.config.schema import job_fields
from tsforecast.config.stored import as_yaml, load
from tsforecast.registry import Registry

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "runs_0_1_0.tar.xz"
CONFIGS = [
    "lstm",
    "gru_full",
    "lightgbm",
    "ensemble",
    "ensemble/members/gru",
    "ensemble/members/rule_based",
    "registry/versions/v0001",
]


@pytest.fixture
def runs(tmp_path):
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path


def run(folder, *arguments):
    done = subprocess.run(
        [sys.executable, str(RUN), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", CONFIGS)
def test_an_old_config_loads_and_is_written_in_todays_form(name, runs):
    path = runs / name / "config.yaml"
    config = load(path)
    assert config.window.lookback == 24
    assert config.data["_target_"] == "tsforecast.data.sources.synthetic.load"
    before = path.read_text()
    assert "serve:" in before
    path.write_text(as_yaml(config))
    assert load(path) == config
    keys = [line.split(":")[0] for line in path.read_text().splitlines() if not line.startswith((" ", "-"))]
    assert set(keys) == set(job_fields(config.job.name))


def test_the_options_of_an_old_ensemble_are_kept(runs):
    config = load(runs / "ensemble" / "config.yaml")
    assert config.job.name == "ensemble"
    assert len(config.ensemble.members) == 2
    assert config.serve is None


def test_an_old_registry_has_its_champion(runs):
    champion = Registry(runs / "registry").champion()
    champion.check()
    assert champion.name == "v0001"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lstm", "lightgbm", "ensemble"])
def test_an_old_run_is_evaluated_with_equal_figures(name, runs):
    assert "Equal to the run's result." in run(runs, "job=evaluate", f"run={name}")


@pytest.mark.slow
def test_an_old_run_is_promoted_and_exported_whatever_the_tracker(runs):
    printed = run(runs, "job=promote", "run=lstm", "registry.path=new_registry", "tracker=none")
    assert "v0001 (lstm) is the champion." in printed
    run(runs, "job=export", "run=lstm", "format=saved_model", "tracker=none", "export.windows=20")
    assert (runs / "lstm" / "export" / "saved_model").is_dir()


def _reopen(state):
    """Makes a training that reached its last step one that was interrupted there."""
    arrays = dict(np.load(state))
    progress = json.loads(str(arrays["progress"]))
    assert progress.pop("ended") == "max_steps"
    arrays["progress"] = np.array(json.dumps({**progress, "ended": ""}))
    np.savez(state, **arrays)


@pytest.mark.slow
def test_an_old_training_resumes_where_it_stopped(runs):
    folder = runs / "gru_full"
    (folder / "result.json").unlink()
    config = folder / "config.yaml"
    steps = load(config).training.max_steps
    config.write_text(config.read_text().replace(f"max_steps: {steps}\n", f"max_steps: {steps + 10}\n", 1))
    assert load(config).training.max_steps == steps + 10
    _reopen(folder / "last.npz")
    before = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert f"Resumed at step {steps}." in run(runs, "resume=gru_full")
    after = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert after[: len(before)] == before, "what was trained is not trained again"
    assert [row["step"] for row in after[len(before) :]] == [steps + 10]
    assert json.loads((folder / "result.json").read_text())["status"] == "done"
