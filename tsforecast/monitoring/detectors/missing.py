"""Missing sensor: many rows in succession without a value, or a large share of the last hours."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.detectors.signal import Signal
from tsforecast.monitoring.streams import TrailingCount, latch


@dataclass(frozen=True, kw_only=True)
class MissingOptions:
    """When values are missing.

    Args:
        rows: Rows in succession, at least 1.
        share: Share of the rows in ``window``, in (0, 1].
        window: Rows that the share is of, at least 1.
    """

    rows: int
    share: float
    window: int


class MissingSensor:
    """Watches for missing values of F features.

    Args:
        features: Number of features.
        options: When values are missing.

    Example:
        >>> detector = MissingSensor(1, MissingOptions(rows=2, share=0.9, window=10))
        >>> detector.update(np.array([[1.0], [np.nan], [np.nan], [2.0]])).active[:, 0].tolist()
        [False, False, True, False]
    """

    def __init__(self, features: int, options: MissingOptions):
        self.options = options
        self._run = np.zeros(features, np.int64)
        self._count = TrailingCount(options.window, features)
        self._is_gap, self._is_sparse = np.zeros((2, features), bool)

    def update(self, values: np.ndarray) -> Signal:
        """Add rows ``[m, F]``."""
        is_missing = np.isnan(values)
        position = np.arange(1, len(values) + 1)[:, None]
        observed = np.maximum.accumulate(np.where(is_missing, -self._run, position), axis=0)
        run = position - observed
        share = self._count.update(is_missing) / self.options.window
        gap = latch(run >= self.options.rows, run == 0, self._is_gap)
        sparse = latch(share >= self.options.share, share < self.options.share / 2, self._is_sparse)
        self._run, self._is_gap, self._is_sparse = run[-1], gap[-1], sparse[-1]
        limit = np.full(values.shape, self.options.share)
        return Signal(gap | sparse, {"rows": run, "share": share, "limit": limit})

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {
            "run": self._run.tolist(),
            "count": self._count.to_dict(),
            "states": [self._is_gap.tolist(), self._is_sparse.tolist()],
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._run = np.array(stored["run"], np.int64)
        self._is_gap, self._is_sparse = np.array(stored["states"], bool)
        self._count.restore(stored["count"])
