"""The regular grid of times: which grid time a row belongs to, and which time a position is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.errors import UserError
from tsforecast.times.frequency import (
    BUSINESS_DAYS,
    DAY,
    MONTHS,
    WEEK,
    Frequency,
    business_day,
    business_day_index,
    is_weekend,
    second,
)

SECOND = 1_000_000_000
TOLERANCE = 10  # a timestamp within a tenth of a step of a grid time counts as on it
LAST_DAY = 30  # of a month, as days after its first: each month's own last day
MEAN_MONTH_DAYS = 30.44
MONTH_SLACK = 2.5  # days by which the most common step of months may differ from the mean month
FEW_ROWS = 10  # that may all be at one time of a known step, apart from jitter
MIN_BUSINESS_ROWS = 10  # fewer daily rows without a weekend may just not have come to one


@dataclass(frozen=True)
class TimeGrid:
    """Grid times, numbered by whole positions.

    A timestamp within a tenth of a step of a grid time counts as on it; any other belongs to the next grid time, so
    that no reading appears before it was made.

    Args:
        step: From one grid time to the next.
        phase: Seconds from the start of a step to its grid time: since 1970 for fixed steps, from the first of the
            month for steps of months (where 30 days are the last day of every month), from midnight for business days.
        month: For steps of several months, the months from January to the first month of a step.
        exact: Whether every timestamp after a grid time belongs to the next, without the tolerance, as for bins.

    Example:
        >>> grid = TimeGrid(Frequency(60))
        >>> stamps = np.array(["1970-01-01T00:01:05", "1970-01-01T00:01:30"], "datetime64[ns]")
        >>> grid.times(grid.positions(stamps)).astype(str).tolist()
        ['1970-01-01T00:01:00', '1970-01-01T00:02:00']
        >>> ends = TimeGrid(Frequency(1, "mo"), phase=30 * 86_400)
        >>> ends.shift(np.array(["2024-01-31"], "datetime64[s]"), np.array([1, 2])).astype("datetime64[D]").tolist()
        [datetime.date(2024, 2, 29), datetime.date(2024, 3, 31)]
    """

    step: Frequency
    phase: int = 0
    month: int = 0
    exact: bool = False

    @classmethod
    def from_times(cls, time: np.ndarray, step: Frequency | None = None) -> "TimeGrid":
        """Return the grid that most timestamps lie on.

        Args:
            time: ``[N]`` datetime64[ns], ascending.
            step: None for the most common step; months and business days are recognized.

        Raises:
            UserError: All times are equal, or less than a second apart.
        """
        steps = np.diff(time).astype(np.int64)
        is_regular = len(steps) > 0 and steps[0] > 0 and bool((steps == steps[0]).all())
        steps = steps[:1] if is_regular else steps[steps > 0]  # one stands for all
        if step is None and not len(steps):
            raise UserError(
                f"All rows have one and the same time, {second(time[0])}: a series needs at least two."
            )
        few = 0 if step is None else FEW_ROWS
        if len(steps) > few and np.median(steps) < 0.75 * SECOND:
            raise UserError(
                "The rows are less than a second apart, which is not supported: resample them with"
                " data.resample=1s."
            )
        if step is None:
            rounded = -((SECOND // 2 - steps) // SECOND)
            step = Frequency(most_common(rounded[rounded > 0]))
            return cls.calendar_like(time, step) or cls._of_step(time, step)
        return cls._of_step(time, step)

    @classmethod
    def calendar_like(cls, time: np.ndarray, step: Frequency) -> "TimeGrid | None":
        """Return the grid of months or business days that fits timestamps as well as a fixed step does, if any.

        Args:
            time: ``[N]`` datetime64[ns], ascending.
            step: The fixed step.
        """
        days = step.seconds / DAY
        months = max(1, round(days / MEAN_MONTH_DAYS))
        if abs(days - months * MEAN_MONTH_DAYS) <= MONTH_SLACK and (12 % months == 0 or months % 12 == 0):
            grid = cls._of_step(time, Frequency(months, MONTHS))
            return grid if grid._share(time) >= cls._of_step(time, step)._share(time) else None
        if step.seconds == DAY and len(time) >= MIN_BUSINESS_ROWS and _skips_weekends(time):
            return cls._of_step(time, Frequency(1, BUSINESS_DAYS))
        return None

    @classmethod
    def of_bins(cls, step: Frequency) -> "TimeGrid":
        """Return a grid of round times: full hours, midnights, Mondays, first days of months, quarters or years."""
        monday = 4 * DAY if step.unit == "s" and step.count % WEEK == 0 else 0
        return cls(step, monday, exact=True)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "TimeGrid":
        """Return the grid that ``to_dict`` stored."""
        return cls(**{**stored, "step": Frequency.from_json(stored["step"])})

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"step": self.step.to_json(), "phase": self.phase, "month": self.month, "exact": self.exact}

    def positions(self, time: np.ndarray) -> np.ndarray:
        """Return the positions ``[N]`` of timestamps ``[N]`` datetime64[ns] without NaT."""
        step = self.step.seconds * SECOND
        slack = 0 if self.exact else step // TOLERANCE
        if not self.step.is_calendar:
            fixed: np.ndarray = -((slack + self.phase * SECOND - time.astype(np.int64)) // step)
            return fixed
        positions: np.ndarray = self._numbers(time) - 1
        for _ in range(2):
            positions += time.astype(np.int64) > self.times(positions).astype(np.int64) * SECOND + slack
        return positions

    def times(self, positions: np.ndarray) -> np.ndarray:
        """Return the grid times ``[N]`` datetime64[s] of positions ``[N]``."""
        if self.step.unit == MONTHS:
            return _in_months(positions * self.step.count + self.month, self.phase)
        if self.step.unit == BUSINESS_DAYS:
            days = business_day(positions * self.step.count)
            return (days * DAY + self.phase).astype("datetime64[s]")
        return (positions * self.step.count + self.phase).astype("datetime64[s]")

    def off_grid(self, time: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Return ``[N]`` nanoseconds between timestamps and the grid times at their positions."""
        seconds = self.times(positions).astype(np.int64)
        array: np.ndarray = np.abs(time.astype(np.int64) - seconds * SECOND)
        return array

    def shift(self, time: np.ndarray | np.datetime64, steps: np.ndarray | int) -> np.ndarray:
        """Return times datetime64[s] some steps later, or earlier if negative; the arrays broadcast.

        Days of the month stay, as far as the month has them; times on the grid stay on it, and ends of months stay
        ends. A time on a weekend counts to its Friday.
        """
        seconds = np.asarray(time).astype("datetime64[s]").astype(np.int64)
        if not self.step.is_calendar:
            fixed: np.ndarray = (seconds + np.asarray(steps) * self.step.count).astype("datetime64[s]")
            return fixed
        day, clock = np.divmod(seconds, DAY)
        count = np.asarray(steps) * self.step.count
        if self.step.unit == BUSINESS_DAYS:
            moved = business_day(business_day_index(day) + count)
            return (np.where(count == 0, day, moved) * DAY + clock).astype("datetime64[s]")
        month = day.astype("datetime64[D]").astype("datetime64[M]")
        date = day - month.astype("datetime64[D]").astype(np.int64)
        last = _month_lengths(month.astype(np.int64)) - 1
        anchor = self.phase // DAY
        date = np.where(date == np.minimum(anchor, last), anchor, np.where(date == last, LAST_DAY, date))
        return _in_months(month.astype(np.int64) + count, date * DAY + clock)

    def _numbers(self, time: np.ndarray) -> np.ndarray:
        """Return which month or business day timestamps are in, counted in steps."""
        if self.step.unit == MONTHS:
            index = time.astype("datetime64[M]").astype(np.int64) - self.month
        else:
            index = business_day_index(time.astype("datetime64[D]").astype(np.int64))
        number: np.ndarray = index // self.step.count
        return number

    def _share(self, time: np.ndarray) -> float:
        """Return the share of timestamps that are grid times to the second."""
        return float((self.off_grid(time, self.positions(time)) < SECOND).mean())

    @classmethod
    def _of_step(cls, time: np.ndarray, step: Frequency) -> "TimeGrid":
        slack = min(step.seconds * SECOND // TOLERANCE, SECOND // 2)
        seconds = -((slack - time.astype(np.int64)) // SECOND)
        if not step.is_calendar:
            return cls(step, most_common(seconds % step.count))
        clock = most_common(seconds % DAY)
        if step.unit == BUSINESS_DAYS:
            return cls(step, clock)
        month = time.astype("datetime64[M]")
        date = (time.astype("datetime64[D]") - month.astype("datetime64[D]")).astype(np.int64)
        first = most_common(month.astype(np.int64) % step.count)
        grids = [cls(step, day * DAY + clock, first) for day in (most_common(date), LAST_DAY)]
        return max(grids, key=lambda grid: grid._share(time))


def most_common(numbers: np.ndarray) -> int:
    """Return the most common of some numbers, the smallest of several."""
    if len(numbers) and (numbers == numbers[0]).all():
        return int(numbers[0])
    values, counts = np.unique(numbers, return_counts=True)
    return int(values[counts.argmax()])


def _in_months(month: np.ndarray, phase: np.ndarray | int) -> np.ndarray:
    """Return times datetime64[s] ``phase`` seconds after the first of months since 1970, at most on their last day."""
    date, clock = np.divmod(phase, DAY)
    date = np.minimum(date, _month_lengths(month) - 1)
    first = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    times: np.ndarray = ((first + date) * DAY + clock).astype("datetime64[s]")
    return times


def _month_lengths(month: np.ndarray) -> np.ndarray:
    first, after = (number.astype("datetime64[M]").astype("datetime64[D]") for number in (month, month + 1))
    lengths: np.ndarray = (after - first).astype(np.int64)
    return lengths


def _skips_weekends(time: np.ndarray) -> bool:
    """Return whether two weekends or more passed without a row."""
    days = time.astype("datetime64[D]").astype(np.int64)
    return bool(days[-1] - days[0] >= 14 and not is_weekend(days).any())
