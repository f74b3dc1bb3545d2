"""The step from one row to the next: a fixed time, or months, quarters, years or business days."""

import re
from dataclasses import dataclass

import numpy as np

from tsforecast.errors import UserError

DAY = 86_400
WEEK = 7 * DAY
SECONDS, MONTHS, BUSINESS_DAYS = "s", "mo", "bd"
MONTH_SECONDS = 2_629_746  # of the mean month of the Gregorian calendar
FIXED = {"s": 1, "sec": 1, "min": 60, "t": 60, "h": 3600, "d": DAY, "w": WEEK}
IN_MONTHS = {
    **dict.fromkeys(("mo", "mon", "month", "months", "ms", "me", "bms", "bme"), 1),
    **dict.fromkeys(("q", "qs", "qe", "bqs", "bqe", "quarter", "quarters"), 3),
    **dict.fromkeys(("y", "ys", "ye", "a", "as", "year", "years"), 12),
}
IN_BUSINESS_DAYS = ("b", "bd", "businessday", "businessdays")
WRITTEN = (  # longer names of the fixed units, and days of weeks and months that a table shows by itself
    (r"^(w|week|weeks)(-(mon|tue|wed|thu|fri|sat|sun))?$", "w"),
    (r"^(q|qs|qe|bqs|bqe|y|ys|ye|a|as)-[a-z]{3}$", r"\1"),
    (r"^(seconds?|secs)$", "s"),
    (r"^(minutes?|mins)$", "min"),
    (r"^(hours?|hr|hrs)$", "h"),
    (r"^days?$", "d"),
)
ADVICE = "write it as 15min, 1h, 1d, 1w, 1bd (business day), 1mo, 1q or 1y"


def second(time: np.datetime64) -> str:
    """Return a time to the second, for messages."""
    return str(time)[:19]


@dataclass(frozen=True)
class Frequency:
    """A step between rows.

    Args:
        count: Number of units.
        unit: ``s`` (seconds), ``mo`` (months of the calendar) or ``bd`` (Monday to Friday).

    Example:
        >>> str(Frequency.parse("QS")), str(Frequency(900)), Frequency.parse("1mo").season
        ('1q', '15min', 12)
        >>> Frequency(3, "mo").describe()
        '1 quarter'
    """

    count: int
    unit: str = SECONDS

    @classmethod
    def parse(cls, text: str | int, key: str = "data.frequency") -> "Frequency":
        """Read a step such as ``15min``, ``1h``, ``1mo``, ``QS`` or whole seconds.

        Args:
            text: The step.
            key: Option that it comes from.

        Raises:
            UserError: It reads as none of these.
        """
        match = re.fullmatch(r"(\d*)\s*([A-Za-z]*(?:-[A-Za-z]{3})?)", str(text).strip())
        number, unit = match.groups() if match else ("", "")
        count, unit = int(number or 1), _canonical(unit)
        step = None
        if unit in IN_MONTHS:
            step = cls(count * IN_MONTHS[unit], MONTHS)
        elif unit in IN_BUSINESS_DAYS:
            step = cls(count, BUSINESS_DAYS)
        elif unit in FIXED or (number and not unit):
            step = cls(count * FIXED[unit or "s"])
        if step is None or step.count < 1 or isinstance(text, bool):
            raise UserError(f"{key} is {text!r}: {ADVICE}.")
        return step

    @classmethod
    def from_json(cls, stored: str | int) -> "Frequency":
        """Return the step that ``to_json`` stored."""
        return cls.parse(stored)

    def to_json(self) -> str | int:
        """Return whole seconds, or text such as ``1mo``."""
        return str(self) if self.is_calendar else self.count

    @property
    def is_calendar(self) -> bool:
        """Whether steps differ in length, as months and business days do."""
        return self.unit != SECONDS

    @property
    def is_below_day(self) -> bool:
        """Whether a step is shorter than a day."""
        return not self.is_calendar and self.count < DAY

    @property
    def seconds(self) -> int:
        """Seconds of a step, on average over years."""
        if self.unit == MONTHS:
            return self.count * MONTH_SECONDS
        return self.count * DAY * 7 // 5 if self.unit == BUSINESS_DAYS else self.count

    @property
    def season(self) -> int:
        """Steps in a season: a day, a week of days or business days, a year of weeks, months or quarters."""
        if self.unit == MONTHS:
            return 12 // self.count if 12 % self.count == 0 else 1
        if self.unit == BUSINESS_DAYS:
            return 5 if self.count == 1 else 1
        if self.count < DAY:
            return max(1, round(DAY / self.count))
        return {DAY: 7, WEEK: 52}.get(self.count, 1)

    def __str__(self) -> str:
        if self.unit == BUSINESS_DAYS:
            return f"{self.count}bd"
        return self._largest_unit((12, "y"), (3, "q"), (1, "mo"), joined="")

    def describe(self) -> str:
        """Return a step for readers: ``15 min``, ``1 month``, ``2 business days``."""
        if self.unit == SECONDS:
            return self._largest_unit(joined=" ")
        if self.unit == BUSINESS_DAYS:
            text = f"{self.count} business day"
        else:
            text = self._largest_unit((12, "year"), (3, "quarter"), (1, "month"), joined=" ")
        return text if text.startswith("1 ") else f"{text}s"

    def _largest_unit(self, *months: tuple[int, str], joined: str) -> str:
        units = months if self.unit == MONTHS else ((DAY, "d"), (3600, "h"), (60, "min"), (1, "s"))
        size, name = next((size, name) for size, name in units if self.count % size == 0)
        return f"{self.count // size}{joined}{name}"


def parse_frequency(frequency: str | int | None) -> Frequency | None:
    """Return the step that ``data.frequency`` states, if any.

    Raises:
        UserError: It reads as no step.
    """
    return None if frequency is None else Frequency.parse(frequency)


def business_day_index(day: np.ndarray) -> np.ndarray:
    """Return the number of business days since Monday, 29 December 1969; weekends count to their Friday.

    Args:
        day: Days since 1970.
    """
    week, weekday = np.divmod(day + 3, 7)
    index: np.ndarray = week * 5 + np.minimum(weekday, 4)
    return index


def business_day(index: np.ndarray) -> np.ndarray:
    """Return the days since 1970 of business days, the reverse of ``business_day_index``."""
    week, weekday = np.divmod(index, 5)
    day: np.ndarray = week * 7 + weekday - 3
    return day


def is_weekend(day: np.ndarray) -> np.ndarray:
    """Return whether days since 1970 are a Saturday or a Sunday."""
    weekend: np.ndarray = (day + 3) % 7 >= 5
    return weekend


def _canonical(unit: str) -> str:
    """Return a unit in one spelling; as in pandas, M and MS are months, while m and ms could mean anything."""
    low = unit.lower()
    if low in ("m", "ms"):
        return "mo" if unit.isupper() else "?"
    for pattern, replacement in WRITTEN:
        low = re.sub(pattern, replacement, low)
    return low
