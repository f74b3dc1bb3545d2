"""Coverage: the share of truths in their intervals during the last day, compared with the nominal one.

Of few truths, such as those of 24 hours, the share differs by chance. Chernoff's bound says how unlikely that is: a
share q of n independent truths has a probability of at most ``exp(-n KL(q, p))`` where p is nominal.
"""

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
        rows: Truths of a whole block.
        chance: Probability below which the difference is more than chance, in (0, 1].

    Example:
        >>> detector = CoverageDetector(targets=1, nominal=0.9, tolerance=0.1)
        >>> detector.update(np.full((24, 1), 0.7), np.ones((24, 1))).active[[0, -1], 0].tolist()
        [False, True]
    """

    def __init__(self, targets: int, nominal: float, tolerance: float, rows: int = 1, chance: float = 1.0):
        self.nominal, self.tolerance = nominal, tolerance
        self._rows, self._evidence = rows, -np.log(chance)
        self._mean = TrailingMean(WINDOW, targets)
        self._active = np.zeros(targets, bool)

    def update(self, inside: np.ndarray, weights: np.ndarray) -> Signal:
        """Add blocks.

        Args:
            inside: Shares ``[m, T]`` of truths in their intervals, NaN where there was none.
            weights: Share of the block's rows ``[m, T]`` that they are of.
        """
        coverage, known, total = np.empty((3, *inside.shape))
        for index in range(len(inside)):
            coverage[index] = self._mean.update(inside[index], weights[index])
            known[index], total[index] = self._mean.known, self._mean.total
        gap = np.abs(coverage - self.nominal)
        evidence = self._rows * total * _divergence(coverage, self.nominal)
        on = (known >= MIN_BLOCKS) & (gap > self.tolerance) & (evidence >= self._evidence)
        # The divergence grows with the square of the gap.
        ends = (gap < self.tolerance / 2) | (evidence < self._evidence / 4)
        active = latch(on, ends, self._active)
        self._active = active[-1]
        return Signal(active, {"value": coverage, "usual": np.full(coverage.shape, self.nominal)})

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {"mean": self._mean.to_dict(), "active": self._active.tolist()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._mean.restore(stored["mean"])
        self._active = np.array(stored["active"], bool)


def _divergence(share: np.ndarray, nominal: float) -> np.ndarray:
    """Return the Kullback-Leibler divergence of shares from a nominal one, NaN where a share is unknown."""
    inside, outside = np.clip(share, 1e-12, 1.0), np.clip(1 - share, 1e-12, 1.0)
    divergence: np.ndarray = inside * np.log(inside / nominal) + outside * np.log(outside / (1 - nominal))
    return np.asarray(np.maximum(divergence, 0.0))
