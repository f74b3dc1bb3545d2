"""Wrong unit: values far larger, or far smaller, than any of training."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.detectors.signal import Signal
from tsforecast.monitoring.rounding import to_array, to_plain_list
from tsforecast.monitoring.streams import TrailingCount, latch

WINDOW = 60  # rows


@dataclass(frozen=True)
class ValueRange:
    """Magnitudes of F features in training.

    Args:
        smallest: Smallest absolute value other than 0 ``[F]``, infinite if there is none.
        largest: Largest absolute value ``[F]``.
    """

    smallest: np.ndarray
    largest: np.ndarray

    @classmethod
    def empty(cls, features: int) -> "ValueRange":
        """Return the range of no value."""
        return cls(np.full(features, np.inf), np.zeros(features))

    def extend(self, values: np.ndarray) -> "ValueRange":
        """Return the range of these and of further rows ``[m, F]``."""
        size = np.abs(values)
        smallest = np.where(size > 0, size, np.inf).min(axis=0, initial=np.inf)
        largest = np.where(np.isfinite(size), size, 0.0).max(axis=0, initial=0.0)
        return ValueRange(np.minimum(self.smallest, smallest), np.maximum(self.largest, largest))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: to_plain_list(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "ValueRange":
        """Read what ``to_dict`` returned."""
        smallest = to_array(stored["smallest"])
        return cls(np.where(np.isnan(smallest), np.inf, smallest), to_array(stored["largest"]))


class RangeDetector:
    """Watches for values beyond the range of training.

    Args:
        learned: Range of training.
        factor: Factor beyond it that is allowed, at least 1.
        rows: Values beyond that among the newest 60 that raise the condition; it ends when there is none.

    Example:
        >>> detector = RangeDetector(ValueRange(np.array([0.1]), np.array([11.0])), factor=2.0, rows=2)
        >>> detector.update(np.array([[1.0], [900.0], [1200.0]])).active[:, 0].tolist()
        [False, False, True]
    """

    def __init__(self, learned: ValueRange, factor: float, rows: int):
        self.low, self.high, self.rows = learned.smallest / factor, learned.largest * factor, rows
        self._count = TrailingCount(WINDOW, len(learned.largest))
        self._active = np.zeros(len(learned.largest), bool)

    def update(self, values: np.ndarray) -> Signal:
        """Add rows ``[m, F]``."""
        size = np.abs(values)
        count = self._count.update((size > self.high) | ((size > 0) & (size < self.low)))
        active = latch(count >= self.rows, count == 0, self._active)
        self._active = active[-1]
        return Signal(active, {"value": values, "rows": count})

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {"count": self._count.to_dict(), "active": self._active.tolist()}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._count.restore(stored["count"])
        self._active = np.array(stored["active"], bool)
