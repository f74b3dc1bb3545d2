"""Curves that compress large values before they are standardized: rising, invertible, and defined for every number."""

from typing import NamedTuple

import numpy as np

CURVED = ("asinh", "log1p")
MAX_EXPONENT = 300.0  # beyond, the inverse is constant: it stays finite, and so do squares of its values


class Curve(NamedTuple):
    """A rising function of values in a column's unit.

    ``asinh`` is ``asinh((v - center) / width)``: linear near the center and logarithmic far from it, on both sides.
    ``log1p`` is ``sign(v) log(1 + |v|)``, which is ``log(1 + v)`` for values of at least 0 and its mirror image below.

    Args:
        method: ``asinh`` or ``log1p``.
        center: Median of the training rows for ``asinh``; 0 for ``log1p``.
        width: Spread of the middle half of the training rows for ``asinh``; 1 for ``log1p``.

    Example:
        >>> curve = Curve("log1p", 0.0, 1.0)
        >>> curve.bend(np.array([-3.0, 0.0, 3.0])).round(3).tolist()
        [-1.386, 0.0, 1.386]
        >>> curve.unbend(curve.bend(np.array([-3.0, 0.0, 3.0]))).round(9).tolist()
        [-3.0, 0.0, 3.0]
    """

    method: str
    center: float
    width: float

    @classmethod
    def fit(cls, method: str, values: np.ndarray) -> "Curve":
        """Return the curve for the observed values ``[N]`` of the training rows."""
        return cls(method, *middle(values)) if method == "asinh" else cls(method, 0.0, 1.0)

    def bend(self, values: np.ndarray) -> np.ndarray:
        """Return the function of values."""
        shifted = (np.asarray(values, np.float64) - self.center) / self.width
        if self.method == "asinh":
            return np.arcsinh(shifted)
        bent: np.ndarray = np.sign(shifted) * np.log1p(np.abs(shifted))
        return bent

    def unbend(self, bent: np.ndarray) -> np.ndarray:
        """Return the inverse; it is finite for every finite argument."""
        limited = np.clip(bent, -MAX_EXPONENT, MAX_EXPONENT)
        result: np.ndarray
        if self.method == "asinh":
            result = np.sinh(limited) * self.width + self.center
        else:
            result = np.sign(limited) * np.expm1(np.abs(limited))
        return result


def middle(values: np.ndarray) -> tuple[float, float]:
    """Return the median, and the interquartile range as the standard deviation that a normal distribution has with it.

    Where half of the values are equal, it is the standard deviation of all.
    """
    low, center, high = np.quantile(values, [0.25, 0.5, 0.75])
    width = (high - low) / 1.349
    return float(center), float(width if width > 0 else values.std() or 1.0)
