"""Piecewise linear encoding of each channel, which lets a network separate levels as sharply as trees do."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class PiecewiseLinear(keras.layers.Layer):
    """Encodes each channel by the position of its value in each of its bins, and maps the encoding to a given width.

    Component ``k`` of a channel with edges ``b_0 < ... < b_K`` is ``(x - b_{k-1}) / (b_k - b_{k-1})``, clipped to
    [0, 1]; the first is not clipped below and the last not above, which keeps values outside the edges distinct. The
    output is the channels themselves, followed by a ReLU layer of width ``units`` on all components.

    Args:
        edges: Rising edges of each of the C channels; fewer than three leave the channel unchanged.
        units: Width of the learned layer, at least 1.

    Raises:
        ValueError: No channel has three edges.

    Call arguments: past ``[B, L, C]``, scaled.
    Returns: ``[B, L, C + units]``.

    Source: Gorishniy et al. (2022), On embeddings for numerical features in tabular deep learning, eq. 1, with
    quantiles for edges (section 3.2.1); one layer serves all channels, where the paper has one for each.

    Example:
        >>> layer = PiecewiseLinear(edges=[[0.0, 1.0, 2.0], [0.0]], units=4)  # the second channel is not encoded
        >>> layer(ops.zeros((1, 10, 2))).shape
        TensorShape([1, 10, 6])
    """

    def __init__(self, edges: Sequence[Sequence[float]], units: int, **kwargs: object):
        # Inputs stay float32 under a mixed policy too: half precision cannot tell narrow bins apart.
        super().__init__(**{**kwargs, "autocast": False})
        self.edges, self.units = [list(channel_edges) for channel_edges in edges], units
        self.dense = keras.layers.Dense(units, activation="relu", dtype=self.dtype_policy)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Build the learned layer and the product that computes all bins; the edges are weights, to be saved too."""
        slopes, offsets, lows, highs = _bins(self.edges)
        self._slopes, self._offsets = (
            add_constant(self, "slopes", slopes),
            add_constant(self, "offsets", offsets),
        )
        self._lows, self._highs = lows, highs
        self.dense.build((*input_shape[:-1], len(offsets)))
        self.built = True

    def call(self, past: Tensor) -> Tensor:
        positions = ops.matmul(ops.cast(past, "float32"), self._slopes) + self._offsets
        bins = ops.minimum(ops.maximum(positions, self._lows), self._highs)
        return ops.concatenate([ops.cast(past, self.compute_dtype), self.dense(bins)], axis=-1)

    def compute_output_spec(self, past: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*past.shape[:-1], past.shape[-1] + self.units), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "edges": self.edges, "units": self.units}


def add_constant(layer: keras.layers.Layer, name: str, values: np.ndarray) -> keras.Variable:
    """Add a float32 weight of a layer that is saved with it, not trained, and exact under a mixed policy."""
    return layer.add_weight(
        shape=values.shape,
        initializer=lambda shape, dtype: ops.convert_to_tensor(values, dtype),
        trainable=False,
        dtype="float32",
        autocast=False,
        name=name,
    )


def _bins(edges: Sequence[Sequence[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return slopes ``[C, K]``, offsets, lowest and highest values ``[K]`` of the K components of all channels."""
    columns, bins = np.eye(len(edges)), []
    for column, rising in zip(columns, edges, strict=True):
        last = len(rising) - 2
        for k in range(last + 1 if last > 0 else 0):
            width = rising[k + 1] - rising[k]
            bins.append(
                (column / width, -rising[k] / width, 0.0 if k else -np.inf, 1.0 if k < last else np.inf)
            )
    if not bins:
        raise ValueError("edges leave no channel to encode: give at least one channel three edges or more.")
    slopes, *limits = (np.asarray(part, "float32") for part in zip(*bins, strict=True))
    return slopes.T, *limits
