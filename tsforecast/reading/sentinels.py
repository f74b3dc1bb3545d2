"""Numbers such as -9999 that stand for missing values: repeated, and far from all other values of their column."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

MIN_REPEATS = 3
NINES = re.compile(r"-?9{3,}(\.9+)?")  # numbers that stand for missing values in many files
HUGE = 1e15  # beyond which a number need not be repeated
MIN_OTHERS_OF_NINES = 2
MIN_OTHERS = 10  # distinct other values, without which nothing is known about where values lie
MIN_DISTANCE = 2.0  # from the nearest other value, in ranges of all others
MAX_SENTINELS = 3  # on each side of a column
MAX_PART = 1.001 / (
    1 + MIN_DISTANCE
)  # of the range of all values, for all others than a sentinel; rounded up
SAMPLE = 2000  # values, by which most columns are known to have no sentinel


def find_sentinels(values: np.ndarray) -> Iterator[tuple[float, int]]:
    """Yield each sentinel of ``[N]`` numbers (NaN allowed), and how often it occurs.

    Example:
        >>> list(find_sentinels(np.array([*np.linspace(3, 9, 50), -200, -200, -200])))
        [(-200.0, 3)]
    """
    sample = values[:: max(1, len(values) // SAMPLE)]
    ends = (np.fmin.reduce(values), np.fmax.reduce(values)) if len(values) else (np.nan, np.nan)
    sides = [side for side in (0, 1) if _may_be_far(ends, sample, side)]
    if not sides:
        return
    known = np.isnan(values)
    known = values[~known] if known.any() else values
    for side in sides:
        extreme, others = (np.min, np.max)[side], known
        candidates: list[tuple[float, int]] = []
        while len(others) and len(candidates) < MAX_SENTINELS:
            value = float(extreme(others))
            count = int((others == value).sum())
            if count < (1 if abs(value) >= HUGE else MIN_REPEATS):
                break
            others = others[others != value]
            candidates.append((value, count))
            if _is_far(value, others):
                yield from candidates
                break


def sentinel_notes(sentinels: Mapping[str, Sequence[tuple[float, int]]]) -> tuple[str, ...]:
    """Return a note for each sentinel, given those of each column and how often they occur."""
    columns: dict[float, list[tuple[str, int]]] = {}
    for name, counts in sentinels.items():
        for sentinel, count in counts:
            columns.setdefault(sentinel, []).append((name, count))
    return tuple(_note(sentinel, names) for sentinel, names in columns.items())


def _may_be_far(ends: tuple[float, float], sample: np.ndarray, side: int) -> bool:
    """Return whether all but a few values may be so far from an extreme that it is a sentinel.

    The others are then within a part of the range of all values, at its other end.

    Args:
        ends: Smallest and largest value.
        sample: Some of the values, whose number of different ones in the rest of the range tells.
        side: 0 for the smallest value, 1 for the largest.
    """
    if not ends[1] > ends[0]:
        return False
    border = ends[1 - side] + (ends[side] - ends[1 - side]) * MAX_PART
    beyond = sample[sample < border] if side == 0 else sample[sample > border]
    return len(np.unique(beyond)) <= MAX_SENTINELS


def _is_far(value: float, others: np.ndarray) -> bool:
    usual = abs(value) >= HUGE or NINES.fullmatch(f"{value:.12g}") is not None
    if len(np.unique(others[:10_000])) < (MIN_OTHERS_OF_NINES if usual else MIN_OTHERS):
        return False
    low, high = float(others.min()), float(others.max())
    return min(abs(value - low), abs(value - high)) > MIN_DISTANCE * (high - low)


def _note(sentinel: float, columns: list[tuple[str, int]]) -> str:
    shown = ", ".join(f"{count:,} times in '{name}'" for name, count in columns[:5])
    more = f" and in {len(columns) - 5} more columns" if len(columns) > 5 else ""
    return (
        f"{sentinel:.12g} occurs {shown}{more}, far from all other values: if it stands for a missing value, set"
        f" data.missing_values=[{sentinel:.12g}]."
    )
