"""The last layer of a model with a distribution: parameters, quantiles and the mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tsforecast.layers.distributions.distribution import Distribution
from tsforecast.layers.distributions.implicit_quantile import LEVELS, ImplicitQuantile, even_levels
from tsforecast.layers.distributions.mixture import Mixture
from tsforecast.layers.distributions.negative_binomial import NegativeBinomial
from tsforecast.layers.distributions.normal import Normal
from tsforecast.layers.distributions.special import normal_quantiles
from tsforecast.layers.distributions.student_t import StudentT
from tsforecast.typing import Tensor

KINDS: dict[str, type[Distribution]] = {
    kind.name: kind for kind in (Normal, StudentT, NegativeBinomial, Mixture, ImplicitQuantile)
}
COSINES = 64  # of the embedding of a level, as in Dabney et al.


def create_distribution(fields: Mapping[str, Any]) -> Distribution:
    """Return the distribution that ``Distribution.to_dict`` described.

    Example:
        >>> create_distribution({"name": "mixture", "components": 2}).size
        6
    """
    return KINDS[fields["name"]].from_dict(fields)


@keras.saving.register_keras_serializable(package="tsforecast")
class DistributionOutputs(layers.Layer):
    """Turns what a model computes for each step and target into a forecast distribution.

    Args:
        distribution: Description of the distribution, see ``create_distribution``.
        quantile_levels: Q rising levels of the quantiles.

    Call arguments: arranged ``[..., H, T, size]``, scaled; ``parameters_only``, to return the parameters alone, as
        training on every step of a window needs them.
    Returns: a dict of ``forecast``, the quantiles ``[..., H, T, Q]``; ``parameters`` ``[..., H, T, P]``; and ``mean``
        ``[..., H, T]`` if it is available. All are float32 and scaled.

    Example:
        >>> outputs = DistributionOutputs({"name": "normal"}, [0.1, 0.5, 0.9])(ops.ones((2, 4, 1, 2)))
        >>> outputs["forecast"].shape, outputs["mean"].shape
        (TensorShape([2, 4, 1, 3]), TensorShape([2, 4, 1]))
    """

    def __init__(self, distribution: Mapping[str, Any], quantile_levels: Sequence[float], **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.distribution = create_distribution(distribution)
        self.quantile_levels = [float(level) for level in quantile_levels]
        self.embedding: LevelEmbedding | None = None
        if isinstance(self.distribution, ImplicitQuantile):
            self.embedding = LevelEmbedding(self.distribution.free)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        if self.embedding is not None:
            self.embedding.build((None,))
        self.built = True

    def call(
        self, arranged: Tensor, training: bool | None = None, parameters_only: bool = False
    ) -> dict[str, Tensor] | Tensor:
        arranged = ops.cast(arranged, "float32")
        parameters = self._parameters(arranged, training)
        if parameters_only:
            return parameters
        outputs = {"forecast": self._quantiles(arranged, parameters), "parameters": parameters}
        if self.distribution.has_mean:
            outputs["mean"] = self.distribution.mean(parameters)
        return outputs

    def _parameters(self, arranged: Tensor, training: bool | None) -> Tensor:
        if self.embedding is None:
            return self.distribution.parameters(arranged)
        levels = self.embedding.draw() if training else ops.convert_to_tensor(even_levels(LEVELS))
        values = self._at_levels(arranged, levels, self.embedding)
        return ops.concatenate([values, ops.broadcast_to(levels, ops.shape(values))], axis=-1)

    def _quantiles(self, arranged: Tensor, parameters: Tensor) -> Tensor:
        if self.embedding is None:
            return self.distribution.quantiles(parameters, self.quantile_levels)
        levels = ops.convert_to_tensor(self.quantile_levels, dtype="float32")
        return ops.sort(self._at_levels(arranged, levels, self.embedding), axis=-1)

    def _at_levels(self, arranged: Tensor, levels: Tensor, embedding: LevelEmbedding) -> Tensor:
        """Return the implicit quantiles ``[..., N]`` at levels ``[N]``."""
        location, scale, free = self.distribution.split(arranged)
        shape = normal_quantiles(levels) + ops.matmul(free, ops.transpose(embedding(levels)))
        return location + scale * shape

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "distribution": self.distribution.to_dict(),
            "quantile_levels": self.quantile_levels,
        }


@keras.saving.register_keras_serializable(package="tsforecast")
class LevelEmbedding(layers.Layer):
    """Embeds levels: ``relu(W cos(pi i p) + b)`` for ``i = 0, ..., COSINES - 1``.

    Args:
        units: Width of the embedding.

    Call arguments: levels ``[N]`` in (0, 1).
    Returns: float32 ``[N, units]``.

    Source: Dabney et al. (2018), Implicit Quantile Networks for Distributional Reinforcement Learning, equation 4.

    Example:
        >>> LevelEmbedding(16)(ops.convert_to_tensor([0.1, 0.9])).shape
        TensorShape([2, 16])
    """

    def __init__(self, units: int, **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.units = units
        self.dense = layers.Dense(units, activation="relu", dtype="float32")
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.dense.build((None, COSINES))
        self.built = True

    def call(self, levels: Tensor) -> Tensor:
        multiples = math.pi * np.arange(COSINES, dtype=np.float32)
        return self.dense(ops.cos(levels[:, None] * multiples))

    def draw(self) -> Tensor:
        """Return random levels ``[LEVELS]``, one from each of ``LEVELS`` equal parts of (0, 1)."""
        uniform = keras.random.uniform((LEVELS,), 0.02, 0.98, seed=self.seed_generator)
        return (np.arange(LEVELS, dtype=np.float32) + uniform) / LEVELS

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}
