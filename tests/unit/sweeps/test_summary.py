import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tsforecast.sweeps import summary
from tsforecast.sweeps.outcome import Outcome
from tsforecast.sweeps.progress import SweepProgress
from tsforecast.sweeps.study import Job


def rows():
    good = {"test/rmse": 0.61234, "test/mae": 0.4, "skill/persistence": 0.123, "seconds": 83.0}
    outcomes = [
        Outcome("done", figures=good, unit="kW"),
        Outcome("failed", "no window fits"),
        Outcome("waiting"),
    ]
    jobs = [Job(i, {"model": name, "training.batch_size": "8"}, [], {}) for i, name in enumerate("abc")]
    return [
        summary.Row(job, Path("s") / job.folder_name, one) for job, one in zip(jobs, outcomes, strict=True)
    ]


def test_the_plain_table_names_each_job_and_each_failure_with_its_folder():
    text = io.StringIO()
    summary.show(rows(), Console(file=text))
    lines = text.getvalue().splitlines()
    assert " ".join(lines[0].split()) == "# model batch_size status test RMSE (kW) test MAE (kW) skill time"
    assert lines[1].split() == [
        "0",
        "a",
        "8",
        "done",
        "0.6123",
        "0.4000",
        "+12.3",
        "%",
        "1",
        "min",
        "23",
        "s",
    ]
    assert lines[2].split() == ["1", "b", "8", "failed"]
    assert lines[4:] == ["model=b batch_size=8 failed: no window fits", "  s/01_model-b_batch_size-8"]


def test_the_table_of_a_terminal_holds_the_same_cells():
    text = io.StringIO()
    summary.show(rows(), Console(file=text, force_terminal=True, width=120, color_system=None))
    assert "0.6123" in text.getvalue()
    assert "no window fits" in text.getvalue()


@pytest.mark.parametrize(("width", "skill", "head"), [(120, True, "test RMSE (kW)"), (60, False, "RMSE")])
def test_a_narrow_terminal_loses_figures_and_no_sign_of_the_rest(width, skill, head):
    text = io.StringIO()
    summary.show(rows(), Console(file=text, force_terminal=True, width=width, color_system=None))
    lines = text.getvalue().splitlines()
    assert ("+12.3 %" in text.getvalue()) is skill
    assert ("All figures: s/summary.csv" in lines) is not skill
    assert any(head in line for line in lines)
    assert "…" not in text.getvalue()
    assert next(line for line in lines if "0.6123" in line).split()[:4] == ["0", "a", "8", "done"]


def test_both_files_hold_every_job(tmp_path):
    summary.write(tmp_path, "failed", rows())
    stored = json.loads((tmp_path / "sweep.json").read_text())
    assert [job["status"] for job in stored["jobs"]] == ["done", "failed", "waiting"]
    assert stored["jobs"][0]["axes"] == {"model": "a", "training.batch_size": "8"}
    lines = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    assert [line["error"] for line in lines] == ["", "no window fits", ""]
    assert float(lines[0]["test/rmse"]) == 0.61234


def test_time_left_is_the_mean_of_the_jobs_so_far():
    now = [0.0]
    text = io.StringIO()
    progress = SweepProgress(4, kept=1, console=Console(file=text), clock=lambda: now[0])
    job = Job(0, {"a": "1"}, [], {"training": {"max_steps": 100}})
    assert progress.seconds_left() is None
    progress.begin(job)
    now[0] = 10.0
    progress.epoch({"step": 25})
    assert progress.seconds_left() == 2 * 40 + 30  # a quarter took ten seconds
    now[0] = 20.0
    progress.end(job, Outcome("done"))
    assert progress.seconds_left() == 2 * 20
    assert text.getvalue() == "[2/4]  a=1  done  20 s  about 40 s left\n"


def test_a_job_without_figures_shows_what_it_printed_last(tmp_path):
    log, text = tmp_path / "log.txt", io.StringIO()
    log.write_text("from an earlier attempt\n")
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    with SweepProgress(1, console=console) as progress:
        progress.begin(Job(0, {"a": "1"}, [], {}), log)
        assert "a=1  starting  0 s" in text.getvalue()
        log.write_text("from an earlier attempt\nmember gru\n")
        progress.epoch({})
    assert "a=1  member gru  0 s" in text.getvalue()
    assert "earlier" not in text.getvalue()
