"""Measure how long calls and stages take."""

import time
from collections.abc import Callable

import numpy as np

WARM_UP_CALLS = 2  # after the first call, which compiles


def seconds_per_call(call: Callable[[], object], seconds: float, min_calls: int = 3) -> dict[str, float]:
    """Time a call repeatedly.

    Args:
        call: The call to time.
        seconds: Approximate time to spend on timed calls.
        min_calls: Minimum number of timed calls, at least 1.

    Returns: ``first`` (the first call, with compilation), ``median``, ``low`` and ``high`` (quartiles) in seconds, and
        ``calls``, the number of timed calls.

    Example:
        >>> result = seconds_per_call(lambda: sum(range(10)), seconds=0.01)
        >>> result["low"] <= result["median"] <= result["high"]
        True
    """
    start = time.perf_counter()
    call()
    first = time.perf_counter() - start
    for _ in range(WARM_UP_CALLS):
        call()
    times: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(times) < min_calls or time.perf_counter() < deadline:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    low, median, high = map(float, np.percentile(times, [25, 50, 75]))
    return {"first": first, "median": median, "low": low, "high": high, "calls": len(times)}


class StageTimer:
    """Measures the seconds of the stages of a job.

    Attributes:
        start: Start of the first stage, by ``time.monotonic``.
        stages: Seconds by stage.

    Example:
        >>> timer = StageTimer()
        >>> timer.finish("training", seconds=5.0)
        >>> timer.finish("scores")
        >>> list(timer.stages), timer.total >= 5.0
        (['training', 'scores'], True)
    """

    def __init__(self) -> None:
        self.start = self._last = time.monotonic()
        self.stages: dict[str, float] = {}

    def finish(self, stage: str, seconds: float | None = None) -> None:
        """End a stage, and begin the next one.

        Args:
            stage: Name of the stage that ends.
            seconds: Its seconds, if earlier sessions did a part of it; None: the seconds since the last stage.
        """
        now = time.monotonic()
        self.stages[stage] = now - self._last if seconds is None else seconds
        self._last = now

    @property
    def total(self) -> float:
        """Seconds of all stages."""
        return sum(self.stages.values())
