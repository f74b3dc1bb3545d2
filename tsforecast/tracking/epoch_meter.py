"""Speed of a training epoch and the share of its time that was spent waiting for input."""

import math


class EpochMeter:
    """Measure one epoch: steps per second and the wait for input.

    Args:
        number: Number of the epoch, from 1.
        step: Optimizer steps done before it.
        now: Seconds on the progress clock.
        waited: Seconds spent waiting for input before it.

    Example:
        >>> meter = EpochMeter(1, step=0, now=0.0, waited=0.0)
        >>> meter.record(steps=1, now=8.0, waited=0.5)  # compiles
        >>> meter.record(steps=9, now=10.0, waited=1.0)
        >>> meter.steps_per_second, meter.input_wait
        (4.0, 0.1)
    """

    def __init__(self, number: int, step: int, now: float, waited: float):
        self.number = number
        self.first_step = step
        self.steps = 0
        self._start, self._end, self._start_waited, self._waited = now, now, waited, waited
        self._warm: tuple[float, int] | None = None  # time and steps after the first call, which may compile

    def record(self, steps: int, now: float, waited: float) -> None:
        """Record that ``steps`` steps of this epoch are done."""
        self.steps, self._end, self._waited = steps, now, waited
        if self._warm is None:
            self._warm = (now, steps)

    @property
    def steps_per_second(self) -> float:
        """Speed without the first step, unless it is the only one; NaN before any step."""
        start, before = self._warm if self._warm and self.steps > self._warm[1] else (self._start, 0)
        return (self.steps - before) / (self._end - start) if self._end > start else math.nan

    @property
    def input_wait(self) -> float:
        """Share, 0 to 1, of the time from the start of the epoch to the end of its last step; NaN before any step."""
        span = self._end - self._start
        return (self._waited - self._start_waited) / span if span > 0 else math.nan
