"""Student's t distribution."""

import functools
import math
from collections.abc import Sequence

import numpy as np
from keras import ops

from tsforecast.layers.distributions.distribution import Distribution
from tsforecast.layers.distributions.special import log_gamma_ratio, student_quantile
from tsforecast.typing import Tensor

MIN_FREEDOM = 2.0  # below, the variance is infinite
START = 4.0  # about six degrees of freedom before training
DEGREE = 16  # of the polynomials in 1 / freedom that the quantiles are computed with


class StudentT(Distribution):
    """Student's t distribution with location and scale: as a normal distribution, with heavier tails.

    The parameters are location, scale and degrees of freedom (over 2, so that mean and variance exist).

    Source: Lange, Little & Taylor (1989), Robust Statistical Modeling Using the t Distribution. Quantiles are
        Chebyshev polynomials in the inverse of the degrees of freedom, fitted to exact ones when the head is built.

    Example:
        >>> parameters = ops.convert_to_tensor([[0.0, 1.0, 5.0]])
        >>> StudentT().quantiles(parameters, [0.5, 0.95]).numpy().round(3)
        array([[0.   , 2.015]], dtype=float32)
    """

    name = "student_t"
    free = 1

    def parameters(self, arranged: Tensor) -> Tensor:
        """Return location, scale and degrees of freedom."""
        location, scale, free = self.split(arranged)
        return ops.concatenate([location, scale, MIN_FREEDOM + ops.softplus(free + START)], axis=-1)

    def log_density(self, parameters: Tensor, truth: Tensor) -> Tensor:
        """Return the log density of truths ``[...]``."""
        location, scale, freedom = (parameters[..., index] for index in range(3))
        standardized = (truth - location) / scale
        peak = log_gamma_ratio(0.5 * freedom, ops.full_like(freedom, 0.5)) - 0.5 * ops.log(math.pi * freedom)
        tail = 0.5 * (freedom + 1.0) * ops.log1p(ops.square(standardized) / freedom)
        return peak - tail - ops.log(scale)

    def quantiles(self, parameters: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles ``[..., Q]``."""
        coefficients = _coefficients(tuple(float(level) for level in levels))
        x = 2.0 * MIN_FREEDOM / parameters[..., 2:3] - 1.0  # from -1, the normal distribution, to 1
        later, latest = ops.zeros_like(x), ops.zeros_like(x)
        for row in coefficients[:0:-1]:  # Clenshaw's recurrence
            later, latest = 2.0 * x * later - latest + row, later
        return parameters[..., :1] + parameters[..., 1:2] * (x * later - latest + coefficients[0])


@functools.lru_cache(maxsize=32)
def _coefficients(levels: tuple[float, ...]) -> np.ndarray:
    """Return the Chebyshev coefficients ``[DEGREE + 1, Q]`` of the standard quantiles."""
    nodes = np.polynomial.chebyshev.chebpts1(4 * DEGREE)
    exact = [[student_quantile(level, 2 * MIN_FREEDOM / (node + 1)) for level in levels] for node in nodes]
    return np.polynomial.chebyshev.chebfit(nodes, np.array(exact), DEGREE).astype(np.float32)
