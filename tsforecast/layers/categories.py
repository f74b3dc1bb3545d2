"""Embeddings of categories: a learned vector for each code."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.typing import Tensor

RESERVED = 2  # the first codes: of unknown and of missing values
MAX_WIDTH = 32
SPREAD = 0.05  # of the initial vectors, as in keras.layers.Embedding


def embedding_width(codes: int, width: int | None = None) -> int:
    """Return the width of an embedding: as stated, or 1.6 times the number of codes to the power of 0.56, at most 32.

    Args:
        codes: Number of codes.
        width: Width that is stated; None for the rule.

    Source: Howard & Gugger (2020), fastai: A layered API for deep learning, for the rule, with a lower limit here.

    Example:
        >>> [embedding_width(codes) for codes in (4, 9, 100, 1000)]
        [3, 5, 21, 32]
    """
    return width or min(MAX_WIDTH, round(1.6 * codes**0.56))


@keras.saving.register_keras_serializable(package="tsforecast")
class CategoryEmbedding(keras.layers.Layer):
    """Replaces channels that hold codes of categories by a learned vector for each code.

    Channels of one categorical feature, such as a future covariate at several steps ahead, share their vectors. Those
    of the codes of unknown and missing values start at zero and stay there if the training rows have none.

    Args:
        category_of: For each channel, the index of its categorical feature, -1 for numbers.
        category_counts: Number of codes of each categorical feature.
        width: Width of each embedding; None for ``embedding_width``.

    Call arguments: past ``[B, L, C]``, scaled, with codes in the categorical channels.
    Returns: ``[B, L, D]``, the embeddings of the categorical channels one after the other.

    Source: Guo & Berkhahn (2016), Entity embeddings of categorical variables.

    Example:
        >>> layer = CategoryEmbedding(category_of=[-1, 0, 0], category_counts=[4], width=3)
        >>> layer(ops.zeros((1, 10, 3))).shape
        TensorShape([1, 10, 6])
    """

    def __init__(
        self,
        category_of: Sequence[int],
        category_counts: Sequence[int],
        width: int | None = None,
        **kwargs: object,
    ):
        # Codes stay float32 under a mixed policy too: half precision cannot tell large ones apart.
        super().__init__(**{**kwargs, "autocast": False})
        self.category_of, self.category_counts, self.width = list(category_of), list(category_counts), width

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create a table of vectors for each categorical feature."""
        self.tables = [
            self.add_weight(
                shape=(codes, embedding_width(codes, self.width)),
                initializer=_initial_vectors,
                name=f"table_{index}",
            )
            for index, codes in enumerate(self.category_counts)
        ]
        self.built = True

    def call(self, past: Tensor) -> Tensor:
        parts = []
        for channel, category in enumerate(self.category_of):
            if category >= 0:
                table = ops.cast(self.tables[category], self.compute_dtype)
                # Runtimes that exported graphs run on may scale a code to a little less than a whole number.
                codes = ops.cast(past[..., channel] + 0.5, "int32")
                parts.append(ops.take(table, codes, axis=0))
        return ops.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]

    def compute_output_spec(self, past: Tensor) -> keras.KerasTensor:
        widths = [embedding_width(codes, self.width) for codes in self.category_counts]
        total = sum(widths[category] for category in self.category_of if category >= 0)
        return keras.KerasTensor((*past.shape[:-1], total), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "category_of": self.category_of,
            "category_counts": self.category_counts,
            "width": self.width,
        }


@keras.saving.register_keras_serializable(package="tsforecast")
class SelectChannels(keras.layers.Layer):
    """Selects some of the channels: ``[B, L, C] -> [B, L, N]``.

    Args:
        channels: Indices of the N channels.

    Example:
        >>> SelectChannels([0, 2])(ops.zeros((1, 10, 3))).shape
        TensorShape([1, 10, 2])
    """

    def __init__(self, channels: Sequence[int], **kwargs: object):
        super().__init__(**{**kwargs, "autocast": False})
        self.channels = list(channels)

    def call(self, past: Tensor) -> Tensor:
        return ops.stack([past[..., channel] for channel in self.channels], axis=-1)

    def compute_output_spec(self, past: Tensor) -> keras.KerasTensor:
        return keras.KerasTensor((*past.shape[:-1], len(self.channels)), dtype=past.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "channels": self.channels}


def _initial_vectors(shape: tuple[int, ...], dtype: str | None = None) -> Tensor:
    """Return small random vectors, and zeros for unknown and missing values."""
    vectors = keras.initializers.RandomUniform(-SPREAD, SPREAD)(shape, dtype=dtype)
    known = (np.arange(shape[0]) >= RESERVED)[:, None]
    return vectors * ops.cast(known, vectors.dtype)
