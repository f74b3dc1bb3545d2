"""Windows that overlap, as the rows that they share."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import NamedTuple

import numpy as np

from tsforecast.typing import Tensor


class Overlap(NamedTuple):
    """Windows of the same length at the same distance over shared rows.

    Args:
        windows: Number of windows B, at least 1.
        lookback: Rows L of each, at least 1.
        stride: Rows from one window to the next, at least 1.

    Example:
        >>> overlap = Overlap(windows=3, lookback=4, stride=2)
        >>> overlap.rows
        8
        >>> overlap.row_index().tolist()
        [[0, 1, 2, 3], [2, 3, 4, 5], [4, 5, 6, 7]]
    """

    windows: int
    lookback: int
    stride: int

    @property
    def rows(self) -> int:
        """Rows that the windows have together."""
        return (self.windows - 1) * self.stride + self.lookback

    @property
    def share(self) -> float:
        """Rows that the windows have together, relative to those that they have one by one; below 1 if they overlap."""
        return self.rows / (self.windows * self.lookback)

    def row_index(self) -> np.ndarray:
        """Return the rows of each window ``[B, L]``."""
        return self.stride * np.arange(self.windows)[:, None] + np.arange(self.lookback)

    def split(self, parts: int) -> list[tuple[int, Overlap]]:
        """Return first row and windows of each of several parts, whose numbers of windows differ by one at most.

        Example:
            >>> Overlap(windows=5, lookback=4, stride=1).split(2)
            [(0, Overlap(windows=2, lookback=4, stride=1)), (2, Overlap(windows=3, lookback=4, stride=1))]
        """
        borders = [part * self.windows // parts for part in range(parts + 1)]
        return [
            (first * self.stride, self._replace(windows=stop - first))
            for first, stop in itertools.pairwise(borders)
        ]


@dataclasses.dataclass(eq=False)
class Rows:
    """What a layer computed for the rows that windows share.

    Args:
        values: ``[1, R, D]``.
        overlap: The windows.
        first: Values of the first E steps of each window ``[B, E, D]``, if they are not those of its rows: a
            convolution looks back at the zeros before the window there. None if they are.
    """

    values: Tensor
    overlap: Overlap
    first: Tensor = None

    @property
    def edge(self) -> int:
        """Number E of first steps that are not those of the rows."""
        return 0 if self.first is None else int(self.first.shape[1])

    def steps(self, start: int, stop: int) -> Tensor:
        """Return some steps of each window, ``[B, stop - start, D]``, none of them before the edge."""
        from keras import ops

        return ops.take(self.values[0], self.overlap.row_index()[:, start:stop], axis=0)

    def first_steps(self, count: int) -> Tensor:
        """Return the first steps of each window, no fewer than those before the edge; None for no steps."""
        from keras import ops

        if count == self.edge:
            return self.first
        rest = self.steps(self.edge, count)
        return rest if self.first is None else ops.concatenate([self.first, rest], axis=1)

    @functools.cached_property
    def windows(self) -> Tensor:
        """The values of each window, ``[B, L, D]``."""
        return self.first_steps(self.overlap.lookback)


def find_overlap(ends: np.ndarray, lookback: int) -> Overlap | None:
    """Return the windows that end in given rows, None if their distances differ.

    Args:
        ends: Last rows of the windows, rising; at least one.
        lookback: Rows of each.

    Example:
        >>> find_overlap(np.array([9, 11, 13]), lookback=5)
        Overlap(windows=3, lookback=5, stride=2)
        >>> find_overlap(np.array([9, 11, 14]), lookback=5)
    """
    distances = np.diff(ends)
    if len(distances) and (distances != distances[0]).any():
        return None
    return Overlap(len(ends), lookback, int(distances[0]) if len(distances) else 1)
