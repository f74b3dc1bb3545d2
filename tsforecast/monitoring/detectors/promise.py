"""Error: that of the last week as a share of persistence's, compared with the share that evaluation promised.

Easy weeks lower both errors, so that the share moves less than the error itself.
"""

from typing import Any

import numpy as np

from tsforecast.monitoring.detectors.signal import Signal
from tsforecast.monitoring.streams import TrailingMean, latch

WINDOW, MIN_BLOCKS = 168, 24
MIN_TRUTHS = 100  # of few, such as those of a day of hours, an error says little


class PromiseDetector:
    """Watches the error of T targets.

    Args:
        promised: Mean absolute error as a share of persistence's ``[T]``, as evaluated; NaN where that is not known.
        tolerance: Excess, as a share of it, that raises the condition; it ends at half of it.
        rows: Truths of a whole block.

    Example:
        >>> detector = PromiseDetector(np.array([0.8]), tolerance=0.25)
        >>> ones = np.ones((30, 1))
        >>> detector.update(0.9 * ones, ones, ones).active.any(), detector.update(1.3 * ones, ones, ones).active.any()
        (np.False_, np.True_)
    """

    def __init__(self, promised: np.ndarray, tolerance: float, rows: int = MIN_TRUTHS):
        self.promised, self.tolerance = promised, tolerance
        self._min_blocks = min(WINDOW, max(MIN_BLOCKS, -(-MIN_TRUTHS // rows)))
        self._error, self._naive = (TrailingMean(WINDOW, len(promised)) for _ in range(2))
        self._active = np.zeros(len(promised), bool)

    def update(self, error: np.ndarray, naive: np.ndarray, weights: np.ndarray) -> Signal:
        """Add blocks.

        Args:
            error: Mean absolute errors ``[m, T]``, NaN where there was no truth.
            naive: Those of persistence.
            weights: Share of the block's rows ``[m, T]`` that they are of.
        """
        share, known = np.empty((2, *error.shape))
        for index in range(len(error)):
            ours = self._error.update(error[index], weights[index])
            theirs = self._naive.update(naive[index], weights[index])
            with np.errstate(invalid="ignore", divide="ignore"):
                share[index] = np.where(theirs > 0, ours / theirs, np.nan)
            known[index] = self._error.known
        on = (known >= self._min_blocks) & (share > self.promised * (1 + self.tolerance))
        active = latch(on, share < self.promised * (1 + self.tolerance / 2), self._active)
        self._active = active[-1]
        return Signal(active, {"value": share, "usual": np.broadcast_to(self.promised, share.shape)})

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {
            "error": self._error.to_dict(),
            "naive": self._naive.to_dict(),
            "active": self._active.tolist(),
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._error.restore(stored["error"])
        self._naive.restore(stored["naive"])
        self._active = np.array(stored["active"], bool)
