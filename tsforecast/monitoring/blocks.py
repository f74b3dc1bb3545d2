"""Blocks of rows: mean, roughness and observed share of each feature per hour, the same in pieces as all at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.rounding import to_nullable

HOUR = 3600


@dataclass(frozen=True)
class Blocks:
    """Statistics of n consecutive blocks of F features.

    Args:
        time: Second at which each block begins ``[n]``.
        mean: Means ``[n, F]``, NaN where too few values are observed.
        roughness: Means ``[n, F]`` of the absolute differences between consecutive values, NaN as above.
        observed: Shares ``[n, F]`` of observed values.
    """

    time: np.ndarray
    mean: np.ndarray
    roughness: np.ndarray
    observed: np.ndarray

    def __len__(self) -> int:
        return len(self.time)


def block_seconds(step: int) -> int:
    """Return the length of a block: an hour, or a row where rows are further apart.

    Example:
        >>> block_seconds(60), block_seconds(900), block_seconds(86_400)
        (3600, 3600, 86400)
    """
    return max(HOUR, step)


def join_blocks(parts: list[Blocks], features: int) -> Blocks:
    """Return all blocks of some parts, in order."""
    if not parts:
        empty = np.zeros((0, features))
        return Blocks(np.zeros(0, np.int64), empty, empty, empty)
    names = ("time", "mean", "roughness", "observed")
    return Blocks(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class BlockBuilder:
    """Turns rows, in pieces of any size, into blocks.

    A block is complete when a row of a later one arrives.

    Args:
        step: Seconds from one row to the next.
        features: Number of features F.
        min_share: Share of a block's rows that must be observed for its statistics to count.

    Example:
        >>> builder = BlockBuilder(step=1800, features=1)
        >>> blocks = builder.add(np.array([0, 1800, 3600]), np.array([[1.0], [3.0], [9.0]]))
        >>> blocks.time.tolist(), blocks.mean.tolist(), blocks.roughness.tolist()
        ([0], [[2.0]], [[2.0]])
    """

    def __init__(self, step: int, features: int, min_share: float = 0.5):
        self.step, self.features, self.min_share = step, features, min_share
        self.seconds = block_seconds(step)
        self._time = np.zeros(0, np.int64)
        self._values = np.zeros((0, features))
        self._past = 0  # rows at the front that precede the block, for its first difference

    def add(self, time: np.ndarray, values: np.ndarray) -> Blocks:
        """Add rows, and return the blocks that they complete.

        Args:
            time: Seconds ``[m]`` since 1970, rising, later than all before.
            values: Values ``[m, F]``, NaN where missing.
        """
        time = np.concatenate([self._time, time])
        values = np.concatenate([self._values, values])
        first = _segment_starts(time[self._past :] // self.seconds)
        if len(first) < 2:
            self._time, self._values = time, values
            return join_blocks([], self.features)
        done = self._past + int(first[-1])
        blocks = self._summarize(time[:done], values[:done], first[:-1])
        self._time, self._values, self._past = time[done - 1 :], values[done - 1 :], 1
        return blocks

    def to_dict(self) -> dict[str, Any]:
        """Return the rows of the block that is not complete yet, for ``restore``."""
        return {"time": self._time.tolist(), "values": to_nullable(self._values), "past": self._past}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._time = np.array(stored["time"], np.int64)
        self._values = np.array(stored["values"], np.float64).reshape(-1, self.features)
        self._past = int(stored["past"])

    def _summarize(self, time: np.ndarray, values: np.ndarray, first: np.ndarray) -> Blocks:
        difference = np.full(values.shape, np.nan)
        consecutive = np.diff(time) <= self.step
        difference[1:][consecutive] = np.abs(np.diff(values, axis=0))[consecutive]
        time, values, difference = (part[self._past :] for part in (time, values, difference))
        expected = max(1, self.seconds // self.step)
        mean, counts = _means(values, first)
        roughness, _ = _means(difference, first)
        few = counts < max(1, expected * self.min_share)
        mean[few] = roughness[few] = np.nan
        begins = time[first] // self.seconds * self.seconds
        return Blocks(begins, mean, roughness, np.minimum(counts / expected, 1.0))


def _segment_starts(labels: np.ndarray) -> np.ndarray:
    """Return where runs of equal labels begin."""
    if not len(labels):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate([[True], labels[1:] != labels[:-1]]))


def _means(values: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return means of the observed values, and their counts, of the segments that begin in rows ``first``."""
    is_observed = np.isfinite(values)
    counts = np.add.reduceat(is_observed, first, axis=0, dtype=np.int64)
    sums = np.add.reduceat(np.where(is_observed, values, 0.0), first, axis=0)
    with np.errstate(invalid="ignore"):
        return sums / counts, counts
