"""Where the time of a run goes: seconds and processor seconds of each stage.

The code of a stage names it, with ``stage`` as a context manager or as a decorator, and needs no other argument for it.
Outside a run nothing is measured. A stage within a stage counts for itself, not for the outer one, so the stages of a
run add up to its duration.

Example:
    >>> with measure_stages():
    ...     with stage("report"):
    ...         pass
    ...     list(seconds_by_stage())
    ['start', 'report', 'other']
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

StageTimes = dict[str, dict[str, float]]

_STAT = Path("/proc/self/stat")
_UPTIME = Path("/proc/uptime")


class StageClock:
    """Attributes the time of one thread, and the processor time of the process, to stages.

    Args:
        first: Name of the stage that has begun.
        seconds: Seconds that this stage has already taken.
        cpu_seconds: Processor seconds that it has already taken.

    Example:
        >>> clock = StageClock("start")
        >>> clock.switch("training")  # returns the stage before
        'start'
        >>> list(clock.times)
        ['start', 'training']
    """

    def __init__(self, first: str, seconds: float = 0.0, cpu_seconds: float = 0.0):
        self.times: StageTimes = {first: {"seconds": seconds, "cpu_seconds": cpu_seconds}}
        self.current = first
        self.thread = threading.get_ident()
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def switch(self, name: str) -> str:
        """End the current stage, begin or continue another one, and return the name of the one that ended."""
        self.update()
        ended, self.current = self.current, name
        self.times.setdefault(name, {"seconds": 0.0, "cpu_seconds": 0.0})
        return ended

    def update(self) -> StageTimes:
        """Add the time that has passed to the current stage, and return all times."""
        wall, cpu = time.perf_counter(), time.process_time()
        entry = self.times[self.current]
        entry["seconds"] += wall - self._wall
        entry["cpu_seconds"] += cpu - self._cpu
        self._wall, self._cpu = wall, cpu
        return self.times


_clock: StageClock | None = None
_first_run = True


@contextmanager
def measure_stages() -> Iterator[None]:
    """Measure the stages of the run in the block; what the process did before its first run is the stage ``start``."""
    global _clock, _first_run
    before = (_seconds_since_start(), time.process_time()) if _first_run else (0.0, 0.0)
    _clock, _first_run = StageClock("start", *before), False
    _clock.switch("other")
    try:
        yield
    finally:
        _clock = None


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Count the time of the block, or of the decorated function, as that of a stage."""
    clock = _active_clock()
    if clock is None:
        yield
        return
    outer = clock.switch(name)
    try:
        yield
    finally:
        clock.switch(outer)


def switch_stage(name: str) -> None:
    """Count what follows, up to the end of the enclosing ``stage``, as another stage."""
    clock = _active_clock()
    if clock is not None:
        clock.switch(name)


def seconds_by_stage() -> StageTimes:
    """Return each stage of this run with its ``seconds`` and ``cpu_seconds`` so far, empty outside a run.

    The processor seconds are those of the whole process, so that they show how many cores a stage keeps busy.
    """
    clock = _active_clock()
    if clock is None:
        return {}
    times = {name: dict(entry) for name, entry in clock.update().items()}
    times["other"] = times.pop("other")
    return times


def stage_rows(times: StageTimes) -> list[dict[str, object]]:
    """Return a row per stage for tables.

    Example:
        >>> stage_rows({"report": {"seconds": 2.04, "cpu_seconds": 3.5}})
        [{'stage': 'report', 'seconds': 2.0, 'processor seconds': 3.5}]
    """
    return [
        {
            "stage": name,
            "seconds": round(entry["seconds"], 1),
            "processor seconds": round(entry["cpu_seconds"], 1),
        }
        for name, entry in times.items()
    ]


def _active_clock() -> StageClock | None:
    """Return the clock of the run; None in other threads, whose time is not that of the run."""
    return _clock if _clock is not None and _clock.thread == threading.get_ident() else None


def _seconds_since_start() -> float:
    """Return the seconds since this process started; its processor time where the system does not tell."""
    try:
        ticks = int(_STAT.read_text().rpartition(")")[2].split()[19])
        uptime = float(_UPTIME.read_text().split()[0])
        return max(uptime - ticks / os.sysconf("SC_CLK_TCK"), time.process_time())
    except (OSError, ValueError, IndexError):
        return time.process_time()
