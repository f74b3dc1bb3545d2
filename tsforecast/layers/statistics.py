"""Causal statistics over the newest steps, which a recurrent layer would have to learn to keep."""

import operator
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from tsforecast.typing import Tensor


@keras.saving.register_keras_serializable(package="tsforecast")
class RollingStatistics(keras.layers.Layer):
    """Mean, lowest and highest value of each channel over the newest steps, at each step.

    Where a span begins before the window, the statistics are over the steps that there are.

    Args:
        spans: Lengths S in steps, each at least 1.

    Call arguments: past ``[B, L, C]``.
    Returns: ``[B, L, 3 * S * C]`` float32: for each span all means, then all minima, then all maxima.

    Example:
        >>> layer = RollingStatistics(spans=[2])
        >>> layer(ops.convert_to_tensor([[[1.0], [3.0], [2.0]]]))[0].numpy().tolist()
        [[1.0, 1.0, 1.0], [2.0, 1.0, 3.0], [2.5, 2.0, 3.0]]
    """

    def __init__(self, spans: Sequence[int], **kwargs: object):
        # Inputs stay float32 under a mixed policy too, for sums of many steps.
        super().__init__(**{**kwargs, "autocast": False})
        self.spans = list(spans)

    def call(self, past: Tensor) -> Tensor:
        values = ops.cast(past, "float32")
        steps = ops.expand_dims(ops.arange(1, past.shape[1] + 1, dtype="float32"), -1)
        parts = []
        for span in self.spans:
            # Not ops.add: it takes values of one window for a bias, and the int8 converter refuses the product.
            means = combine_newest(values, span, operator.add, 0.0) / ops.minimum(steps, float(span))
            parts += [
                means,
                combine_newest(values, span, ops.minimum, np.inf),
                combine_newest(values, span, ops.maximum, -np.inf),
            ]
        return ops.concatenate(parts, axis=-1)

    def compute_output_spec(self, past: Tensor) -> keras.KerasTensor:
        shape = (*past.shape[:-1], 3 * len(self.spans) * past.shape[-1])
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "spans": self.spans}


def combine_newest(
    values: Tensor, span: int, pick: Callable[[Tensor, Tensor], Tensor], neutral: float
) -> Tensor:
    """Return the sum or extreme of the newest ``span`` steps, from those of powers of two of them.

    Which steps are combined in which order does not depend on the steps before, so that a window and a longer stretch
    of rows give the same to the last bit.
    """
    block, size, offset, result = values, 1, 0, None
    while True:
        if span & size:
            part = _delay(block, offset, neutral)
            result, offset = part if result is None else pick(result, part), offset + size
        if offset == span:
            return result
        block, size = pick(block, _delay(block, size, neutral)), 2 * size


def _delay(values: Tensor, steps: int, neutral: float) -> Tensor:
    """Return values ``[B, L, C]`` of ``steps`` steps before; ``neutral`` before the first."""
    steps = min(steps, values.shape[1])
    before = ops.full_like(values[:, :steps], neutral)
    return ops.concatenate([before, values[:, : values.shape[1] - steps]], axis=1) if steps else values
