"""Runs and sweeps as they stand now, read from their folders."""

import dataclasses
import json
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tsforecast.comparison.runs import MAX_DEPTH
from tsforecast.errors import UserError
from tsforecast.formatting import is_finite
from tsforecast.tracking.run_folder import RunFolder

CURVE = "val/rmse"
SILENT_SECONDS = 900  # a run that has written nothing for so long is shown as silent, not as running
UNFINISHED = ("running", "silent", "failed", "interrupted", "pruned")


@dataclasses.dataclass(frozen=True)
class LiveRun:
    """A run that is not done.

    Args:
        folder: Its folder.
        status: ``running``, ``silent``, ``failed``, ``interrupted`` or ``pruned``.
        history: Its rows so far, one per epoch.
        error: Why it ended; empty if it has not.
        written: When it last wrote, as a time of this machine.
        age: Seconds since then.
    """

    folder: Path
    status: str
    history: list[dict[str, Any]]
    error: str
    written: str
    age: float

    def last(self, key: str) -> float | None:
        """Return the newest value of a key; None before there is one."""
        return next((row[key] for row in reversed(self.history) if is_finite(row.get(key))), None)

    def lowest(self, key: str) -> float | None:
        """Return the lowest value of a key; None before there is one."""
        return min((row[key] for row in self.history if is_finite(row.get(key))), default=None)


@dataclasses.dataclass(frozen=True)
class LiveSweep:
    """A sweep: how many of its jobs stand how.

    Args:
        folder: Its folder.
        jobs: Number of all its jobs; None if only its end will tell, as in a search.
        counts: Status to number of jobs.
    """

    folder: Path
    jobs: int | None
    counts: dict[str, int]


def find_files(folders: Sequence[Path], name: str) -> Iterator[Path]:
    """Yield all files of a name, as deep as runs are searched."""
    for folder in folders:
        for depth in range(MAX_DEPTH + 1):
            yield from sorted(folder.glob("*/" * depth + name))


def stamp(folders: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """Return what changes whenever a run writes a row or a result."""
    return tuple(
        (str(file), stat.st_mtime_ns, stat.st_size)
        for name in ("config.yaml", "metrics.jsonl", "result.json", "study.json")
        for file in find_files(folders, name)
        if (stat := _stat(file)) is not None
    )


def read_unfinished(folders: Sequence[Path]) -> list[LiveRun]:
    """Return the runs that are not done, those that run first."""
    runs = {}
    for file in find_files(folders, "config.yaml"):
        run = _read_run(file.parent)
        if run is not None:
            runs[file.parent.resolve()] = run
    return sorted(runs.values(), key=lambda run: (UNFINISHED.index(run.status), run.age))


def read_sweeps(folders: Sequence[Path]) -> list[LiveSweep]:
    """Return the sweeps, the newest first."""
    files = {file.resolve(): file for file in find_files(folders, "study.json")}
    newest = sorted(files.values(), key=lambda file: file.stat().st_mtime, reverse=True)
    return [_read_sweep(file) for file in newest]


def _read_run(folder: Path) -> LiveRun | None:
    result = _read_json(folder / "result.json")
    status = str(result.get("status") or "running")
    if status == "done":
        return None
    files = RunFolder(folder)
    changes = [stat.st_mtime for file in (files.metrics, files.config) if (stat := _stat(file)) is not None]
    newest = max(changes, default=0.0)
    written, age = f"{datetime.fromtimestamp(newest):%m-%d %H:%M:%S}", time.time() - newest
    if status == "running" and age > SILENT_SECONDS:
        status = "silent"
    try:
        history = files.read_metrics()
    except (UserError, OSError):
        history = []
    status = status if status in UNFINISHED else "failed"
    return LiveRun(folder, status, history, str(result.get("error") or ""), written, age)


def _read_sweep(file: Path) -> LiveSweep:
    jobs = (_read_json(file).get("identity") or {}).get("jobs") or {}
    counts: dict[str, int] = {}
    for config in sorted(file.parent.glob("*/config.yaml")):
        status = str(_read_json(config.parent / "result.json").get("status") or "running")
        counts[status] = counts.get(status, 0) + 1
    return LiveSweep(file.parent, len(jobs) or None, counts)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _stat(file: Path) -> Any:
    try:
        return file.stat()
    except OSError:  # gone since it was listed
        return None
