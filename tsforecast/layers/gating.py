"""The gated parts of the temporal fusion transformer."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class GatedSum(layers.Layer):
    """Adds a gated linear unit of new features to the old ones, and normalizes: ``LayerNorm(old + GLU(new))``.

    Args:
        units: D, width of the old features.
        dropout: Share of the new features dropped, in [0, 1).

    Call arguments: new ``[..., N]``, old ``[..., D]``.
    Returns: ``[..., D]``.

    Source: Lim et al. (2021), Temporal Fusion Transformers, equations 2 and 5.

    Example:
        >>> GatedSum(4)(ops.zeros((2, 3, 8)), ops.zeros((2, 3, 4))).shape
        TensorShape([2, 3, 4])
    """

    def __init__(self, units: int, dropout: float = 0.0, **kwargs: object):
        super().__init__(**kwargs)
        self.units, self.dropout = units, dropout
        policy = self.dtype_policy
        self.drop = CheapDropout(dropout, dtype=policy)
        self.gate = layers.Dense(2 * units, dtype=policy, name="gate")
        self.norm = layers.LayerNormalization(dtype=policy, name="norm")

    def build(self, new_shape: tuple[int | None, ...], old_shape: tuple[int | None, ...]) -> None:
        self.gate.build(new_shape)
        self.norm.build(old_shape)
        self.built = True

    def call(self, new: Tensor, old: Tensor, training: bool | None = None) -> Tensor:
        gated = self.gate(self.drop(new, training=training))
        gated = ops.sigmoid(gated[..., : self.units]) * gated[..., self.units :]
        return self.norm(ops.cast(old, self.compute_dtype) + gated)

    def compute_output_spec(
        self, new: Tensor, old: Tensor, training: bool | None = None
    ) -> keras.KerasTensor:
        return keras.KerasTensor(old.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tsforecast")
class GatedResidual(layers.Layer):
    """A gated residual network (GRN): an ELU layer that may read a context, a linear layer, and a ``GatedSum``.

    Args:
        units: Width of its layers.
        outputs: D, width of the output; None for ``units``.
        dropout: Share dropped before the gate, in [0, 1).

    Call arguments: features ``[..., N]``, context ``[..., E]`` or None.
    Returns: ``[..., D]``.

    Source: Lim et al. (2021), equations 2 to 5.

    Example:
        >>> GatedResidual(4)(ops.zeros((2, 3, 8)), ops.zeros((2, 3, 5))).shape
        TensorShape([2, 3, 4])
    """

    def __init__(self, units: int, outputs: int | None = None, dropout: float = 0.0, **kwargs: object):
        super().__init__(**kwargs)
        self.units, self.outputs, self.dropout = units, outputs or units, dropout
        policy = self.dtype_policy
        self.first = layers.Dense(units, dtype=policy, name="first")
        self.second = layers.Dense(units, dtype=policy, name="second")
        self.context = layers.Dense(units, use_bias=False, dtype=policy, name="context")
        self.shortcut = layers.Dense(self.outputs, dtype=policy, name="shortcut")
        self.sum = GatedSum(self.outputs, dropout, dtype=policy, name="sum")

    def build(
        self, features_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None
    ) -> None:
        inner = (*features_shape[:-1], self.units)
        self.first.build(features_shape)
        self.second.build(inner)
        self.sum.build(inner, (*features_shape[:-1], self.outputs))
        if context_shape is not None:
            self.context.build(context_shape)
        if features_shape[-1] != self.outputs:
            self.shortcut.build(features_shape)
        self.built = True

    def call(self, features: Tensor, context: Tensor = None, training: bool | None = None) -> Tensor:
        inner = self.first(features)
        if context is not None:
            inner = inner + self.context(context)
        inner = self.second(ops.elu(inner))
        old = features if features.shape[-1] == self.outputs else self.shortcut(features)
        return self.sum(inner, old, training=training)

    def compute_output_spec(
        self, features: Tensor, context: Tensor = None, training: bool | None = None
    ) -> keras.KerasTensor:
        return keras.KerasTensor((*features.shape[:-1], self.outputs), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "outputs": self.outputs,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable(package="tsforecast")
class VariableSelection(layers.Layer):
    """Embeds each variable of a step, transforms each by a network of its own, and weights them by a softmax.

    The network of each variable has an ELU layer, a linear layer and a gate with a shortcut, as ``GatedResidual``.

    Args:
        units: D, width of the embedding of each variable.
        dropout: Share dropped in the networks, in [0, 1).

    Call arguments: variables ``[B, S, V]``, context ``[B, E]`` for the weights, or None.
    Returns: ``[B, S, D]``.

    Source: Lim et al. (2021), equations 6 to 8. Numbers are embedded by a linear map each; the numbers of a category's
        embedding count as variables.

    Example:
        >>> VariableSelection(8)(ops.zeros((2, 10, 3))).shape
        TensorShape([2, 10, 8])
    """

    def __init__(self, units: int, dropout: float = 0.0, **kwargs: object):
        super().__init__(**kwargs)
        self.units, self.dropout = units, dropout

    def build(
        self, variables_shape: tuple[int | None, ...], context_shape: tuple[int | None, ...] | None = None
    ) -> None:
        steps, count = (int(size or 0) for size in variables_shape[1:])
        policy, units = self.dtype_policy, self.units
        self.gain = self.add_weight(shape=(count, units), initializer="glorot_uniform", name="gain")
        self.shift = self.add_weight(shape=(count, units), initializer="zeros", name="shift")
        if count > 1:  # otherwise there is nothing to choose
            self.choose = GatedResidual(units, count, self.dropout, dtype=policy, name="choose")
            flat = (None, steps, count * units)
            self.choose.build(flat, None if context_shape is None else (None, 1, context_shape[-1]))
        self.networks = [
            layers.EinsumDense(
                "bsvd,vde->bsve",
                (steps, count, width),
                bias_axes="ve",
                kernel_initializer=keras.initializers.RandomUniform(-(units**-0.5), units**-0.5),
                dtype=policy,
                name=name,
            )
            for name, width in (("first", units), ("second", units), ("gate", 2 * units))
        ]
        for layer in self.networks:
            layer.build((None, steps, count, units))
        self.norm = layers.LayerNormalization(dtype=policy, name="norm")
        self.norm.build((None, steps, count, units))
        self.drop = CheapDropout(self.dropout, dtype=policy)
        self.built = True

    def call(self, variables: Tensor, context: Tensor = None, training: bool | None = None) -> Tensor:
        gain, shift = (ops.cast(weight, self.compute_dtype) for weight in (self.gain, self.shift))
        embedded = ops.cast(variables, self.compute_dtype)[..., None] * gain + shift
        inner = self.networks[1](ops.elu(self.networks[0](embedded)))
        gate = self.networks[2](self.drop(inner, training=training))
        inner = self.norm(embedded + ops.sigmoid(gate[..., : self.units]) * gate[..., self.units :])
        steps, count = variables.shape[1:]
        if count == 1:
            return inner[:, :, 0]
        flat = ops.reshape(embedded, (-1, steps, count * self.units))
        scores = self.choose(flat, None if context is None else context[:, None], training=training)
        weights = ops.cast(ops.softmax(ops.cast(scores, "float32")), self.compute_dtype)
        return ops.sum(inner * weights[..., None], axis=2)

    def compute_output_spec(
        self, variables: Tensor, context: Tensor = None, training: bool | None = None
    ) -> keras.KerasTensor:
        return keras.KerasTensor((*variables.shape[:2], self.units), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "dropout": self.dropout}


@keras.saving.register_keras_serializable(package="tsforecast")
class InterpretableAttention(layers.Layer):
    """Attention whose heads share their values, so that the mean of their weights says what a step reads.

    Args:
        heads: Number of heads, a divisor of D.
        queries: The last so many steps attend, each to itself and the steps before it.
        dropout: Share of the attention weights dropped, in [0, 1).

    Call arguments: steps ``[B, S, D]``.
    Returns: ``[B, queries, D]``.

    Source: Lim et al. (2021), equations 13 to 16.

    Example:
        >>> InterpretableAttention(heads=2, queries=3)(ops.zeros((2, 10, 8))).shape
        TensorShape([2, 3, 8])
    """

    def __init__(self, heads: int, queries: int, dropout: float = 0.0, **kwargs: object):
        super().__init__(**kwargs)
        self.heads, self.queries, self.dropout = heads, queries, dropout
        self.drop = CheapDropout(dropout, dtype=self.dtype_policy)

    def build(self, steps_shape: tuple[int | None, ...]) -> None:
        width, policy = int(steps_shape[-1] or 0), self.dtype_policy
        narrow = width // self.heads
        names = {"query": width, "key": width, "value": narrow, "join": width}
        self.maps = {name: layers.Dense(size, dtype=policy, name=name) for name, size in names.items()}
        for name, layer in self.maps.items():
            layer.build((None, None, narrow if name == "join" else width))
        self.built = True

    def call(self, steps: Tensor, training: bool | None = None) -> Tensor:
        count, width = steps.shape[1:]
        split = (-1, count, self.heads, width // self.heads)
        queries = ops.reshape(self.maps["query"](steps[:, -self.queries :]), (-1, self.queries, *split[2:]))
        keys = ops.reshape(self.maps["key"](steps), split)
        queries, keys = (
            ops.transpose(part, order) for part, order in ((queries, (0, 2, 1, 3)), (keys, (0, 2, 3, 1)))
        )
        scores = ops.cast(ops.matmul(queries * split[-1] ** -0.5, keys), "float32")
        later = np.triu(np.full((self.queries, count), -1e9, "float32"), k=count - self.queries + 1)
        weights = ops.cast(ops.softmax(scores + ops.convert_to_tensor(later)), self.compute_dtype)
        weights = ops.mean(self.drop(weights, training=training), axis=1)
        return self.maps["join"](ops.matmul(weights, self.maps["value"](steps)))

    def compute_output_spec(self, steps: Tensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor((steps.shape[0], self.queries, steps.shape[2]), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "heads": self.heads,
            "queries": self.queries,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable(package="tsforecast")
class Positions(layers.Layer):
    """Returns the positions of steps relative to the last one of a window, in lengths of the window.

    Args:
        first: The first step, 0 for the last one of the window.
        count: S, number of steps.

    Call arguments: past ``[B, L, C]``.
    Returns: ``[B, S, 1]``.

    Example:
        >>> Positions(1, 2)(ops.zeros((1, 4, 3))).numpy().ravel().tolist()
        [0.25, 0.5]
    """

    def __init__(self, first: int, count: int, **kwargs: object):
        super().__init__(**kwargs)
        self.first, self.count = first, count

    def call(self, past: Tensor) -> Tensor:
        steps = np.arange(self.first, self.first + self.count, dtype="float32")[None, :, None] / past.shape[1]
        return ops.zeros_like(past[:, -1:, :1]) + ops.cast(ops.convert_to_tensor(steps), past.dtype)

    def compute_output_spec(self, past: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((past.shape[0], self.count, 1), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "first": self.first, "count": self.count}
