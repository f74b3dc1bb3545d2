"""Live progress of a sweep: one line per job, and one for the running job and the whole sweep with the time left."""

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from tsforecast.formatting import duration
from tsforecast.sweeps.outcome import Outcome, last_line
from tsforecast.sweeps.study import Job

_REFRESH_SECONDS = 0.5
_BAR_WIDTH = 20


class SweepProgress:
    """Shows the progress of a sweep.

    Args:
        jobs: Number of jobs.
        kept: Number of jobs that are done already.
        console: Console to draw on; standard output by default.
        clock: Monotonic clock in seconds.
    """

    def __init__(
        self,
        jobs: int,
        kept: int = 0,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._jobs, self._over, self._kept = jobs, kept, kept
        self._console = console or Console()
        self._clock = clock
        self._spent: list[float] = []  # seconds of the jobs that ended in this session
        self._began = self._drawn = clock()
        self._job: Job | None = None
        self._log: Path | None = None
        self._earlier = 0
        self._row: Mapping[str, Any] = {}
        self._lines: _LiveLines | None = None

    def __enter__(self) -> "SweepProgress":
        if self._console.is_terminal:
            self._lines = _LiveLines(self._console, self._jobs)
            self._lines.start()
        return self

    def __exit__(self, *failure: object) -> None:
        if self._lines is not None:
            self._lines.stop()

    def begin(self, job: Job, log: Path | None = None) -> None:
        """Notes that a job starts; the last line of its ``log`` is shown until it has figures."""
        self._job, self._log, self._row, self._began = job, log, {}, self._clock()
        self._earlier = log.stat().st_size if log and log.exists() else 0  # what an earlier attempt printed
        self._draw()

    def epoch(self, row: Mapping[str, Any]) -> None:
        """Notes the running job's newest figures."""
        self._row = row
        self._draw()

    def tick(self) -> None:
        """Draws again where the last drawing is old."""
        if self._clock() - self._drawn >= _REFRESH_SECONDS:
            self._draw()

    def end(self, job: Job, outcome: Outcome) -> None:
        """Prints the line of a job that ended, which stays."""
        seconds = self._clock() - self._began
        if outcome.status in ("done", "pruned"):
            self._spent.append(seconds)
        self._over += outcome.status != "interrupted"
        self._job = None
        parts = [f"[{self._over}/{self._jobs}]", job.label, outcome_words(outcome), duration(round(seconds))]
        left = self.seconds_left()
        if left is not None and self._over < self._jobs:
            parts.append(f"about {duration(round(left))} left")
        self.say("  ".join(parts))
        self._draw()

    def say(self, line: str) -> None:
        """Prints a line above the live ones."""
        if self._console.is_terminal:
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        else:  # a console would break the line at column 80
            print(line, file=self._console.file, flush=True)

    def seconds_left(self) -> float | None:
        """Until the last job ends, at the mean time of those that ended here; None before the first."""
        share = self._share()
        running = self._clock() - self._began if self._job else 0.0
        each = sum(self._spent) / len(self._spent) if self._spent else (running / share if share else None)
        if each is None:
            return None
        waiting = self._jobs - self._over - (self._job is not None)
        rest = max(each - running, each * (1 - share), 0.0) if self._job else 0.0
        return waiting * each + rest

    def _share(self) -> float:
        """How much of the running job's training is done, 0 to 1, where its budget is in steps."""
        training = self._job.config.get("training", {}) if self._job else {}
        steps = training.get("max_steps")
        return min(self._row.get("step", 0) / steps, 1.0) if steps else 0.0

    def _draw(self) -> None:
        if self._lines is None:
            return
        self._drawn = self._clock()
        left = self.seconds_left()
        time_left = f"about {duration(round(left))} left" if left is not None else ""
        self._lines.draw(self._running(), self._over, time_left)

    def _running(self) -> str:
        if self._job is None:
            return ""
        parts = [self._job.label]
        if self._row:
            steps = self._job.config.get("training", {}).get("max_steps")
            parts.append(f"step {self._row.get('step', 0):,}" + (f"/{steps:,}" if steps else ""))
            parts += [f"{key} {self._row[key]:.4f}" for key in ("loss", "val/rmse") if self._row.get(key)]
        else:
            parts.append((last_line(self._log, self._earlier) if self._log else "") or "starting")
        return "  ".join([*parts, duration(round(self._clock() - self._began))])


class _LiveLines(Progress):
    """The lines at the bottom of a terminal: the running job, and below it the bar of the whole sweep."""

    def __init__(self, console: Console, jobs: int):
        self._running = ""
        super().__init__(
            TextColumn("{task.completed}/{task.total} jobs "),
            BarColumn(_BAR_WIDTH),
            _TimeLeftColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._sweep = self.add_task("", total=jobs, left="")

    def get_renderables(self) -> Iterable[RenderableType]:
        """Yield the lines from top to bottom."""
        if self._running:
            yield Text(self._running, no_wrap=True, overflow="ellipsis")
        yield self.make_tasks_table(self.tasks)

    def draw(self, running: str, over: int, left: str) -> None:
        """Draw the lines again.

        Args:
            running: Line of the running job, empty if none runs.
            over: Number of jobs that have ended.
            left: The time left, empty if unknown.
        """
        self._running = running
        self.update(self._sweep, completed=over, left=left, refresh=True)


class _TimeLeftColumn(ProgressColumn):
    """The time left, cut where the terminal ends."""

    def render(self, task: Task) -> Text:
        return Text(
            f" {task.fields['left']}" if task.fields["left"] else "", no_wrap=True, overflow="ellipsis"
        )


def outcome_words(outcome: Outcome) -> str:
    """An outcome in a few words: ``done: test RMSE 0.6123 kW``, ``failed: the reason``."""
    rmse = outcome.figures.get("test/rmse")
    if rmse is not None:
        return f"{outcome.status}: test RMSE {rmse:.4f} {outcome.unit}".rstrip()
    return f"{outcome.status}: {outcome.error}" if outcome.error else outcome.status
