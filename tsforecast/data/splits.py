"""Split by time: training first, then validation, then test; no part overlaps another."""

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np

from tsforecast.errors import UserError, nearest

PARTS = ("train", "val", "test")
Borders = tuple[tuple[int, int], ...]


def borders(split: Mapping[str, object], time: np.ndarray) -> Borders:
    """Return the row ranges ``(start, stop)`` of training, validation and test.

    Args:
        split: ``train``, ``val`` and ``test``, all of one kind. Fractions of the rows, above 0, together at
            most 1; or whole numbers of rows, which may leave rows over at the end; or ISO dates, each the
            end of its part: a part holds the rows before its date that no earlier part holds. ``test`` as a
            date may be null: up to the end.
        time: ``[N]`` datetime64[s].

    Raises:
        UserError: if a part is missing, misnamed, empty, of another kind, or the parts need more rows than
            there are.
    """
    if not isinstance(split, Mapping):
        raise UserError(f"data.split is {split!r}: give it train, val and test, such as 0.7, 0.15 and 0.15.")
    for name in split:
        if name not in PARTS:
            raise UserError(
                f"data.split has no part '{name}': give train, val, test.{nearest(str(name), PARTS)}"
            )
    values = [split.get(name) for name in PARTS]
    stops = _date_stops(values, time) if _are_dates(values) else _size_stops(values, len(time))
    starts = (0, *stops[:-1])
    for name, start, stop in zip(PARTS, starts, stops, strict=True):
        if stop <= start:
            raise UserError(
                f"data.split.{name} holds no row: the series has {len(time):,} rows, {time[0]} to {time[-1]};"
                " give it more of them."
            )
    return tuple(zip(starts, stops, strict=True))


def _are_dates(values: list[Any]) -> bool:
    return any(isinstance(value, str | datetime.date) for value in values)


def _date_stops(values: list[Any], time: np.ndarray) -> tuple[int, ...]:
    stops = []
    for name, value in zip(PARTS, values, strict=True):
        if value is None and name == "test":
            stops.append(len(time))
            continue
        try:
            if not isinstance(value, str | datetime.date):
                raise ValueError
            stops.append(int(np.searchsorted(time, np.datetime64(str(value), "s"))))
        except ValueError:
            raise UserError(
                f"data.split.{name} is {value!r}: next to dates, give the date that ends it ('2010-01-01')."
            ) from None
    return tuple(stops)


def _size_stops(values: list[Any], rows: int) -> tuple[int, ...]:
    for name, value in zip(PARTS, values, strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise UserError(
                f"data.split.{name} is {value!r}: give a fraction above 0, a number of rows or a date."
            )
    if all(isinstance(value, int) for value in values):
        stops = np.cumsum(values)
        if stops[-1] > rows:
            raise UserError(f"data.split asks for {stops[-1]:,} rows, but there are {rows:,}: ask for fewer.")
        return tuple(int(stop) for stop in stops)
    total = sum(values)
    if any(value >= 1 for value in values) or total > 1 + 1e-9:
        raise UserError(
            f"data.split {values[0]}, {values[1]}, {values[2]}: give fractions that add up to at most 1,"
            " or only whole numbers of rows."
        )
    # Rounded before it is cut, so that 0.7 + 0.15 + 0.15 is all rows whatever the last binary digit.
    return tuple(int(round(float(stop) * rows, 6)) for stop in np.cumsum(values))
