"""Time zones whose clocks change: local times to UTC and back, for whole columns."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np

from tsforecast.errors import UserError, nearest
from tsforecast.times.frequency import DAY

SECOND = 1_000_000_000


class UtcTimes(NamedTuple):
    """Local times as UTC.

    Args:
        time: ``[N]`` datetime64[ns], NaT where the local time is.
        skipped: ``[N]`` bool, whether a local time does not exist, since the clock was put forward over it.
        unclear: ``[N]`` bool, whether the order of the rows does not tell which pass of a repeated hour they are in.
        once: Local times datetime64[s] at which repeated hours begin that the rows have once only.
    """

    time: np.ndarray
    skipped: np.ndarray
    unclear: np.ndarray
    once: tuple[np.datetime64, ...]


class _Periods(NamedTuple):
    """Periods of one offset: their starts in UTC and offsets, in seconds; the first one has no start."""

    start: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True)
class Zone:
    """A time zone of the IANA database.

    Args:
        name: Name such as ``Europe/Paris``.

    Example:
        >>> night = np.array(["2024-10-27T02:00", "2024-10-27T02:00", "2024-10-27T03:00"], "datetime64[ns]")
        >>> utc = Zone("Europe/Paris").to_utc(night).time.astype("datetime64[h]")
        >>> utc.astype(str).tolist()
        ['2024-10-27T00', '2024-10-27T01', '2024-10-27T02']
    """

    name: str

    @classmethod
    def parse(cls, name: object, key: str = "data.timezone") -> "Zone":
        """Return the zone of a name.

        Raises:
            UserError: There is none; naming the nearest.
        """
        try:
            ZoneInfo(str(name))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            known = sorted(available_timezones())
            advice = nearest(str(name), known) if known else " The package tzdata is not installed."
            raise UserError(
                f"{key}: there is no time zone {str(name)!r}.{advice} Write a name such as Europe/Paris."
            ) from None
        return cls(str(name))

    def to_local(self, time: np.ndarray) -> np.ndarray:
        """Return the local times of UTC times, of the same type."""
        known = ~np.isnat(time)
        local: np.ndarray = time.copy()
        seconds = time[known].astype("datetime64[s]").astype(np.int64)
        local[known] += self.offsets(seconds).astype("timedelta64[s]")
        return local

    def offsets(self, seconds: np.ndarray) -> np.ndarray:
        """Return the seconds by which local times are ahead of UTC at seconds since 1970."""
        periods = self._periods(seconds)
        offsets: np.ndarray = periods.offset[np.searchsorted(periods.start[1:], seconds, "right")]
        return offsets

    def from_wall(self, time: np.ndarray) -> np.ndarray:
        """Return the UTC times of local times: the first of two; those that do not exist count by the offset after."""
        wall = time.astype("datetime64[s]").astype(np.int64)
        periods = self._periods(wall)
        ends = periods.start[1:] + periods.offset[:-1]  # local times at which periods end
        utc: np.ndarray = (wall - periods.offset[np.searchsorted(ends, wall, "right")]).astype(
            "datetime64[s]"
        )
        return utc

    def to_utc(self, local: np.ndarray) -> UtcTimes:
        """Return the UTC times of the local times of rows; the order of rows tells the passes of a repeated hour.

        Args:
            local: ``[N]`` datetime64[ns], in the order of the rows, NaT allowed.
        """
        known = ~np.isnat(local)
        wall = local.astype(np.int64)
        periods, period, is_repeated, skipped = self._locate(wall, known)
        offset = periods.offset[period]
        unclear, once = np.zeros(len(local), bool), []
        falling = _goes_backwards(wall[known])
        for number in np.unique(period[is_repeated]):
            rows = np.flatnonzero(is_repeated & (period == number))
            rows = rows[::-1] if falling else rows
            first = _first_pass(wall[rows])
            if first is None:
                unclear[rows] = True
                continue
            offset[rows[first]] = periods.offset[number - 1]
            if first.all():
                once.append((periods.start[number] + periods.offset[number]).astype("datetime64[s]"))
        time = (wall - offset * SECOND).astype("datetime64[ns]")
        time[~known | skipped] = np.datetime64("NaT")
        return UtcTimes(time, skipped, unclear, tuple(once))

    def count_unfinished(self, local: np.ndarray) -> int:
        """Return how many of the last rows are in a repeated hour whose other pass may still follow.

        Args:
            local: ``[N]`` datetime64[ns], in the order of the rows, NaT allowed.
        """
        is_repeated = self._locate(local.astype(np.int64), ~np.isnat(local))[2]
        if not len(local) or not is_repeated[-1]:
            return 0
        return int(np.append(~is_repeated[::-1], True).argmax())

    def _locate(
        self, wall: np.ndarray, known: np.ndarray
    ) -> tuple[_Periods, np.ndarray, np.ndarray, np.ndarray]:
        """Return the periods, the latest period of each local time, whether it is repeated, and whether skipped."""
        seconds = np.where(known, wall, 0) // SECOND
        periods = self._periods(seconds[known])
        starts = periods.start[1:] + periods.offset[1:]
        ends = np.append(periods.start[1:] + periods.offset[:-1], np.iinfo(np.int64).max)
        period = np.searchsorted(starts, seconds, "right")
        is_repeated = known & (period > 0) & (seconds < ends[period - 1])
        return periods, period, is_repeated, known & (seconds >= ends[period])

    def _periods(self, seconds: np.ndarray) -> _Periods:
        if not len(seconds):
            return _read_periods(self.name, 1970, 1971)
        years = np.array([seconds.min(), seconds.max()]).astype("datetime64[s]").astype("datetime64[Y]")
        first, last = (years.astype(np.int64) + 1970).tolist()
        return _read_periods(self.name, first // 10 * 10 - 1, last // 10 * 10 + 11)


def _goes_backwards(wall: np.ndarray) -> bool:
    steps = np.diff(wall)
    return bool((steps < 0).sum() > (steps > 0).sum())


def _first_pass(wall: np.ndarray) -> np.ndarray | None:
    """Return which rows are in the first pass of a repeated hour, or None if their order does not tell.

    Args:
        wall: ``[n]`` their local times, in the order of time.
    """
    back = np.flatnonzero(np.diff(wall) < 0)
    if len(back) == 1:
        before: np.ndarray = np.arange(len(wall)) <= back[0]
        return before
    _, first, counts = np.unique(wall, return_index=True, return_counts=True)
    if len(back) or not ((counts == 1).all() or (counts == 2).all()):
        return None
    out = np.zeros(len(wall), bool)
    out[first] = True
    return out


@cache
def _read_periods(name: str, first: int, last: int) -> _Periods:
    """Return the periods of one offset from the beginning of one year to that of another, to the second."""
    from datetime import datetime, timedelta, timezone

    zone, epoch = ZoneInfo(name), datetime(1970, 1, 1, tzinfo=timezone.utc)

    def offset(second: int) -> int:
        delta = (epoch + timedelta(seconds=second)).astimezone(zone).utcoffset()
        return 0 if delta is None else int(delta.total_seconds())

    years = (
        np.array([f"{first:04d}", f"{last:04d}"], "datetime64[Y]").astype("datetime64[s]").astype(np.int64)
    )
    starts, offsets = [int(years[0])], [offset(int(years[0]))]
    for second in range(starts[0], int(years[1]), DAY):
        low, high = second, second + DAY
        if offset(high) == offsets[-1]:
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offsets[-1] else (low, middle)
        starts.append(high)
        offsets.append(offset(high))
    return _Periods(np.array(starts), np.array(offsets))
