"""Patches of a history: cut, hidden for pre-training, and mapped to tokens with positions."""

from typing import Any

import keras
from keras import layers, ops

from tsforecast.layers.head import fan_in_uniform
from tsforecast.layers.kernels.fused import CheapDropout

EVALUATION_SEED = 7  # of the patches hidden outside training, always the same ones


@keras.saving.register_keras_serializable(package="tsforecast")
class Patches(layers.Layer):
    """Cuts each history into patches, maps each to the model's width and adds a learned position.

    Args:
        width: D.
        patch_len: steps of a patch, at most the history's length.
        patch_stride: steps from one patch to the next, at most ``patch_len``.
        padding: ``end`` repeats the last value ``patch_stride`` times, so that one more patch ends on it; or ``none``.
        dropout: share dropped after the positions, in [0, 1).

    Call arguments: history ``[B, M, L]``; hidden ``[B, M, P]``, 1 for a patch whose values are replaced by zero, or
        None.
    Returns: ``[B, M, P, D]``.

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
        self.map = layers.Dense(
            width, kernel_initializer=fan_in_uniform(), dtype=self.dtype_policy, name="map"
        )
        self.drop = CheapDropout(dropout, dtype=self.dtype_policy)

    def count(self, length: int) -> int:
        """P, the patches of a history of so many steps."""
        return (length - self.patch_len) // self.patch_stride + 1 + (self.padding == "end")

    def build(self, history_shape: tuple[int | None, ...], hidden_shape: Any = None) -> None:
        """The map and the positions."""
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

    def cut(self, history: Any) -> Any:
        """The patches as they are, ``[B, M, P, patch_len]``."""
        length = history.shape[-1]
        if self.padding == "end":
            history = ops.concatenate(
                [history, ops.repeat(history[..., -1:], self.patch_stride, axis=-1)], axis=-1
            )
        starts = [self.patch_stride * i for i in range(self.count(length))]
        return ops.stack([history[..., start : start + self.patch_len] for start in starts], axis=-2)

    def call(self, history: Any, hidden: Any = None, training: bool | None = None) -> Any:
        """See the class."""
        patches = self.cut(history)
        if hidden is not None:
            patches = patches * ops.cast(1.0 - hidden, patches.dtype)[..., None]
        return self.drop(self.map(patches) + ops.cast(self.positions, self.compute_dtype), training=training)

    def compute_output_spec(
        self, history: Any, hidden: Any = None, training: bool | None = None
    ) -> keras.KerasTensor:
        """``[B, M, P, D]``."""
        shape = (*history.shape[:-1], self.count(history.shape[-1]), self.width)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

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


@keras.saving.register_keras_serializable(package="tsforecast")
class HiddenPatches(layers.Layer):
    """Picks the patches to hide: of each series by itself, the same number, anew at each training step.

    Outside training the choice is always the same, so that validation figures can be compared.

    Args:
        count: P, patches of a history.
        share: of them to hide, in (0, 1); at least one is hidden and one is left.

    Call arguments: history ``[B, M, L]``, for its first two axes.
    Returns: ``[B, M, P]`` float32, 1 where hidden.

    Source: Nie et al. (2023), section 3.2: chosen uniformly at random, 40 % of them.
    """

    def __init__(self, count: int, share: float, **kwargs: Any):
        super().__init__(**{**kwargs, "dtype": "float32"})
        if count < 2:
            raise ValueError(f"patch_len leaves {count} patch of the window: to hide some, make it shorter.")
        self.count, self.share = count, share
        self.seeds = keras.random.SeedGenerator()

    @property
    def hidden(self) -> int:
        """How many patches of each series are hidden."""
        return min(max(round(self.share * self.count), 1), self.count - 1)

    def call(self, history: Any, training: bool | None = None) -> Any:
        """See the class."""
        shape = (*ops.shape(history)[:2], self.count)
        noise = keras.random.uniform(shape, seed=self.seeds if training else EVALUATION_SEED)
        ranks = ops.argsort(ops.argsort(noise, axis=-1), axis=-1)
        return ops.cast(ranks < self.hidden, "float32")

    def compute_output_spec(self, history: Any, training: bool | None = None) -> keras.KerasTensor:
        """``[B, M, P]``."""
        return keras.KerasTensor((*history.shape[:2], self.count), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "count": self.count, "share": self.share}
