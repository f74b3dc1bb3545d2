"""A panel: many series whose rows follow each other in one array."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

MAX_NAMES = 5  # of series in a message

Ranges = np.ndarray  # [S, 2] rows (start, stop) of each series


@dataclass(frozen=True)
class Panel:
    """The series whose rows an array contains one after the other.

    Args:
        ids: Names of the S series.
        bounds: ``[S + 1]`` int64, the first row of each series and, last, the number of all rows.
        has_clock: Whether the times are those of a clock; otherwise they number the steps of each series.
        static: Features that are constant within each series.
        name: The feature that holds the code of each series; empty without one.

    Example:
        >>> panel = Panel(("north", "south"), np.array([0, 3, 5]))
        >>> panel.series_of(np.array([0, 2, 3])).tolist(), panel.lengths.tolist()
        ([0, 0, 1], [3, 2])
    """

    ids: tuple[str, ...]
    bounds: np.ndarray
    has_clock: bool = True
    static: tuple[str, ...] = ()
    name: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def ranges(self) -> Ranges:
        """Return the rows of each series ``[S, 2]``."""
        return np.stack([self.bounds[:-1], self.bounds[1:]], axis=1)

    @property
    def lengths(self) -> np.ndarray:
        """Return the number of rows ``[S]`` of each series."""
        return np.diff(self.bounds)

    def series_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the index ``[n]`` of the series that rows ``[n]`` belong to."""
        index: np.ndarray = np.searchsorted(self.bounds, rows, side="right") - 1
        return index

    def select(self, kept: np.ndarray) -> tuple["Panel", np.ndarray]:
        """Return the panel of some of the series, and which rows ``[N]`` are theirs.

        Args:
            kept: ``[S]`` whether to keep a series.
        """
        ids = tuple(name for name, keep in zip(self.ids, kept, strict=True) if keep)
        bounds = np.concatenate([[0], np.cumsum(self.lengths[kept])])
        return replace(self, ids=ids, bounds=bounds), np.repeat(kept, self.lengths)

    def describe(self) -> dict[str, Any]:
        """Return what a model stores of its series, apart from their levels."""
        return {"has_clock": self.has_clock, "static": list(self.static), "name": self.name}

    @property
    def constant(self) -> tuple[str, ...]:
        """The features that are constant within each series, that of its name included."""
        return (*self.static, self.name) if self.name else self.static


def as_ranges(borders: object) -> np.ndarray:
    """Return the ranges ``[3, S, 2]`` of three splits, given as such or as one pair of rows each."""
    return np.asarray(borders, np.int64).reshape(3, -1, 2)


def mask_rows(ranges: Ranges, rows: int) -> np.ndarray:
    """Return ``[N]`` whether each of ``rows`` rows is in one of the ranges, which do not overlap.

    Example:
        >>> mask_rows(np.array([[0, 1], [3, 5]]), 5).tolist()
        [True, False, False, True, True]
    """
    change = np.zeros(rows + 1, np.int64)
    np.add.at(change, ranges[:, 0], 1)
    np.add.at(change, ranges[:, 1], -1)
    mask: np.ndarray = np.cumsum(change[:-1]) > 0
    return mask


def take_rows(array: np.ndarray, ranges: Ranges) -> np.ndarray:
    """Return the rows of an array within ranges; a view if there is one range."""
    if len(ranges) == 1:
        rows: np.ndarray = array[int(ranges[0, 0]) : int(ranges[0, 1])]
        return rows
    return np.concatenate([array[start:stop] for start, stop in ranges.tolist()])


def join_ids(ids: Sequence[str], most: int = MAX_NAMES) -> str:
    """Return the names of some series for a message.

    Example:
        >>> join_ids(["a", "b", "c"], most=2)
        "'a', 'b' and 1 more"
    """
    shown = ", ".join(f"'{name}'" for name in ids[:most])
    return f"{shown} and {len(ids) - most:,} more" if len(ids) > most else shown
