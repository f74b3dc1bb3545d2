"""Measure how long a call takes."""

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
