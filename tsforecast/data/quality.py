"""Faults of new rows compared with those before: shifted units, a stuck sensor, a block without values."""

from collections.abc import Iterator

import numpy as np

from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.series import Series

MISSING_HOURS = 6.0  # a longer block without a value is a fault
STUCK_HOURS = 1.0  # a shorter run of one value is not a fault
STUCK_TIMES = 2.0  # a run that is so many times as long as the longest before is a fault
OUTSIDE = 1.0  # how far a day's mean or spread may lie outside those before, in units of their range
REFERENCE_DAYS = 365


def faults(series: Series, first_new: int) -> list[str]:
    """Return a sentence for each fault of the rows from ``first_new`` on, at most one per feature.

    Args:
        series: with at least a day of rows before ``first_new``.
        first_new: the first row that has just arrived.

    Returns:
        Sentences that name the feature, the rows and what is wrong; none if all is as before.
    """
    sentences = []
    for feature in series.features:
        if feature not in CALENDAR:
            fault = next(_find_faults(series, feature, first_new), None)
            sentences += [] if fault is None else [fault]
    return sentences


def _find_faults(series: Series, feature: str, first_new: int) -> Iterator[str]:
    column = np.asarray(series.column(feature), np.float64)
    day = max(1, round(86_400 / max(series.step, 1)))
    before, new = column[max(0, first_new - REFERENCE_DAYS * day) : first_new], column[first_new:]
    hour = day / 24
    start, length = longest_run(np.isnan(new))
    if length > MISSING_HOURS * hour:
        yield f"{feature} has no value in {length:,} rows from {series.time[first_new + start]}"
    start, length = longest_run(_same_as_last(new))
    usual = longest_run(_same_as_last(before))[1]
    if length > max(STUCK_HOURS * hour, STUCK_TIMES * usual):
        yield (
            f"{feature} is constant at {new[start]:g} for {length + 1:,} rows from {series.time[first_new + start]}"
            f" (before: at most {usual + 1:,} rows)"
        )
    for name, figure in (("mean", np.nanmean), ("spread", np.nanstd)):
        known, now = (_daily_figures(part, day, figure) for part in (before, new))
        if not len(known) or not len(now):
            continue
        low, high = known.min(), known.max()
        room = OUTSIDE * max(high - low, 1e-12 * abs(high))
        worst = now[int(np.argmax(np.maximum(now - high, low - now)))]
        if worst > high + room or worst < low - room:
            yield f"the {name} of {feature} over a day is {worst:.4g} (before: {low:.4g} to {high:.4g})"


def longest_run(flags: np.ndarray) -> tuple[int, int]:
    """Return start and length of the longest run of true flags; length 0 if there is none."""
    padded = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest] - starts[longest])


def _same_as_last(values: np.ndarray) -> np.ndarray:
    """Return whether the next value is the same: a run of k trues is k + 1 equal values."""
    array: np.ndarray = values[1:] == values[:-1]
    return array


def _daily_figures(values: np.ndarray, day: int, figure: object) -> np.ndarray:
    """Return a figure for each whole day (or for at least half a day, if there is less) that is half observed."""
    size = day if len(values) >= day else len(values)
    if size < day / 2:
        return np.empty(0)
    whole = values[len(values) % size :].reshape(-1, size)
    whole = whole[np.isnan(whole).mean(axis=1) <= 0.5]
    return np.array([figure(row) for row in whole])  # type: ignore[operator]
