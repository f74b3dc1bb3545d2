"""Special functions on ``keras.ops`` that stay accurate in float32."""

import math
from statistics import NormalDist

import numpy as np
from keras import ops

from tsforecast.typing import Tensor

_SHIFT = 8  # steps of the recurrence of the gamma function, after which Stirling's series is exact in float32
_SQRT_HALF = math.sqrt(0.5)
HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)


def log_gamma_ratio(start: Tensor, step: Tensor) -> Tensor:
    """Return ``log gamma(start + step) - log gamma(start)`` for positive arguments, without their cancellation.

    Source: Stirling's series after eight steps of the recurrence, see NIST Handbook (2010), 5.5.1 and 5.11.1.

    Example:
        >>> round(float(log_gamma_ratio(ops.convert_to_tensor(3.0), ops.convert_to_tensor(2.0))), 4)  # log(3 * 4)
        2.4849
    """
    far = start + _SHIFT
    steps = sum(ops.log1p(step / (start + index)) for index in range(_SHIFT))
    series = (far - 0.5) * ops.log1p(step / far) + step * ops.log(far + step) - step
    return series + _stirling(far + step) - _stirling(far) - steps


def _stirling(x: Tensor) -> Tensor:
    """Return the first terms of the series that Stirling's formula leaves out."""
    inverse = 1.0 / x
    return inverse * (1 / 12 - ops.square(inverse) * (1 / 360 - ops.square(inverse) / 1260))


def log_normal_density(standardized: Tensor) -> Tensor:
    """Return the log density of the standard normal distribution."""
    return -0.5 * ops.square(standardized) - HALF_LOG_TWO_PI


def normal_cdf(standardized: Tensor) -> Tensor:
    """Return the distribution function of the standard normal distribution.

    Example:
        >>> round(float(normal_cdf(ops.convert_to_tensor(1.2815516))), 4)
        0.9
    """
    return 0.5 * (1.0 + ops.erf(standardized * _SQRT_HALF))


def normal_quantiles(levels: Tensor) -> Tensor:
    """Return the quantiles of the standard normal distribution at levels in (0, 1), from float64 if they are known."""
    if isinstance(levels, (list, tuple, np.ndarray)):
        return np.array([NormalDist().inv_cdf(float(level)) for level in levels], np.float32)
    return ops.erfinv(2.0 * levels - 1.0) / _SQRT_HALF


def student_quantile(level: float, freedom: float) -> float:
    """Return a quantile of Student's t distribution, by Newton's method on the angle ``atan(t / sqrt(freedom))``.

    Args:
        level: In (0, 1).
        freedom: Degrees of freedom, at least 1.

    Example:
        >>> round(student_quantile(0.95, 5.0), 5)
        2.01505
    """
    if level == 0.5:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(64)
    factor = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)
    goal, low, high = abs(level - 0.5), 0.0, math.pi / 2
    angle = math.atan(NormalDist().inv_cdf(0.5 + goal) / math.sqrt(freedom))
    for _ in range(60):
        inner = 0.5 * angle * (nodes + 1)
        area = factor * 0.5 * angle * float(np.sum(weights * np.cos(inner) ** (freedom - 1)))
        low, high = (angle, high) if area < goal else (low, angle)
        step = angle - (area - goal) / (factor * math.cos(angle) ** (freedom - 1))
        angle, before = step if low < step < high else 0.5 * (low + high), angle
        if abs(angle - before) < 1e-14:
            break
    return math.copysign(math.sqrt(freedom) * math.tan(angle), level - 0.5)
