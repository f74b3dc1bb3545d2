"""The normal distribution."""

from collections.abc import Sequence

from keras import ops

from tsforecast.layers.distributions.distribution import Distribution
from tsforecast.layers.distributions.special import log_normal_density, normal_quantiles
from tsforecast.typing import Tensor


class Normal(Distribution):
    """A normal distribution; its parameters are mean and standard deviation.

    Example:
        >>> normal = Normal()
        >>> parameters = ops.convert_to_tensor([[0.0, 2.0]])
        >>> normal.quantiles(parameters, [0.5, 0.975]).numpy().round(2).tolist()
        [[0.0, 3.9200000762939453]]
    """

    name = "normal"

    def log_density(self, parameters: Tensor, truth: Tensor) -> Tensor:
        """Return the log density of truths ``[...]``."""
        location, scale = parameters[..., 0], parameters[..., 1]
        return log_normal_density((truth - location) / scale) - ops.log(scale)

    def quantiles(self, parameters: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the quantiles ``[..., Q]``."""
        return parameters[..., :1] + parameters[..., 1:2] * normal_quantiles(levels)
