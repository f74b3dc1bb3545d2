"""Layers of PatchTST: instance normalisation, patches with positions, and an encoder block."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

NORMS = ("batch", "layer")


@keras.saving.register_keras_serializable(package="tsforecast")
class InstanceNorm(layers.Layer):
    """Takes each history's own mean and deviation out, and puts them back into a forecast (RevIN).

    Args:
        affine: also learn a scale and a shift for each channel.
        epsilon: added to the variance.

    Call arguments: history ``[B, M, L]``.
    Returns: the normalised history, and its statistics ``[B, M, 2]`` for ``restore``.

    Source: Kim et al. (2022), Reversible Instance Normalization, equations 2 to 5.
    """

    def __init__(self, affine: bool = False, epsilon: float = 1e-5, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.affine, self.epsilon = affine, epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """A scale and a shift for each channel, if so wished."""
        if self.affine:
            shape = (input_shape[1], 1)
            self.gain = self.add_weight(shape=shape, initializer="ones", name="gain")
            self.shift = self.add_weight(shape=shape, initializer="zeros", name="shift")
        self.built = True

    def call(self, history: Any) -> tuple[Any, Any]:
        """See the class."""
        mean = ops.mean(history, axis=-1, keepdims=True)
        deviation = ops.sqrt(ops.var(history, axis=-1, keepdims=True) + self.epsilon)
        normal = (history - mean) / deviation
        if self.affine:
            normal = normal * self.size() + self.shift
        return normal, ops.concatenate([mean, deviation], axis=-1)

    def size(self) -> Any:
        """The learned scale ``[M, 1]``, kept positive: a negative one would turn the order of quantiles round."""
        return ops.abs(self.gain) + self.epsilon**2

    def compute_output_spec(self, history: Any) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """The history's shape, and two statistics a channel."""
        return (
            keras.KerasTensor(history.shape, dtype="float32"),
            keras.KerasTensor((*history.shape[:-1], 2), dtype="float32"),
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "affine": self.affine, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable(package="tsforecast")
class RestoreInstance(layers.Layer):
    """Undoes an ``InstanceNorm`` on a forecast of some of its channels.

    Quantiles keep their order, since every scale is positive.

    Args:
        norm: the layer to undo, whose weights are used.
        channels: which of its M channels the forecast is of, T of them.

    Call arguments: forecast ``[B, T, H(, Q)]``, statistics ``[B, M, 2]``.
    Returns: float32, the forecast's shape.
    """

    def __init__(self, norm: InstanceNorm, channels: Sequence[int], **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.norm, self.channels = norm, list(channels)

    def call(self, forecast: Any, statistics: Any) -> Any:
        """See the class."""
        tail = [1] * (len(forecast.shape) - 2)
        chosen = ops.stack([statistics[:, channel] for channel in self.channels], axis=1)  # [B, T, 2]
        mean, deviation = (ops.reshape(chosen[..., i], (-1, len(self.channels), *tail)) for i in (0, 1))
        if self.norm.affine:
            size, shift = (
                ops.reshape(ops.stack([weight[channel] for channel in self.channels]), (1, -1, *tail))
                for weight in (self.norm.size(), ops.convert_to_tensor(self.norm.shift))
            )
            forecast = (forecast - shift) / size
        return forecast * deviation + mean

    def compute_output_spec(self, forecast: Any, statistics: Any) -> keras.KerasTensor:
        """The forecast's shape."""
        return keras.KerasTensor(forecast.shape, dtype="float32")


@keras.saving.register_keras_serializable(package="tsforecast")
class Patches(layers.Layer):
    """Cuts a history into patches, maps each to the model's width and adds a learned position.

    Args:
        width: D.
        patch_len: steps of a patch, at most the history's length.
        patch_stride: steps from one patch to the next, at most ``patch_len``.
        padding: ``end`` repeats the last value ``patch_stride`` times, so that one more patch ends on it; or ``none``.
        dropout: share dropped after the positions, in [0, 1).

    Call arguments: history ``[N, L]``.
    Returns: ``[N, P, D]``.

    Raises:
        ValueError: a value is out of its range.

    Source: Nie et al. (2023), section 3.1.
    """

    def __init__(
        self,
        width: int,
        patch_len: int = 16,
        patch_stride: int = 8,
        padding: str = "end",
        dropout: float = 0.0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if padding not in ("end", "none"):
            raise ValueError(f"padding={padding} is not one of end, none.")
        if not 1 <= patch_stride <= patch_len:
            raise ValueError(f"patch_stride={patch_stride} must lie between 1 and patch_len={patch_len}.")
        self.width, self.patch_len, self.patch_stride = width, patch_len, patch_stride
        self.padding, self.dropout = padding, dropout
        self.map = layers.Dense(width, dtype=self.dtype_policy, name="map")
        self.drop = layers.Dropout(dropout, dtype=self.dtype_policy)

    def count(self, length: int) -> int:
        """P, the patches of a history of so many steps."""
        return (length - self.patch_len) // self.patch_stride + 1 + (self.padding == "end")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """The map and the positions."""
        length = input_shape[-1]
        if length is None or length < self.patch_len:
            raise ValueError(
                f"patch_len={self.patch_len} does not fit window.lookback={length}: make it shorter."
            )
        self.map.build((None, None, self.patch_len))
        self.positions = self.add_weight(
            shape=(self.count(length), self.width),
            initializer=keras.initializers.RandomUniform(-0.02, 0.02),
            name="positions",
        )
        self.built = True

    def call(self, history: Any, training: bool | None = None) -> Any:
        """See the class."""
        length = history.shape[-1]
        if self.padding == "end":
            history = ops.concatenate(
                [history, ops.repeat(history[:, -1:], self.patch_stride, axis=1)], axis=1
            )
        starts = [self.patch_stride * i for i in range(self.count(length))]
        patches = ops.stack([history[:, start : start + self.patch_len] for start in starts], axis=1)
        return self.drop(self.map(patches) + ops.cast(self.positions, self.compute_dtype), training=training)

    def compute_output_spec(self, history: Any, training: bool | None = None) -> keras.KerasTensor:
        """``[N, P, D]``."""
        return keras.KerasTensor(
            (history.shape[0], self.count(history.shape[-1]), self.width), dtype=self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            **super().get_config(),
            "width": self.width,
            "patch_len": self.patch_len,
            "patch_stride": self.patch_stride,
            "padding": self.padding,
            "dropout": self.dropout,
        }


def encoder_block(
    tokens: Any,
    *,
    heads: int,
    d_ff: int,
    dropout: float,
    attention_dropout: float,
    norm: str,
    pre_norm: bool,
    name: str,
) -> Any:
    """One encoder block: attention and a GELU network of width ``d_ff``, each with a way around it and a norm.

    Args:
        tokens: ``[N, P, D]``.
        heads: of the attention; D is a multiple of it.
        d_ff: width of the inner network.
        dropout: share dropped of the output of the attention and of both layers of the network.
        attention_dropout: share dropped of the attention's weights.
        norm: ``batch`` (over patches and series, as the paper) or ``layer``.
        pre_norm: the norm stands before each part instead of after the sum.
        name: prefix of the layers' names.

    Returns: ``[N, P, D]``.

    Source: Nie et al. (2023), section 3.1 and appendix A.1.4: post-norm with batch normalisation.
    """
    width = tokens.shape[-1]

    def normed(x: Any, place: str) -> Any:
        if norm == "layer":
            return layers.LayerNormalization(epsilon=1e-5, name=f"{name}_{place}")(x)
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_{place}")(x)

    attention = layers.MultiHeadAttention(
        heads, width // heads, dropout=attention_dropout, name=f"{name}_attention"
    )
    inner = normed(tokens, "norm_1") if pre_norm else tokens
    tokens = layers.Add()([tokens, layers.Dropout(dropout)(attention(inner, inner))])
    tokens = tokens if pre_norm else normed(tokens, "norm_1")
    inner = normed(tokens, "norm_2") if pre_norm else tokens
    inner = layers.Dense(d_ff, activation="gelu", name=f"{name}_dense_1")(inner)
    inner = layers.Dense(width, name=f"{name}_dense_2")(layers.Dropout(dropout)(inner))
    tokens = layers.Add()([tokens, layers.Dropout(dropout)(inner)])
    return tokens if pre_norm else normed(tokens, "norm_2")
