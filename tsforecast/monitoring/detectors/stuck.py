"""Stuck sensor: a value that stays the same longer than it ever did in training.

Many sensors rest at one value for days (a meter at 0), so that value has a limit of its own.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.detectors.signal import Signal
from tsforecast.monitoring.rounding import to_array, to_plain_list
from tsforecast.monitoring.streams import RunLength

MIN_ROWS = 5  # that any run may have, and that a limit exceeds the longest one of training by


@dataclass(frozen=True)
class LongestRuns:
    """The longest constant runs of F features.

    Args:
        resting: The most frequent value of each ``[F]``, NaN if there is none.
        at_rest: Rows of its longest run ``[F]``.
        elsewhere: Rows of the longest run but one of all other values ``[F]``.
    """

    resting: np.ndarray
    at_rest: np.ndarray
    elsewhere: np.ndarray

    def limits(self, factor: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows that a run of the resting value, and of another one, may have."""
        rest, other = (
            np.maximum(runs * factor, runs + MIN_ROWS).astype(np.int64)
            for runs in (self.at_rest, self.elsewhere)
        )
        return rest, other

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: to_plain_list(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "LongestRuns":
        """Read what ``to_dict`` returned."""
        return cls(*(to_array(stored[name]) for name in ("resting", "at_rest", "elsewhere")))


class RunLearner:
    """Learns the longest runs from rows in pieces.

    Away from the resting value the longest run but one counts: the longest may have been a stuck sensor itself, as in
    household power, where a single run of 400 minutes exceeds all others tenfold.

    Args:
        features: Number of features F.
        sample: Rows ``[n, F]`` from which the resting values are taken.

    Example:
        >>> learner = RunLearner(1, np.array([[0.0], [0.0], [1.0]]))
        >>> for part in (np.zeros((4, 1)), np.ones((2, 1)), np.full((9, 1), 2.0), np.ones((3, 1))):
        ...     learner.add(part)
        >>> runs = learner.result()
        >>> runs.at_rest.tolist(), runs.elsewhere.tolist()
        ([4.0], [3.0])
    """

    def __init__(self, features: int, sample: np.ndarray):
        self._runs = RunLength(features)
        self.resting = np.array([_most_frequent(column) for column in sample.T])
        self._at_rest = np.zeros(features)
        self._elsewhere = np.zeros((features, 2))  # the longest two, rising

    def add(self, values: np.ndarray) -> None:
        """Add rows ``[m, F]``."""
        for feature, column in enumerate(values.T):
            known = column[np.isfinite(column)]
            if len(known):
                self._add_runs(feature, known)

    def result(self) -> LongestRuns:
        """Return what was learned."""
        for feature, value in enumerate(self._runs.value):
            self._keep(feature, np.array([value]), self._runs.length[[feature]])
        self._runs = RunLength(len(self.resting))
        return LongestRuns(self.resting, self._at_rest, self._elsewhere[:, 0])

    def _add_runs(self, feature: int, known: np.ndarray) -> None:
        value, length = self._runs.value[feature], self._runs.length[feature]
        ends = np.flatnonzero(known[1:] != known[:-1])
        lengths = np.diff(np.concatenate([[-1], ends, [len(known) - 1]]))
        values = known[np.concatenate([ends, [len(known) - 1]]).astype(np.int64)]
        if values[0] == value:
            lengths[0] += length
        else:
            self._keep(feature, np.array([value]), np.array([length]))
        self._keep(feature, values[:-1], lengths[:-1])
        self._runs.value[feature], self._runs.length[feature] = values[-1], lengths[-1]

    def _keep(self, feature: int, values: np.ndarray, lengths: np.ndarray) -> None:
        is_resting = values == self.resting[feature]
        self._at_rest[feature] = max(self._at_rest[feature], lengths[is_resting].max(initial=0))
        longest = np.sort(np.concatenate([self._elsewhere[feature], lengths[~is_resting]]))
        self._elsewhere[feature] = longest[-2:]


class StuckSensor:
    """Watches for runs that are longer than those of training.

    Args:
        learned: The longest runs of training.
        factor: Multiple of them that a run may have, at least 1.

    Example:
        >>> learned = LongestRuns(np.array([0.0]), np.array([50.0]), np.array([3.0]))
        >>> detector = StuckSensor(learned, factor=1.5)
        >>> detector.update(np.full((9, 1), 2.5)).active[:, 0].tolist()[-2:]  # 3 + 5 rows are allowed
        [False, True]
        >>> bool(detector.update(np.zeros((50, 1))).active.any())
        False
    """

    def __init__(self, learned: LongestRuns, factor: float):
        self.resting = learned.resting
        self.rest_limit, self.other_limit = learned.limits(factor)
        self._runs = RunLength(len(learned.resting))

    def update(self, values: np.ndarray) -> Signal:
        """Add rows ``[m, F]``; a missing value leaves the condition as it is."""
        before = self._runs.value.copy()
        lengths = self._runs.update(values)
        current = _carry(values, before)
        limit = np.where(current == self.resting, self.rest_limit, self.other_limit)
        return Signal(lengths > limit, {"rows": lengths, "value": current, "limit": limit})

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return self._runs.to_dict()

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._runs.restore(stored)


def _carry(values: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return rows with each missing value replaced by the one before it."""
    rows = np.concatenate([before[None], values])
    newest = np.where(np.isfinite(rows), np.arange(len(rows))[:, None], 0)
    carried: np.ndarray = np.take_along_axis(rows, np.maximum.accumulate(newest, axis=0), axis=0)[1:]
    return carried


def _most_frequent(column: np.ndarray) -> float:
    values, counts = np.unique(column[np.isfinite(column)], return_counts=True)
    return float(values[counts.argmax()]) if len(values) else float("nan")
