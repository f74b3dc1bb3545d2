"""Convolutions of ModernTCN: one long kernel for each channel, then dense layers in groups."""

from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.kernels.fused import CheapDropout, TokenNorm, gelu
from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class ChannelConvolution(layers.Layer):
    """A convolution of each channel with a kernel of its own, which keeps the length; zeros surround the series.

    It is computed as a product with a banded matrix of each channel: XLA has no fast form of such a convolution on a
    CPU, where a step with ``keras.layers.DepthwiseConv1D`` took about 40 times as long.

    Args:
        kernel_size: Steps of the kernel, odd.

    Call arguments: series ``[B, N, C]``.
    Returns: ``[B, N, C]``.

    Example:
        >>> layer = ChannelConvolution(3)
        >>> layer.build((None, 4, 1))
        >>> _ = layer.kernel.assign([[1.0], [10.0], [100.0]])
        >>> layer(ops.reshape(ops.arange(1.0, 5.0), (1, 4, 1))).numpy().ravel().tolist()
        [210.0, 321.0, 432.0, 43.0]
    """

    def __init__(self, kernel_size: int, **kwargs: object):
        super().__init__(**kwargs)
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel={kernel_size} must be odd, which centers it.")
        self.kernel_size = kernel_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        limit = self.kernel_size**-0.5
        self.kernel = self.add_weight(
            shape=(self.kernel_size, input_shape[-1]),
            initializer=keras.initializers.RandomUniform(-limit, limit),
            name="kernel",
        )
        self.built = True

    def call(self, series: Tensor) -> Tensor:
        _, steps, channels = series.shape
        kernel = ops.transpose(ops.cast(self.kernel, self.compute_dtype))  # [C, K]
        # Rows of one step less than the padded kernel: each is the one before it, moved by a step.
        length = steps + self.kernel_size
        padded = ops.pad(kernel, [[0, 0], [0, steps]])
        rows = ops.reshape(ops.tile(padded, (1, steps)), (channels, -1))[:, : steps * (length - 1)]
        first = self.kernel_size // 2
        matrix = ops.reshape(rows, (channels, steps, length - 1))[:, :, first : first + steps]
        result = ops.matmul(ops.transpose(series, (2, 0, 1)), ops.swapaxes(matrix, 1, 2))
        return ops.transpose(result, (1, 2, 0))

    def compute_output_spec(self, series: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor(series.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(package="tsforecast")
class ModernTCNBlock(layers.Layer):
    """A long and a short kernel for each channel; then dense layers among the D numbers, and among the M series.

    Args:
        kernel: Patches that the long kernel covers, odd.
        small_kernel: Patches that the short one covers, odd.
        ratio: Width of the inner layer of each dense network relative to its input.
        dropout: Share dropped after each dense layer, in [0, 1).

    Call arguments: tokens ``[B, N, M, D]``: N patches of M series.
    Returns: ``[B, N, M, D]``.

    Source: Luo & Wang (2024), ModernTCN: A Modern Pure Convolution Structure for General Time Series Analysis, section
        3.2 and figure 2: DWConv, ConvFFN1 and ConvFFN2, with one shortcut around them; norms and dropout as in the
        published code.

    Example:
        >>> ModernTCNBlock(kernel=5, small_kernel=3)(ops.zeros((2, 12, 3, 8))).shape
        TensorShape([2, 12, 3, 8])
    """

    def __init__(
        self, kernel: int, small_kernel: int, ratio: int = 1, dropout: float = 0.0, **kwargs: object
    ):
        super().__init__(**kwargs)
        self.options: dict[str, Any] = {
            "kernel": kernel,
            "small_kernel": small_kernel,
            "ratio": ratio,
            "dropout": dropout,
        }
        policy = self.dtype_policy
        self.convolutions = [
            ChannelConvolution(size, dtype=policy, name=f"convolution_{size}")
            for size in dict.fromkeys((kernel, small_kernel))
        ]
        self.norms = [TokenNorm(momentum=0.9, epsilon=1e-5, dtype=policy) for _ in (*self.convolutions, None)]
        self.drops = [CheapDropout(dropout, dtype=policy) for _ in range(4)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        patches, series, width = (int(size or 0) for size in input_shape[1:])
        ratio, policy = self.options["ratio"], self.dtype_policy
        # Of each series among its D numbers, and of each of the D numbers among the series.
        shapes = {
            "among_numbers_1": ("bnmd,mdf->bnmf", (patches, series, ratio * width), "mf"),
            "among_numbers_2": ("bnmf,mfd->bnmd", (patches, series, width), "md"),
            "among_series_1": ("bnmd,dmf->bnfd", (patches, ratio * series, width), "fd"),
            "among_series_2": ("bnfd,dfm->bnmd", (patches, series, width), "md"),
        }
        self.dense = [
            layers.EinsumDense(
                equation,
                shape,
                bias_axes=bias,
                kernel_initializer=_fan_in(width if "numbers" in name else series, ratio, name),
                dtype=policy,
                name=name,
            )
            for name, (equation, shape, bias) in shapes.items()
        ]
        before: tuple[int | None, ...] = tuple(input_shape)
        for layer in self.dense:
            layer.build(before)
            before = layer.compute_output_shape(before)
        for convolution, norm in zip(self.convolutions, self.norms[:-1], strict=True):
            convolution.build((None, patches, series * width))
            norm.build((None, patches, series * width))
        self.norms[-1].build(input_shape)
        self.built = True

    def call(self, tokens: Tensor, training: bool | None = None) -> Tensor:
        tokens = ops.cast(tokens, self.compute_dtype)
        flat = ops.reshape(tokens, (-1, tokens.shape[1], tokens.shape[2] * tokens.shape[3]))
        parts = [
            norm(convolution(flat), training=training)
            for convolution, norm in zip(self.convolutions, self.norms[:-1], strict=True)
        ]
        inner = parts[0] if len(parts) == 1 else ops.add(*parts)
        inner = self.norms[-1](ops.reshape(inner, (-1, *tokens.shape[1:])), training=training)
        for number, (layer, drop) in enumerate(zip(self.dense, self.drops, strict=True)):
            inner = drop(layer(inner), training=training)
            inner = inner if number % 2 else gelu(inner)
        return ops.add(tokens, inner)

    def compute_output_spec(self, tokens: Tensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor(tokens.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}


def _fan_in(inputs: int, ratio: int, name: str) -> keras.initializers.Initializer:
    """Return uniform weights up to ``1 / sqrt(n)``; Keras cannot tell the n inputs of a number from the shape."""
    limit = (inputs * (ratio if name.endswith("2") else 1)) ** -0.5
    return keras.initializers.RandomUniform(-limit, limit)
