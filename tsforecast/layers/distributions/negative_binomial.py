"""The negative binomial distribution, for counts."""

from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from tsforecast.layers.distributions.distribution import Distribution
from tsforecast.layers.distributions.special import log_gamma_ratio, normal_quantiles
from tsforecast.layers.unit_scaling import Channel, rescale
from tsforecast.typing import Tensor

IDENTITY: Channel = {"method": "linear", "mean": 0.0, "scale": 1.0, "center": 0.0, "width": 1.0}
MIN_MEAN = 1e-4
MIN_DISPERSION = 1e-4  # close to a Poisson distribution
COUNTS = 256  # below which quantiles are exact


class NegativeBinomial(Distribution):
    """A negative binomial distribution of counts 0, 1, 2, ... in the target's unit.

    The parameters are mean ``mu`` (in the target's unit) and dispersion ``a``; the variance is ``mu + a mu^2``. The
    mean is the location in the target's unit, bent smoothly to stay positive; the dispersion is the scale.

    Quantiles are exact below ``COUNTS``; beyond, they are those of a gamma distribution with the same mean and
    variance, by the formula of Wilson and Hilferty (half of them within 0.5 %, and the worst within 10 %).

    Source: Salinas et al. (2020), DeepAR, section 3.1.

    Example:
        >>> counts = NegativeBinomial([IDENTITY])
        >>> counts.quantiles(ops.convert_to_tensor([[4.0, 0.5]]), [0.1, 0.5, 0.9]).numpy().tolist()
        [[0.0, 3.0, 9.0]]
    """

    name = "negative_binomial"

    @property
    def has_mean(self) -> bool:
        """Whether the mean is available: always, since it is a parameter."""
        return True

    def parameters(self, arranged: Tensor) -> Tensor:
        """Return mean, in the target's unit, and dispersion."""
        location, scale, _ = self.split(arranged)
        widths = [max(channel["width"], 1e-9) for channel in self.channels] or [1.0]
        in_unit = self._each_target(location, lambda values, channel: rescale(values, channel, IDENTITY))
        width = np.array(widths, np.float32)[:, None]  # [T, 1]
        mean = width * ops.softplus(in_unit / width) + MIN_MEAN
        return ops.concatenate([mean, scale + MIN_DISPERSION], axis=-1)

    def log_density(self, parameters: Tensor, truth: Tensor) -> Tensor:
        """Return the log probability of scaled truths ``[...]``, which are rounded to counts."""
        counts = self._each_target(
            truth[..., None], lambda values, channel: rescale(values, channel, IDENTITY)
        )
        counts = ops.maximum(ops.round(counts[..., 0]), 0.0)
        return _log_probability(counts, parameters[..., 0], parameters[..., 1])

    def quantiles(self, parameters: Tensor, levels: Sequence[float]) -> Tensor:
        """Return the scaled quantiles ``[..., Q]``, which are counts in the target's unit."""
        mean, dispersion = parameters[..., :1], parameters[..., 1:]
        counts = np.arange(COUNTS, dtype=np.float32)
        cumulated = ops.cumsum(ops.exp(_log_probability(counts, mean, dispersion)), axis=-1)  # [..., COUNTS]
        columns = [ops.sum(ops.cast(cumulated < level, "float32"), axis=-1) for level in levels]
        exact = ops.stack(columns, axis=-1)
        variance = mean + dispersion * ops.square(mean)
        shape = ops.square(mean) / variance
        root = 1.0 - 1.0 / (9.0 * shape) + normal_quantiles(levels) / (3.0 * ops.sqrt(shape))
        many = ops.round(mean * ops.power(ops.maximum(root, 0.0), 3.0))
        result = ops.where(exact < COUNTS, exact, ops.maximum(many, float(COUNTS)))
        return self._each_target(result, lambda values, channel: rescale(values, IDENTITY, channel))

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the scaled value ``[...]`` of the mean."""
        scaled = self._each_target(
            parameters[..., :1], lambda values, channel: rescale(values, IDENTITY, channel)
        )
        return scaled[..., 0]

    def _each_target(self, values: Tensor, function: Callable[[Tensor, Channel], Tensor]) -> Tensor:
        """Apply a function to each target's values of ``[..., T, N]``, with how the target is scaled."""
        if not self.channels:
            return values
        columns = [function(values[..., index, :], channel) for index, channel in enumerate(self.channels)]
        return ops.stack(columns, axis=-2)


def _log_probability(counts: Tensor, mean: Tensor, dispersion: Tensor) -> Tensor:
    """Return the log probability of counts; stable as the dispersion goes to 0.

    The log gamma ratio is written out: its large terms cancel with those of the odds.
    """
    size = 1.0 / dispersion
    ones = ops.ones_like(counts * mean)
    rising = log_gamma_ratio(size * ones, counts * ones) - counts * ops.log(size + mean)
    return (
        rising - log_gamma_ratio(ones, counts * ones) - size * ops.log1p(mean / size) + counts * ops.log(mean)
    )
