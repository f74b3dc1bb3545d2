"""Silence: no row arrives at all, for longer than any pause so far.

The other detectors see missing rows when the next row arrives; this one sees, by the clock, that none does.
"""

MIN_ARRIVALS = 10  # before pauses say something
FACTOR = 2.0  # of the longest pause so far


class SilenceDetector:
    """Watches the arrival of rows.

    Args:
        min_seconds: Seconds without a row that are always allowed.

    Example:
        >>> detector = SilenceDetector(min_seconds=100.0)
        >>> for now in range(0, 600, 60):
        ...     detector.add_arrival(now)
        >>> detector.is_silent(600.0), detector.is_silent(700.0)
        (False, True)
    """

    def __init__(self, min_seconds: float):
        self.min_seconds = min_seconds
        self._last: float | None = None
        self._longest, self._arrivals = 0.0, 0

    def add_arrival(self, now: float) -> None:
        """Note that rows have arrived, at a time in seconds that never goes back."""
        if self._last is not None:
            self._longest = max(self._longest, now - self._last)
        self._last = now
        self._arrivals += 1

    def seconds(self, now: float) -> float:
        """Return the seconds since rows arrived."""
        return 0.0 if self._last is None else now - self._last

    def is_silent(self, now: float, since: float = float("-inf")) -> bool:
        """Return whether rows should have arrived by now.

        Args:
            now: The time.
            since: Time from which the pause counts, if it began before.
        """
        if self._last is None or self._arrivals < MIN_ARRIVALS:
            return False
        return now - max(self._last, since) > max(self.min_seconds, FACTOR * self._longest)
