"""Split by time: training first, then validation, then test; no part overlaps another."""

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from tsforecast.data.series import Series
from tsforecast.errors import UserError, nearest
from tsforecast.panels.splits import (
    ranges_at_times,
    ranges_of_first,
    ranges_of_last,
    ranges_of_shares,
    times_of_shares,
)

PARTS = ("train", "val", "test")
Borders = tuple[tuple[int, int], ...]


def borders(split: Mapping[str, object], time: np.ndarray) -> Borders:
    """Return the row ranges ``(start, stop)`` of training, validation and test.

    Args:
        split: ``train``, ``val`` and ``test``, all of one kind. Fractions of the rows, above 0, together at
            most 1; or whole numbers of rows, which may leave rows over at the end; or ISO dates, each the
            end of its part: a part holds the rows before its date that no earlier part holds. ``test`` as a
            date may be null: up to the end. Whole numbers for ``val`` and ``test`` alone are the last rows, and all
            rows before them are for training.
        time: ``[N]`` datetime64[s].

    Raises:
        UserError: if a part is missing, misnamed, empty, of another kind, or the parts need more rows than
            there are.
    """
    values = _values(split)
    if _are_dates(values):
        stops = tuple(
            len(time) if date is None else int(np.searchsorted(time, date)) for date in _dates(values)
        )
    else:
        stops = _size_stops(values, len(time))
    starts = (0, *stops[:-1])
    for name, start, stop in zip(PARTS, starts, stops, strict=True):
        if stop <= start:
            raise UserError(
                f"data.split.{name} holds no row: the series has {len(time):,} rows, {time[0]} to {time[-1]};"
                f" {_advice(values)}."
            )
    return tuple(zip(starts, stops, strict=True))


def panel_ranges(split: Mapping[str, object], series: Series) -> np.ndarray:
    """Return the row ranges ``[3, S, 2]`` of training, validation and test in each series of a panel.

    Dates and fractions divide all series at the same times; fractions are those of the time from the first row of all
    series to the last. Without a clock, fractions are those of the rows of each series, and so are whole numbers.

    Args:
        split: See ``borders``; whole numbers for ``val`` and ``test`` alone are the last rows of each series.
        series: The panel.

    Raises:
        UserError: As ``borders``.
    """
    panel, values = series.panel, _values(split)
    if panel is None:
        raise ValueError("the series is not a panel")
    if _are_dates(values):
        if not panel.has_clock:
            raise UserError("data.split has dates, but the times number steps: give rows or fractions.")
        ranges = ranges_at_times(_dates(values), series.clock.local(series.time), panel)
    elif _are_last_rows(values):
        ranges = ranges_of_last(values[1], values[2], panel)
    elif _check_sizes(values):
        ranges = ranges_of_first(values, panel)
    elif panel.has_clock:
        ranges = ranges_at_times(times_of_shares(values, series.time, series.grid), series.time, panel)
    else:
        ranges = ranges_of_shares(values, panel)
    for name, part in zip(PARTS, ranges, strict=True):
        if not (part[:, 1] > part[:, 0]).any():
            most = panel.lengths.max()
            raise UserError(
                f"data.split.{name} holds no row of any series, of at most {most:,} rows; {_advice(values)}."
            )
    return ranges


def divides_at_times(split: Mapping[str, object], series: Series) -> bool:
    """Return whether ``panel_ranges`` divides all series at the same times, rather than by the rows of each."""
    values = _values(split)
    if _are_dates(values):
        return True
    has_clock = series.panel is None or series.panel.has_clock
    return has_clock and not _are_last_rows(values) and not _check_sizes(values)


def _values(split: Mapping[str, object]) -> list[Any]:
    """Return the values of the three parts."""
    if not isinstance(split, Mapping):
        raise UserError(f"data.split is {split!r}: give it train, val and test, such as 0.7, 0.15 and 0.15.")
    for name in split:
        if name not in PARTS:
            raise UserError(
                f"data.split has no part '{name}': give train, val, test.{nearest(str(name), PARTS)}"
            )
    return [split.get(name) for name in PARTS]


def _are_last_rows(values: list[Any]) -> bool:
    """Whether ``val`` and ``test`` are whole numbers of rows at the end, and ``train`` is whatever is before them."""
    train, *last = values
    counts = all(isinstance(value, int) and not isinstance(value, bool) and value > 0 for value in last)
    return counts and (train is None or (isinstance(train, float) and 0 < train < 1))


def _advice(values: list[Any]) -> str:
    """Return what to do about a part without rows."""
    if _are_last_rows(values):
        return f"data.split.val and data.split.test take the last {values[1] + values[2]:,}: ask for fewer"
    return "give it more of them"


def _are_dates(values: list[Any]) -> bool:
    return any(isinstance(value, str | datetime.date) for value in values)


def _dates(values: list[Any]) -> list[np.datetime64 | None]:
    dates: list[np.datetime64 | None] = []
    for name, value in zip(PARTS, values, strict=True):
        if value is None and name == "test":
            dates.append(None)
            continue
        try:
            if not isinstance(value, str | datetime.date):
                raise ValueError
            dates.append(np.datetime64(str(value), "s"))
        except ValueError:
            raise UserError(
                f"data.split.{name} is {value!r}: next to dates, give the date that ends it ('2010-01-01')."
            ) from None
    return dates


def _size_stops(values: list[Any], rows: int) -> tuple[int, ...]:
    if _are_last_rows(values):
        return (rows - values[1] - values[2], rows - values[2], rows)
    if _check_sizes(values):
        stops = np.cumsum(values)
        if stops[-1] > rows:
            raise UserError(f"data.split asks for {stops[-1]:,} rows, but there are {rows:,}: ask for fewer.")
        return tuple(int(stop) for stop in stops)
    # Rounded before it is cut, so that 0.7 + 0.15 + 0.15 is all rows whatever the last binary digit.
    return tuple(int(round(float(stop) * rows, 6)) for stop in np.cumsum(values))


def _check_sizes(values: list[Any]) -> bool:
    """Check sizes of splits, and return whether they are rows rather than fractions."""
    for name, value in zip(PARTS, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise UserError(
                f"data.split.{name} is {value!r}: give a fraction above 0, a number of rows or a date."
            )
    if all(isinstance(value, int) for value in values):
        return True
    total = sum(values)
    if any(value >= 1 for value in values) or total > 1 + 1e-9:
        raise UserError(
            f"data.split {values[0]}, {values[1]}, {values[2]}: give fractions that add up to at most 1,"
            " or only whole numbers of rows."
        )
    return False
