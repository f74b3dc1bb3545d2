"""Running figures of rows that arrive in pieces: trailing counts, run lengths and latches; the same in any pieces."""

from typing import Any

import numpy as np

from tsforecast.monitoring.rounding import to_nullable


def latch(on: np.ndarray, off: np.ndarray, initial: np.ndarray) -> np.ndarray:
    """Return states ``[m, F]`` that begin where ``on`` holds and last until ``off`` does; ``on`` takes precedence.

    Example:
        >>> on, off = np.array([[0], [1], [0], [0]], bool), np.array([[0], [0], [0], [1]], bool)
        >>> latch(on, off, np.array([False]))[:, 0].tolist()
        [False, True, True, False]
    """
    events = np.concatenate([initial[None].astype(np.int8), np.where(on, 1, np.where(off, 0, -1))])
    newest = np.where(events >= 0, np.arange(len(events))[:, None], 0)
    newest = np.maximum.accumulate(newest, axis=0)
    states: np.ndarray = np.take_along_axis(events, newest, axis=0)[1:] == 1
    return states


class TrailingCount:
    """Counts flags among the newest rows.

    Args:
        window: Number of rows.
        features: Number of features F.

    Example:
        >>> count = TrailingCount(window=2, features=1)
        >>> count.update(np.array([[True], [True], [False]]))[:, 0].tolist()
        [1, 2, 1]
    """

    def __init__(self, window: int, features: int):
        self._flags: np.ndarray = np.zeros((window, features), bool)

    def update(self, flags: np.ndarray) -> np.ndarray:
        """Add rows ``[m, F]``, and return the count after each."""
        window = len(self._flags)
        flags = np.concatenate([self._flags, flags])
        total = np.cumsum(flags, axis=0, dtype=np.int32)
        self._flags = flags[-window:]
        counts: np.ndarray = total[window:] - total[:-window]
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {"flags": self._flags.astype(int).tolist()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._flags = np.array(stored["flags"], bool).reshape(self._flags.shape)


class RunLength:
    """Counts how often in succession a column had the value that it has now; NaN neither counts nor ends a run.

    Args:
        features: Number of features F.

    Example:
        >>> runs = RunLength(features=1)
        >>> runs.update(np.array([[7.0], [7.0], [np.nan], [7.0], [8.0]]))[:, 0].tolist()
        [1, 2, 2, 3, 1]
    """

    def __init__(self, features: int):
        self.value = np.full(features, np.nan)
        self.length = np.zeros(features, np.int64)

    def update(self, values: np.ndarray) -> np.ndarray:
        """Add rows ``[m, F]``, and return the length of the run that each is in."""
        lengths = np.empty(values.shape, np.int64)
        for feature in range(values.shape[1]):
            lengths[:, feature] = self._update_one(feature, values[:, feature])
        return lengths

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {"value": to_nullable(self.value), "length": self.length.tolist()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self.value = np.array(stored["value"], np.float64)
        self.length = np.array(stored["length"], np.int64)

    def _update_one(self, feature: int, values: np.ndarray) -> np.ndarray:
        is_known = np.isfinite(values)
        known = values[is_known]
        if not len(known):
            return np.full(len(values), self.length[feature])
        before = np.concatenate([[self.value[feature]], known[:-1]])
        position = np.arange(1, len(known) + 1)
        began = np.maximum.accumulate(np.where(known != before, position, 0))
        # A run that continues from before the piece began ``length`` values before its first one.
        length = np.where(began > 0, position - began + 1, position + self.length[feature])
        after = np.cumsum(is_known)
        result = np.concatenate([[self.length[feature]], length])[after]
        self.value[feature], self.length[feature] = known[-1], length[-1]
        return np.asarray(result)


class TrailingMean:
    """Means of the newest blocks, weighted by how much was observed in each.

    Args:
        window: Number of blocks.
        columns: Number of columns K.

    Example:
        >>> mean = TrailingMean(window=2, columns=1)
        >>> for value in (1.0, 3.0, 5.0):
        ...     result = mean.update(np.array([value]), np.array([1.0]))
        >>> result.tolist(), mean.known.tolist()
        ([4.0], [2])
    """

    def __init__(self, window: int, columns: int):
        self._values: np.ndarray = np.full((window, columns), np.nan)
        self._weights: np.ndarray = np.zeros((window, columns))

    @property
    def known(self) -> np.ndarray:
        """Number of blocks with a value ``[K]``."""
        return np.asarray(np.isfinite(self._values).sum(axis=0))

    @property
    def total(self) -> np.ndarray:
        """Sum of the weights of the blocks with a value ``[K]``."""
        return np.asarray(self._weights.sum(axis=0))

    def update(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Add a block ``[K]``, and return the means of the newest; NaN where there is none."""
        self._values = np.concatenate([self._values[1:], values[None]])
        self._weights = np.concatenate([self._weights[1:], np.where(np.isfinite(values), weights, 0.0)[None]])
        total = self._weights.sum(axis=0)
        weighted = np.where(np.isfinite(self._values), self._values * self._weights, 0.0).sum(axis=0)
        with np.errstate(invalid="ignore"):
            return np.asarray(weighted / total)

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {"values": to_nullable(self._values), "weights": self._weights.tolist()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._values = np.array(stored["values"], np.float64).reshape(self._values.shape)
        self._weights = np.array(stored["weights"], np.float64).reshape(self._weights.shape)
