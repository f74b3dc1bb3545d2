"""Faults of new rows compared with those before: shifted units, a stuck sensor, a block without values.

A threshold has two parts, hours and steps, of which the longer one counts: an hour is sixty rows of a per-minute series
and less than one of a daily series, where a single equal or missing value is not a fault either.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.durations import block_steps, days_to_steps, mean_step
from tsforecast.data.series import Series
from tsforecast.times.frequency import DAY

MISSING_HOURS, MISSING_STEPS = 6.0, 3  # a longer block without a value is a fault
STUCK_HOURS, STUCK_STEPS = 1.0, 3  # a shorter run of one value is not a fault
LONGER = 2.0  # a run that is so many times as long as those before is a fault
REFERENCE_DAYS, REFERENCE_STEPS = 365, 365  # rows before the new ones that these are compared with
USUAL_SHARE = 0.9  # of the blocks before, whose longest gap is no longer than the usual one
OUTSIDE = 1.0  # how far a block's mean or spread may lie outside those before, in units of their range
SMALL_BLOCK, OUTSIDE_SMALL = 24, 2.0  # the same for a block of fewer steps, which one busy day can move


@dataclass(frozen=True)
class _Limits:
    """The thresholds in steps of a series.

    Args:
        block: Steps of the block by which values are summarized.
        reference: Rows before the new ones that these are compared with.
        missing: Longest run without a value that is not a fault.
        stuck: Longest run of values equal to the last one that is not a fault.
        outside: ``OUTSIDE`` for this block.
        block_name: The block in words.
    """

    block: int
    reference: int
    missing: float
    stuck: float
    outside: float
    block_name: str

    @classmethod
    def of(cls, series: Series) -> "_Limits":
        """Return the thresholds for the steps of a series."""
        hour, block = DAY / 24 / mean_step(series), block_steps(series)
        return cls(
            block=block,
            reference=max(days_to_steps(series, REFERENCE_DAYS), REFERENCE_STEPS),
            missing=max(MISSING_HOURS * hour, MISSING_STEPS),
            stuck=max(STUCK_HOURS * hour, STUCK_STEPS),
            outside=OUTSIDE_SMALL if block < SMALL_BLOCK else OUTSIDE,
            block_name="a day" if mean_step(series) < DAY else f"{block} steps",
        )


def faults(series: Series, first_new: int, steps: np.ndarray | None = None) -> list[str]:
    """Return a sentence for each fault of the rows from ``first_new`` on, at most one per feature.

    Args:
        series: with at least a block of rows before ``first_new``, see ``durations.block_steps``.
        first_new: the first row that has just arrived.
        steps: numbers ``[N]`` of the steps that the times stand for; None for times of a clock.

    Returns:
        Sentences that name the feature, the rows and what is wrong; none if all is as before.
    """
    sentences, limits = [], _Limits.of(series)

    def label(row: int) -> str:
        return str(series.time[row]) if steps is None else f"step {steps[row]:,}"

    for feature in series.features:
        if feature not in CALENDAR and feature not in series.categories:
            fault = next(_find_faults(series, feature, first_new, limits, label), None)
            sentences += [] if fault is None else [fault]
    return sentences


def _find_faults(
    series: Series, feature: str, first_new: int, limits: _Limits, label: Callable[[int], str]
) -> Iterator[str]:
    column = np.asarray(series.column(feature), np.float64)
    before, new = column[max(0, first_new - limits.reference) : first_new], column[first_new:]
    start, length = longest_run(np.isnan(new))
    if length > max(limits.missing, LONGER * _usual_gap(before, limits.block)):
        yield f"{feature} has no value in {length:,} rows from {label(first_new + start)}"
    start, length = longest_run(_same_as_last(new))
    usual = longest_run(_same_as_last(before))[1]
    if length > max(limits.stuck, LONGER * usual):
        yield (
            f"{feature} is constant at {new[start]:g} for {length + 1:,} rows from {label(first_new + start)}"
            f" (before: at most {usual + 1:,} rows)"
        )
    observed = min(0.5, 0.5 * float(np.isfinite(before).mean())) if len(before) else 0.5
    for name, figure in (("mean", np.nanmean), ("spread", np.nanstd)):
        known, now = (_block_figures(part, limits.block, observed, figure) for part in (before, new))
        if not len(known) or not len(now):
            continue
        low, high = known.min(), known.max()
        room = limits.outside * max(high - low, 1e-12 * abs(high))
        worst = now[int(np.argmax(np.maximum(now - high, low - now)))]
        if worst > high + room or worst < low - room:
            yield (
                f"the {name} of {feature} over {limits.block_name} is {worst:.4g}"
                f" (before: {low:.4g} to {high:.4g})"
            )


def longest_run(flags: np.ndarray) -> tuple[int, int]:
    """Return start and length of the longest run of true flags; length 0 if there is none."""
    starts, lengths = _runs(flags)
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(lengths))
    return int(starts[longest]), int(lengths[longest])


def _runs(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the starts and lengths of the runs of true flags."""
    padded = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(padded[1:] != padded[:-1])
    return edges[::2], edges[1::2] - edges[::2]


def _usual_gap(values: np.ndarray, block: int) -> float:
    """Return the length of the gaps that occur regularly, such as nights or weekends; a rare gap does not count."""
    starts, lengths = _runs(np.isnan(values))
    longest = np.zeros(-(-len(values) // block) or 1)
    np.maximum.at(longest, (starts + lengths - 1) // block, lengths)
    return float(np.quantile(longest, USUAL_SHARE, method="lower"))


def _same_as_last(values: np.ndarray) -> np.ndarray:
    """Return whether the next value is the same: a run of k trues is k + 1 equal values."""
    array: np.ndarray = values[1:] == values[:-1]
    return array


def _block_figures(values: np.ndarray, block: int, observed: float, figure: object) -> np.ndarray:
    """Return a figure for each whole block (or for at least half of one, if there is less).

    A block counts if more than a share ``observed`` of it is.
    """
    size = block if len(values) >= block else len(values)
    if not size or size < block / 2:
        return np.empty(0)
    whole = values[len(values) % size :].reshape(-1, size)
    whole = whole[np.isfinite(whole).mean(axis=1) > observed]
    return np.array([figure(row) for row in whole])  # type: ignore[operator]
