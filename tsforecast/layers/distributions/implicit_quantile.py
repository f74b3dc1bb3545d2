"""Implicit quantiles: one function of the level, learned at random levels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import ops

from tsforecast.layers.distributions.distribution import Distribution
from tsforecast.layers.unit_scaling import Channel
from tsforecast.typing import Tensor

LEVELS = 64  # random ones per training step, evenly spaced ones otherwise


class ImplicitQuantile(Distribution):
    """A quantile function ``q(p) = location + scale (z(p) + w . f(p))`` of any level p in (0, 1).

    ``z`` is the quantile function of the standard normal distribution, ``w`` the free numbers of the head, and ``f`` a
    learned embedding of the level, see ``layers.distributions.outputs.LevelEmbedding``. Its parameters are quantiles at
    ``LEVELS`` levels, and the levels.

    Args:
        channels: How each target is scaled, see ``Distribution``.
        width: Width of the embedding.

    Source: Dabney et al. (2018), Implicit Quantile Networks; Gouttes et al. (2021), Probabilistic Time Series
        Forecasting with Implicit Quantile Networks. Deviations: the quantile function of a normal distribution is
        added, which gives tails beyond the levels seen so far; the levels of a step are stratified and shared by its
        windows.

    Example:
        >>> ImplicitQuantile(width=16).size
        18
    """

    name = "implicit_quantile"

    def __init__(self, channels: Sequence[Channel] = (), width: int = 16):
        super().__init__(channels)
        self.free = width

    def loss(self, parameters: Tensor, truth: Tensor) -> Tensor:
        """Return twice the mean pinball loss of truths ``[...]``, which estimates their CRPS."""
        values, levels = parameters[..., :LEVELS], parameters[..., LEVELS:]
        error = truth[..., None] - values
        return 2.0 * ops.mean(ops.maximum(levels * error, (levels - 1.0) * error), axis=-1)

    def quantiles(self, parameters: Tensor, levels: Sequence[float]) -> Tensor:
        """Return quantiles ``[..., Q]`` by interpolation between those of the parameters, which have even levels."""
        ranked = ops.sort(parameters[..., :LEVELS], axis=-1)
        position = np.clip(np.asarray(levels) * LEVELS - 0.5, 0, LEVELS - 1)
        before = np.minimum(position.astype(np.int32), LEVELS - 2)
        share = (position - before).astype(np.float32)
        return (1.0 - share) * ops.take(ranked, before, axis=-1) + share * ops.take(
            ranked, before + 1, axis=-1
        )

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the mean ``[...]`` over even levels."""
        return ops.mean(parameters[..., :LEVELS], axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**super().to_dict(), "width": self.free}


def even_levels(count: int) -> np.ndarray:
    """Return the midpoints ``[count]`` of equal parts of (0, 1).

    Example:
        >>> even_levels(4).tolist()
        [0.125, 0.375, 0.625, 0.875]
    """
    return (np.arange(count, dtype=np.float32) + 0.5) / count
