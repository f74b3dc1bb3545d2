import os
from types import SimpleNamespace

import pytest

from tsforecast.errors import UserError
from tsforecast.installation import IMPORT_ROOT
from tsforecast.sweeps.launcher import launch, to_one_line
from tsforecast.sweeps.outcome import read_outcome, write
from tsforecast.sweeps.study import Job

# What submitit raises for a job that failed.
PASSED_ON = """Job (task=0) failed during processing with trace:
----------------------
Traceback (most recent call last):
  File "submission.py", line 55, in process_job
    result = delayed.result()
{error}
----------------------
You can check full logs with 'job.stderr(0)' and 'job.stdout(0)' or at paths:
  - 1_0_log.err"""


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (PASSED_ON.format(error="tsforecast.errors.UserError: It has no row."), "It has no row."),
        (PASSED_ON.format(error="MemoryError"), "MemoryError"),
        ("It has no row.\nmore", "It has no row."),
        ("", "RuntimeError"),
    ],
)
def test_a_failure_is_one_line(text, line):
    assert to_one_line(RuntimeError(text)) == line


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "theirs")
    made = [Job(number, {"seed": str(number)}, [f"seed={number}"], {}) for number in range(3)]
    return made, [tmp_path / job.folder_name for job in made]


def test_what_became_of_jobs_elsewhere_is_read_from_their_folders(jobs):
    def launcher(overrides, initial_job_idx):
        assert [one[0] for one in overrides] == ["seed=0", "seed=1", "seed=2"]
        assert os.environ["PYTHONPATH"].split(os.pathsep) == [str(IMPORT_ROOT), "theirs"]
        write(jobs[1][0], "done", "")
        return [SimpleNamespace(_return_value=value) for value in (None, UserError("It has no row."), None)]

    launch(launcher, *jobs)
    outcomes = [read_outcome(folder) for folder in jobs[1]]
    assert [one.status for one in outcomes] == ["done", "failed", "failed"]
    assert outcomes[1].error == "It has no row."
    assert "share this folder" in outcomes[2].error
    assert outcomes[2].killed  # cut off without a word: it goes on from its checkpoint


def test_a_launcher_that_breaks_fails_the_jobs_that_are_not_done(jobs):
    def launcher(overrides, initial_job_idx):
        write(jobs[1][0], "done", "")
        raise ConnectionError("no cluster at host:6379")

    launch(launcher, *jobs)
    outcomes = [read_outcome(folder) for folder in jobs[1]]
    assert [(one.status, one.error) for one in outcomes] == [
        ("done", ""),
        ("failed", "no cluster at host:6379"),
        ("failed", "no cluster at host:6379"),
    ]
