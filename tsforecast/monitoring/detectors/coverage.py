"""Coverage: the share of truths in their intervals during the last day, compared with the nominal one."""

from typing import Any

import numpy as np

from tsforecast.monitoring.detectors.signal import Signal
from tsforecast.monitoring.streams import TrailingMean, latch

WINDOW, MIN_BLOCKS = 24, 12


class CoverageDetector:
    """Watches the coverage of T targets.

    Args:
        targets: Number of targets.
        nominal: Nominal coverage, in (0, 1).
        tolerance: Difference that raises the condition; it ends at half of it.

    Example:
        >>> detector = CoverageDetector(targets=1, nominal=0.9, tolerance=0.1)
        >>> detector.update(np.full((24, 1), 0.7), np.ones((24, 1))).active[[0, -1], 0].tolist()
        [False, True]
    """

    def __init__(self, targets: int, nominal: float, tolerance: float):
        self.nominal, self.tolerance = nominal, tolerance
        self._mean = TrailingMean(WINDOW, targets)
        self._active = np.zeros(targets, bool)

    def update(self, inside: np.ndarray, weights: np.ndarray) -> Signal:
        """Add blocks.

        Args:
            inside: Shares ``[m, T]`` of truths in their intervals, NaN where there was none.
            weights: Share of the block's rows ``[m, T]`` that they are of.
        """
        coverage, known = np.empty((2, *inside.shape))
        for index in range(len(inside)):
            coverage[index] = self._mean.update(inside[index], weights[index])
            known[index] = self._mean.known
        gap = np.abs(coverage - self.nominal)
        on = (known >= MIN_BLOCKS) & (gap > self.tolerance)
        active = latch(on, gap < self.tolerance / 2, self._active)
        self._active = active[-1]
        return Signal(active, {"value": coverage, "usual": np.full(coverage.shape, self.nominal)})

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {"mean": self._mean.to_dict(), "active": self._active.tolist()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._mean.restore(stored["mean"])
        self._active = np.array(stored["active"], bool)
