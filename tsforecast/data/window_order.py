"""The last input rows of windows, and the order in which an epoch takes them, without arrays as long as the data."""

from functools import lru_cache

import numpy as np

MAX_IN_MEMORY = (
    1 << 23
)  # windows whose rows and order are kept as arrays; more of them are computed where needed
ROUNDS = 4  # of the Feistel network; with keys as good as random, four make a random permutation


class RowRange:
    """Rows ``start, start + step, ...`` below ``stop``, which takes the place of an array of them.

    Example:
        >>> rows = RowRange(9, 30, 10)
        >>> len(rows), rows[np.array([1, 2])].tolist(), np.asarray(rows).tolist()
        (3, [19, 29], [9, 19, 29])
    """

    def __init__(self, start: int, stop: int, step: int):
        self._rows = range(start, stop, step)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: slice | int | np.ndarray) -> np.ndarray:
        rows = self._rows
        if isinstance(index, slice):
            chosen = rows[index]
            return np.arange(chosen.start, chosen.stop, chosen.step, dtype=np.int64)
        return rows.start + rows.step * np.asarray(index, np.int64)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:].astype(dtype or np.int64, copy=False)


def epoch_order(count: int, seed: int, epoch: int, part: slice) -> np.ndarray:
    """Return a part of the random order ``[n]`` of ``count`` windows in an epoch.

    Args:
        count: Number of windows.
        seed: Random seed, 0 or more.
        epoch: 0 for the first.
        part: Which part of the order.
    """
    if count <= MAX_IN_MEMORY:
        return _permutation(count, seed, epoch)[part]
    return permute(
        np.arange(part.start, part.stop, dtype=np.uint64), count, np.random.default_rng([seed, epoch])
    )


@lru_cache(maxsize=2)  # this epoch and the next
def _permutation(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)


def draw_series(ends: np.ndarray, starts: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Return an epoch ``[n]`` in which each series is drawn equally often, whatever its number of windows.

    One series after the other, in a random order that changes from round to round, gives one of its windows at random.

    Args:
        ends: Last input rows ``[n]`` of the windows, rising.
        starts: First row ``[S]`` of each series.
        seed: Random seed, 0 or more.
        epoch: 0 for the first.

    Returns:
        Indices of windows.

    Example:
        >>> order = draw_series(np.arange(10), np.array([0, 8]), seed=0, epoch=0)
        >>> int((order >= 8).sum()), len(order)  # the second series has two windows of ten
        (5, 10)
    """
    borders = np.unique(np.searchsorted(ends, [*starts.tolist(), int(ends[-1]) + 1]))
    first, counts = borders[:-1], np.diff(borders)
    rng = np.random.default_rng([seed, epoch])
    rounds = rng.random((-(-len(ends) // len(counts)), len(counts))).argsort(axis=1)
    series = rounds.ravel()[: len(ends)]
    order: np.ndarray = first[series] + rng.integers(0, counts[series])
    return order


def permute(positions: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return where a random permutation of ``0 .. count - 1`` sends positions, computed for these alone.

    A Feistel network permutes the numbers of a power of four that is at least ``count``; a number that leaves the
    range goes through it again until it is within.

    Args:
        positions: ``[n]`` uint64, each below ``count``.
        count: Length of the permutation.
        rng: Source of the keys, in the same state for all positions of one permutation.

    Source: Luby & Rackoff (1988), "How to construct pseudorandom permutations"; Black & Rogaway (2002), "Ciphers with
        arbitrary finite domains", for the range.

    Example:
        >>> sorted(permute(np.arange(10, dtype=np.uint64), 10, np.random.default_rng(0)).tolist())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    half = np.uint64(max(1, -(-(count - 1).bit_length() // 2)))
    keys = rng.integers(0, 2**64, ROUNDS, dtype=np.uint64)
    result = _encrypt(positions, half, keys)
    outside = np.flatnonzero(result >= count)
    while len(outside):
        result[outside] = _encrypt(result[outside], half, keys)
        outside = outside[result[outside] >= count]
    return result.astype(np.int64)


def _encrypt(numbers: np.ndarray, half: np.uint64, keys: np.ndarray) -> np.ndarray:
    mask = np.uint64((1 << int(half)) - 1)
    left, right = numbers >> half, numbers & mask
    for key in keys:
        left, right = right, left ^ (_mix(right ^ key) & mask)
    array: np.ndarray = (left << half) | right
    return array


def _mix(numbers: np.ndarray) -> np.ndarray:
    """Return a hash of each number (the finalizer of MurmurHash3)."""
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        numbers = (numbers ^ (numbers >> np.uint64(33))) * np.uint64(multiplier)
    array: np.ndarray = numbers ^ (numbers >> np.uint64(33))
    return array
