"""Runs the jobs of a sweep one after the other, whatever becomes of each."""

import json
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tsforecast.sweeps.outcome import Outcome, close, read_outcome, write
from tsforecast.sweeps.processes import Worker
from tsforecast.sweeps.progress import SweepProgress
from tsforecast.sweeps.study import Job
from tsforecast.tracking.run_folder import RunFolder

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60.0  # how long a stopped job may take to save its state

# Given a job's row of figures after an epoch, returns why to end the job there, or None to let it go on.
Watch = Callable[[Mapping[str, Any]], str | None]


class Stop:
    """Whether the user wants the sweep to end: ``soon`` after the running job, or ``now``."""

    def __init__(self) -> None:
        self.soon = False
        self.now = False

    @contextmanager
    def on_signals(self, say: Callable[[str], None]) -> Iterator["Stop"]:
        """Within, the first Ctrl-C asks for ``soon`` and the second for ``now``; SIGTERM asks for ``now``."""

        def ask(number: int, frame: Any) -> None:
            self.now = self.soon or number == signal.SIGTERM
            self.soon = True
            say(
                "Stopping now."
                if self.now
                else "The running job will be the last; Ctrl-C again stops it too."
            )

        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Runner:
    """Runs jobs in a ``Worker``, shows how they go, and returns what became of them.

    Args:
        worker: where they run.
        progress: where they are shown.
        stop: asked often.
    """

    def __init__(self, worker: Worker, progress: SweepProgress, stop: Stop):
        self._worker, self._progress, self._stop = worker, progress, stop

    def run(self, job: Job, folder: Path, watch: Watch = lambda row: None) -> Outcome:
        """Runs one job to its end, from its last checkpoint where it was interrupted.

        Args:
            job: what to run.
            folder: the job's own.
            watch: sees each epoch's row; a reason that it returns ends the job as ``pruned``.
        """
        arguments = prepare(job, folder)
        log = folder / "log.txt"
        self._progress.begin(job, log)
        self._worker.begin(arguments, log)
        pruned = None
        for code, row in self._follow(folder):
            if row is not None:
                self._progress.epoch(row)
                pruned = pruned or watch(row)
                if pruned:
                    self._worker.stop()
            if code is not None:
                break
        outcome = write(folder, "pruned", pruned) if pruned else close(folder, code or 0)
        self._progress.end(job, outcome)
        return outcome

    def _follow(self, folder: Path) -> Iterator[tuple[int | None, dict[str, Any] | None]]:
        """Yields ``(None, row)`` for each new epoch, at last ``(exit code, None)``."""
        rows, asked = NewRows(folder), None
        while True:
            code = self._worker.wait(POLL_SECONDS)
            for row in rows():
                yield None, row
            if code is not None:
                yield code, None
                return
            if self._stop.now and asked is None:
                asked = time.monotonic()
                self._worker.stop()
            elif asked is not None and time.monotonic() - asked > PATIENCE_SECONDS:
                self._worker.stop(hard=True)
            self._progress.tick()


def prepare(job: Job, folder: Path) -> list[str]:
    """Create the folder of a job, and return its arguments: to resume from its checkpoint, or to start."""
    files = RunFolder.create(folder)
    before = read_outcome(folder)
    # A job that failed starts again from the beginning: resuming from its checkpoint would fail in the same way.
    cut_off = before.status in ("waiting", "interrupted") or before.killed
    resumes = cut_off and files.last.is_file() and files.config.is_file()
    files.result.unlink(missing_ok=True)
    if resumes:
        return [f"resume='{folder}'", "hydra.mode=RUN"]
    for file in (files.last, files.best, files.metrics):
        file.unlink(missing_ok=True)
    if job.config_yaml:  # a run without a checkpoint is resumed from its beginning
        files.write_text_atomic(files.config.name, job.config_yaml)
        return [f"resume='{folder}'", "hydra.mode=RUN"]
    return [*job.arguments, "hydra.mode=RUN", f"hydra.run.dir='{folder}'"]


class NewRows:
    """Reads the whole lines that ``metrics.jsonl`` gained since the last call."""

    def __init__(self, folder: Path):
        self._file = RunFolder(folder).metrics
        self._read = 0

    def __call__(self) -> list[dict[str, Any]]:
        """The new rows, in order."""
        try:
            with self._file.open("rb") as file:
                size = file.seek(0, 2)
                if size < self._read:  # rewritten by a resumed job, which dropped rows
                    self._read = 0
                file.seek(self._read)
                text = file.read()
        except FileNotFoundError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [json.loads(line) for line in whole.splitlines()]
