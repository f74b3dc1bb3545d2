"""The encoder block of PatchTST."""

from typing import Any, TypeAlias

import keras
from keras import layers, ops

from tsforecast.layers.head import fan_in_uniform
from tsforecast.layers.kernels.fused import Affine, CheapDropout, TokenNorm, attend, gelu
from tsforecast.typing import Tensor

NORMS = ("batch", "layer")

Initializer: TypeAlias = str | keras.initializers.Initializer


@keras.saving.register_keras_serializable(package="tsforecast")
class SelfAttention(layers.Layer):
    """Multi-head self-attention over the patches of a series, with the three projections as one product.

    ``softmax(q k' / sqrt(D / heads)) v`` for each head, followed by a linear map of the concatenated heads.

    Args:
        heads: Number of heads, a divisor of D.
        dropout: Share of the attention weights dropped, in [0, 1).
        causal: Whether a token attends only to itself and the tokens before it.
        kernel_initializer: Initializer of all four maps; None for Glorot's, with the range that each projection would
            have as a map of its own.

    Call arguments: tokens ``[B, M, P, D]``.
    Returns: ``[B, M, P, D]``.

    Source: Vaswani et al. (2017), section 3.2.2.

    Example:
        >>> SelfAttention(heads=4)(ops.zeros((2, 3, 12, 16))).shape  # 2 windows of 3 series, 12 patches each
        TensorShape([2, 3, 12, 16])
    """

    def __init__(
        self,
        heads: int,
        dropout: float = 0.0,
        kernel_initializer: Initializer | None = None,
        causal: bool = False,
        **kwargs: object,
    ):
        super().__init__(**kwargs)
        self.heads, self.dropout, self.causal = heads, dropout, causal
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.drop = CheapDropout(dropout, dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = int(input_shape[-1] or 0)
        limit = (6.0 / (width + width)) ** 0.5
        starts: tuple[Initializer, Initializer] = (
            keras.initializers.RandomUniform(-limit, limit),
            "glorot_uniform",
        )
        if self.kernel_initializer is not None:  # a copy for each: one would draw the same numbers again
            starts = (self.kernel_initializer.clone(), self.kernel_initializer.clone())
        self.project, self.join = (
            Affine(units, kernel_initializer=start, dtype=self.dtype_policy, name=name)
            for units, start, name in zip((3 * width, width), starts, ("project", "join"), strict=True)
        )
        self.project.build(input_shape)
        self.join.build(input_shape)
        self.built = True

    def call(self, tokens: Tensor, training: bool | None = None) -> Tensor:
        series, patches, width = tokens.shape[1:]
        head_width = width // self.heads
        projected = ops.reshape(self.project(tokens), (-1, patches, 3, self.heads, head_width))
        orders = ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 3, 1))  # as ``attend`` takes them
        queries, keys, values = (ops.transpose(projected[:, :, i], order) for i, order in enumerate(orders))
        drop = (lambda weights: self.drop(weights, training=training)) if self.dropout else None
        attended = ops.transpose(attend(queries, keys, values, drop, self.causal), (0, 2, 1, 3))
        return self.join(ops.reshape(attended, (-1, series, patches, width)))

    def compute_output_spec(self, tokens: Tensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(tokens.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        start = self.kernel_initializer
        return {
            **super().get_config(),
            "heads": self.heads,
            "dropout": self.dropout,
            "causal": self.causal,
            "kernel_initializer": start and keras.initializers.serialize(start),
        }


@keras.saving.register_keras_serializable(package="tsforecast")
class EncoderBlock(layers.Layer):
    """A transformer block: self-attention and a GELU network of width ``d_ff``, each with a shortcut and a norm.

    Args:
        heads: Number of attention heads, a divisor of D.
        d_ff: Width of the inner network.
        dropout: Share dropped after both layers of the network, in [0, 1); the output of the attention is dropped out
            twice.
        attention_dropout: Share of the attention weights dropped, in [0, 1).
        norm: ``batch`` (over patches and series, as in the paper) or ``layer``.
        pre_norm: Whether the norm comes before each part instead of after the sum.

    Call arguments: tokens ``[B, M, P, D]``.
    Returns: ``[B, M, P, D]``.

    Source: Nie et al. (2023), section 3.1 and appendix A.1.4: post-norm with batch normalization; starting weights and
        the second dropout from the published code.

    Example:
        >>> EncoderBlock(heads=4, d_ff=32, norm="layer")(ops.zeros((2, 3, 12, 16))).shape
        TensorShape([2, 3, 12, 16])
    """

    def __init__(
        self,
        heads: int,
        d_ff: int,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        norm: str = "batch",
        pre_norm: bool = False,
        **kwargs: object,
    ):
        super().__init__(**kwargs)
        self.options: dict[str, Any] = {
            "heads": heads,
            "d_ff": d_ff,
            "dropout": dropout,
            "attention_dropout": attention_dropout,
            "norm": norm,
            "pre_norm": pre_norm,
        }
        policy = self.dtype_policy
        self.attention = SelfAttention(
            heads, attention_dropout, fan_in_uniform(), dtype=policy, name="attention"
        )
        self.widen = Affine(
            d_ff, activation=gelu, kernel_initializer=fan_in_uniform(), dtype=policy, name="widen"
        )
        twice = 1.0 - (1.0 - dropout) ** 2  # of two dropouts in a row
        self.drops = [CheapDropout(rate, dtype=policy) for rate in (twice, dropout, dropout)]
        self.norms = [_norm(norm, dtype=policy, name=f"norm_{i}") for i in (1, 2)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        width = int(input_shape[-1] or 0)
        self.narrow = Affine(
            width, kernel_initializer=fan_in_uniform(), dtype=self.dtype_policy, name="narrow"
        )
        for part in (self.attention, self.widen, *self.norms):
            part.build(input_shape)
        self.narrow.build((*input_shape[:-1], self.options["d_ff"]))
        self.built = True

    def call(self, tokens: Tensor, training: bool | None = None) -> Tensor:

        def network(inner: Tensor) -> Tensor:
            return self.narrow(self.drops[1](self.widen(inner), training=training))

        def attention(inner: Tensor) -> Tensor:
            return self.attention(inner, training=training)

        for part, norm, drop in (
            (attention, self.norms[0], self.drops[0]),
            (network, self.norms[1], self.drops[2]),
        ):
            if self.options["pre_norm"]:
                tokens = tokens + drop(part(norm(tokens)), training=training)
            else:
                tokens = norm(tokens + drop(part(tokens), training=training))
        return tokens

    def compute_output_spec(self, tokens: Tensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(tokens.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}


def _norm(kind: str, **arguments: Tensor) -> layers.Layer:
    if kind == "layer":
        return layers.LayerNormalization(epsilon=1e-5, **arguments)
    return TokenNorm(momentum=0.9, epsilon=1e-5, **arguments)
