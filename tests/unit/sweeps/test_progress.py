"""The live lines of a sweep on a terminal."""

import io

from rich.console import Console

from tsforecast.sweeps.outcome import Outcome
from tsforecast.sweeps.progress import SweepProgress
from tsforecast.sweeps.study import Job


def test_a_terminal_shows_the_running_job_above_the_bar_of_the_sweep():
    now, text = [0.0], io.StringIO()
    console = Console(file=text, force_terminal=True, width=80, color_system=None)
    with SweepProgress(4, kept=1, console=console, clock=lambda: now[0]) as progress:
        progress.begin(Job(1, {"a": "1"}, [], {"training": {"max_steps": 100}}))
        assert "1/4 jobs  ━━━━━" in text.getvalue()
        now[0] = 10.0
        start = len(text.getvalue())
        progress.epoch({"step": 25, "loss": 0.5, "val/rmse": 0.25})
        running, bar = (" ".join(line.split()) for line in text.getvalue()[start:].splitlines()[-2:])
        assert running.endswith("a=1 step 25/100 loss 0.5000 val/rmse 0.2500 10 s")
        assert bar.startswith("1/4 jobs ━━━━━")
        assert bar.endswith("about 1 min 50 s left")  # 30 s of this job, and two of 40 s
        now[0] = 40.0
        progress.end(Job(1, {"a": "1"}, [], {}), Outcome("done"))
    assert "[2/4]  a=1  done  40 s  about 1 min 20 s left" in text.getvalue()
    assert "2/4 jobs  ━━━━━━━━━━" in text.getvalue()


def test_long_lines_are_cut_to_the_width_of_the_terminal():
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=40, color_system=None)
    with SweepProgress(2, console=console) as progress:
        progress.begin(Job(0, {"a": "x" * 60}, [], {}))
    lines = [line for line in text.getvalue().split("\n") if "x" in line]
    assert lines
    assert all("xxx…" in line for line in lines)
