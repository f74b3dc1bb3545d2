"""Patches of a history: cutting, hiding for pre-training, and mapping to tokens with positions."""

from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.head import fan_in_uniform
from tsforecast.layers.kernels.fused import CheapDropout
from tsforecast.typing import Tensor

EVALUATION_SEED = 7  # of the patches hidden outside training, which are always the same


@keras.saving.register_keras_serializable(package="tsforecast")
class Patches(layers.Layer):
    """Cuts each history into patches, maps each to the width of the model and adds a learned position.

    Args:
        width: D, width of the model.
        patch_len: Steps in a patch, at most the length of the history.
        patch_stride: Steps from one patch to the next, at most ``patch_len``.
        padding: ``end`` repeats the last value ``patch_stride`` times, which adds a patch that ends on it; or ``none``.
        dropout: Share dropped after adding the positions, in [0, 1).

    Call arguments: history ``[B, M, L]``; hidden ``[B, M, P]``, 1 for a patch whose values are replaced by zero, or
        None.
    Returns: ``[B, M, P, D]``.

    Raises:
        ValueError: An argument is out of its range.

    Source: Nie et al. (2023), section 3.1.

    Example:
        >>> Patches(width=16, patch_len=8, patch_stride=4)(ops.zeros((2, 3, 40))).shape
        TensorShape([2, 3, 10, 16])
    """

    def __init__(
        self,
        width: int,
        patch_len: int = 16,
        patch_stride: int = 8,
        padding: str = "end",
        dropout: float = 0.0,
        **kwargs: object,
    ):
        super().__init__(**kwargs)
        if padding not in ("end", "none"):
            raise ValueError(f"padding={padding} is not one of end, none.")
        if not 1 <= patch_stride <= patch_len:
            raise ValueError(f"patch_stride={patch_stride} must be between 1 and patch_len={patch_len}.")
        self.width, self.patch_len, self.patch_stride = width, patch_len, patch_stride
        self.padding, self.dropout = padding, dropout
        self.map = layers.Dense(
            width, kernel_initializer=fan_in_uniform(), dtype=self.dtype_policy, name="map"
        )
        self.drop = CheapDropout(dropout, dtype=self.dtype_policy)

    def count(self, length: int) -> int:
        """Return P, the number of patches in a history of ``length`` steps."""
        return (length - self.patch_len) // self.patch_stride + 1 + (self.padding == "end")

    def build(
        self, history_shape: tuple[int | None, ...], hidden_shape: tuple[int | None, ...] | None = None
    ) -> None:
        length = history_shape[-1]
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

    def split(self, history: Tensor) -> Tensor:
        """Return the patches before the map, ``[B, M, P, patch_len]``."""
        length = history.shape[-1]
        if self.padding == "end":
            history = ops.concatenate(
                [history, ops.repeat(history[..., -1:], self.patch_stride, axis=-1)], axis=-1
            )
        starts = [self.patch_stride * i for i in range(self.count(length))]
        return ops.stack([history[..., start : start + self.patch_len] for start in starts], axis=-2)

    def call(self, history: Tensor, hidden: Tensor = None, training: bool | None = None) -> Tensor:
        patches = self.split(history)
        if hidden is not None:
            patches = patches * ops.cast(1.0 - hidden, patches.dtype)[..., None]
        return self.drop(self.map(patches) + ops.cast(self.positions, self.compute_dtype), training=training)

    def compute_output_spec(
        self, history: Tensor, hidden: Tensor = None, training: bool | None = None
    ) -> keras.KerasTensor:
        shape = (*history.shape[:-1], self.count(history.shape[-1]), self.width)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "width": self.width,
            "patch_len": self.patch_len,
            "patch_stride": self.patch_stride,
            "padding": self.padding,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable(package="tsforecast")
class HiddenPatches(layers.Layer):
    """Chooses the patches to hide: the same number in each series, drawn again at each training step.

    Outside training the choice is always the same, which makes validation figures comparable.

    Args:
        count: P, number of patches in a history.
        share: Share of them to hide, in (0, 1); at least one is hidden and at least one is left.

    Call arguments: history ``[B, M, L]``, for its first two axes.
    Returns: ``[B, M, P]`` float32, 1 where hidden.

    Source: Nie et al. (2023), section 3.2: chosen uniformly at random, 40 % of them.

    Example:
        >>> HiddenPatches(count=10, share=0.4)(ops.zeros((1, 1, 40))).numpy().sum()
        np.float32(4.0)
    """

    def __init__(self, count: int, share: float, **kwargs: object):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if count < 2:
            raise ValueError(
                f"patch_len leaves {count} patch of the window: make it shorter, so that some can be hidden."
            )
        self.count, self.share = count, share
        self.seeds = keras.random.SeedGenerator()

    @property
    def hidden_count(self) -> int:
        """Number of hidden patches in each series."""
        return min(max(round(self.share * self.count), 1), self.count - 1)

    def call(self, history: Tensor, training: bool | None = None) -> Tensor:
        shape = (*ops.shape(history)[:2], self.count)
        noise = keras.random.uniform(shape, seed=self.seeds if training else EVALUATION_SEED)
        ranks = ops.argsort(ops.argsort(noise, axis=-1), axis=-1)
        return ops.cast(ranks < self.hidden_count, "float32")

    def compute_output_spec(self, history: Tensor, training: bool | None = None) -> keras.KerasTensor:
        return keras.KerasTensor((*history.shape[:2], self.count), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "share": self.share}
