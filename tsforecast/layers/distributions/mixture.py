"""Mixtures of normal distributions."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from tsforecast.layers.distributions.distribution import Distribution
from tsforecast.layers.distributions.special import log_normal_density, normal_cdf, normal_quantiles
from tsforecast.layers.unit_scaling import Channel
from tsforecast.typing import Tensor

HALVINGS = 26  # of the interval that a quantile is searched in, which ends at the digits of float32
SPREAD = 0.5  # scaled, between the first and the last component before training


class Mixture(Distribution):
    """A mixture of normal distributions: several levels that a step may reach, each with its own odds and width.

    The parameters are K means, K standard deviations and K log weights.

    Args:
        channels: How each target is scaled, see ``Distribution``.
        components: Number of normal distributions K, at least 2.

    Source: Bishop (1994), Mixture Density Networks.

    Example:
        >>> parameters = ops.convert_to_tensor([[-1.0, 3.0, 0.1, 0.1, np.log(0.5), np.log(0.5)]])
        >>> Mixture(components=2).quantiles(parameters, [0.25, 0.75]).numpy().round(2).tolist()
        [[-1.0, 3.0]]
    """

    name = "mixture"

    def __init__(self, channels: Sequence[Channel] = (), components: int = 3):
        super().__init__(channels)
        self.groups = self.free = components

    def arrange(self, raw: Tensor) -> Tensor:
        """Return the numbers of a head; locations start apart, or all components might stay the same."""
        start = np.zeros(self.size, np.float32)
        start[: self.groups] = np.linspace(-SPREAD / 2, SPREAD / 2, self.groups)
        return super().arrange(raw + start)

    def parameters(self, arranged: Tensor) -> Tensor:
        """Return means, standard deviations and log weights."""
        location, scale, free = self.split(arranged)
        return ops.concatenate([location, scale, ops.log_softmax(free, axis=-1)], axis=-1)

    def log_density(self, parameters: Tensor, truth: Tensor) -> Tensor:
        """Return the log density of truths ``[...]``."""
        location, scale, log_weight = self._parts(parameters)
        density = log_normal_density((truth[..., None] - location) / scale) - ops.log(scale)
        return ops.logsumexp(log_weight + density, axis=-1)

    def quantiles(self, parameters: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles ``[..., Q]``, found between those of the components by bisection."""
        location, scale, log_weight = (part[..., None, :] for part in self._parts(parameters))
        weight, goal = ops.exp(log_weight), np.asarray(levels, np.float32)
        of_parts = location + scale * normal_quantiles(levels)[:, None]  # [..., Q, K]
        low, high = ops.min(of_parts, axis=-1), ops.max(of_parts, axis=-1)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            below = ops.sum(weight * normal_cdf((middle[..., None] - location) / scale), axis=-1) < goal
            low, high = ops.where(below, middle, low), ops.where(below, high, middle)
        return 0.5 * (low + high)

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the mean ``[...]``."""
        location, _, log_weight = self._parts(parameters)
        return ops.sum(ops.exp(log_weight) * location, axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**super().to_dict(), "components": self.groups}

    def _parts(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        count = self.groups
        return parameters[..., :count], parameters[..., count : 2 * count], parameters[..., 2 * count :]
