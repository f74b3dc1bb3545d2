"""Array types, and means over observed values that the metrics share.

Sums run in float64 and in a fixed order: the same input gives the same digits.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.integer]
Axis = int | tuple[int, ...] | None


def mean_observed(values: Array | Flags, observed: Flags, axis: Axis = None) -> npt.NDArray[np.float64]:
    """Return the mean of the observed values in float64; NaN, without a warning, where there are none."""
    total = np.sum(values, axis=axis, where=observed, dtype=np.float64)
    return divide(total, np.sum(observed, axis=axis, dtype=np.float64))


def divide(numerator: npt.ArrayLike, denominator: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the quotient, NaN where the denominator is not positive."""
    quotient: npt.NDArray[np.float64] = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) > 0)
    return quotient


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, NaN where ``whole`` is 0."""
    return part / whole if whole else float("nan")
