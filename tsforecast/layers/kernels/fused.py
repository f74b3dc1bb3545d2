"""Parts of the encoder written for XLA on a CPU: gradients of their own, and dropout whose random numbers cost little.

XLA computes cheap-looking parts (the error function, for one) again wherever they are used, and multiplies many small
matrices quickly only when their last axis is long and none has to be transposed. So the gradients here keep what they
need and choose the order of axes. Elsewhere the plain formulas run, under the backend's own gradient.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from tsforecast.layers.portable import is_portable

_SQRT_HALF, _GAUSS = 0.7071067811865476, 0.3989422804014327  # sqrt(1/2), 1 / sqrt(2 pi)


def on_cpu() -> bool:
    """Whether these forms are the quick ones: with TensorFlow, on a CPU."""
    if keras.config.backend() != "tensorflow" or is_portable():
        return False
    from tsforecast.layers.kernels.recurrent_tensorflow import on_gpu

    return not on_gpu()


def gelu(x: Any) -> Any:
    """``x * Phi(x)`` with the exact error function.

    Source: Hendrycks & Gimpel (2016), Gaussian Error Linear Units.
    """
    return _gelu(x) if on_cpu() else ops.gelu(x, approximate=False)


@ops.custom_gradient
def _gelu(x: Any) -> Any:
    below = 0.5 * (1.0 + ops.erf(x * _SQRT_HALF))
    slope = below + x * (_GAUSS * ops.exp(-0.5 * x * x))

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        return (arguments[0] if upstream is None else upstream) * slope

    return x * below, gradient


@keras.saving.register_keras_serializable(package="tsforecast")
class Affine(layers.Dense):
    """``keras.layers.Dense`` whose gradients are products alone, on a CPU with TensorFlow.

    A sum over rows that stands beside other work is computed by XLA number by number, with all of that work again; as a
    product with ones it reads what is there.

    Args:
        *args: as in ``keras.layers.Dense``.
        **kwargs: as in ``keras.layers.Dense``.
    """

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """See ``keras.layers.Dense``."""
        if not on_cpu():
            return super().call(inputs, training=training)
        dtype = self.compute_dtype
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        result = _affine(rows, ops.cast(self.kernel, dtype), ops.cast(self.bias, dtype))
        result = ops.reshape(result, (-1, *inputs.shape[1:-1], self.units))
        return result if self.activation is None else self.activation(result)


@ops.custom_gradient
def _affine(rows: Any, kernel: Any, bias: Any) -> Any:
    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        above = arguments[0] if upstream is None else upstream
        return (
            ops.matmul(above, ops.transpose(kernel)),
            ops.matmul(ops.transpose(rows), above),
            _summed(above),
        )

    return ops.matmul(rows, kernel) + bias, gradient


def _summed(rows: Any) -> Any:
    """The sum over rows, as a product.

    Twice, since XLA writes a product of a single row as a loop that computes all before it anew: with the masks of
    dropout and the norms of several blocks one huge loop, which took the compiler minutes and a step twice its time.
    """
    ones = ops.ones((2, ops.shape(rows)[0]), rows.dtype)
    return ops.mean(ops.matmul(ones, rows), axis=0)


@keras.saving.register_keras_serializable(package="tsforecast")
class TokenNorm(layers.BatchNormalization):
    """``keras.layers.BatchNormalization`` over all axes but the last, with a gradient of its own on a CPU.

    Every patch of every series counts as a row, so that a part of a batch has enough of them: where a train step cuts
    the batch into parts, each is normalised by itself, as on several devices.

    Args:
        **kwargs: as in ``keras.layers.BatchNormalization``.
    """

    needs_whole_batch = False

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """See ``keras.layers.BatchNormalization``."""
        if not (training and self.trainable and on_cpu()):
            return super().call(inputs, training=training, mask=mask)
        rows = ops.cast(ops.reshape(inputs, (-1, inputs.shape[-1])), "float32")
        mean, variance = (ops.stop_gradient(figure) for figure in moments(rows))
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + ops.cast(value, moving.dtype) * (1.0 - self.momentum))
        gain, shift = (ops.cast(weight, "float32") for weight in (self.gamma, self.beta))
        result = _standardised(rows, mean, ops.sqrt(variance + self.epsilon), gain, shift)
        return ops.cast(ops.reshape(result, ops.shape(inputs)), self.compute_dtype)


def moments(rows: Any) -> tuple[Any, Any]:
    """Mean and variance of each column of ``[n, D]``."""
    count = ops.cast(ops.shape(rows)[0], rows.dtype)
    mean = _summed(rows) / count
    return mean, _summed(ops.square(rows - mean)) / count


@ops.custom_gradient
def _standardised(rows: Any, mean: Any, deviation: Any, gain: Any, shift: Any) -> Any:
    """``(x - mean) / deviation * gain + shift``; the gradient knows that both come from the rows.

    Division, not a product with the inverse: XLA takes a division for dear and keeps its result. Of cheap steps alone
    it would make each later norm compute all norms and masks before it again.
    """
    normal = (rows - mean) / deviation

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        above = arguments[0] if upstream is None else upstream
        d_gain, d_shift = _summed(above * normal), _summed(above)
        count = ops.cast(ops.shape(rows)[0], rows.dtype)
        d_rows = gain * (above - d_shift / count - normal * (d_gain / count)) / deviation
        return d_rows, ops.zeros_like(mean), ops.zeros_like(deviation), d_gain, d_shift

    return normal * gain + shift, gradient


def attend(queries: Any, keys: Any, values: Any, dropped: Callable[[Any], Any] | None = None) -> Any:
    """``softmax(q k' / sqrt(W)) v`` for many small sets of tokens, weights in float32.

    Args:
        queries: ``[N, heads, P, W]``.
        keys: ``[N, heads, W, P]``, last axes the other way round.
        values: ``[N, heads, W, P]``, so too.
        dropped: what dropout makes of the weights; None without any.

    Returns: ``[N, heads, P, W]`` in the dtype of ``queries``.
    """
    queries = queries * queries.shape[-1] ** -0.5
    if dropped is None and on_cpu():
        return _attend(queries, keys, values)
    weights = ops.softmax(ops.cast(ops.matmul(queries, keys), "float32"))
    weights = ops.cast(weights if dropped is None else dropped(weights), queries.dtype)
    return ops.matmul(weights, _turned(values))


@ops.custom_gradient
def _attend(queries: Any, keys: Any, values: Any) -> Any:
    dtype = keras.backend.standardize_dtype(queries.dtype)
    scores = ops.cast(ops.matmul(queries, keys), "float32")
    weights = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
    # Scaled after the product, whose result is smaller than the weights.
    scale = 1.0 / ops.sum(weights, axis=-1, keepdims=True)
    weights = ops.cast(weights, dtype)
    mixed = ops.cast(ops.matmul(weights, _turned(values)), "float32") * scale

    def gradient(*arguments: Any, upstream: Any = None) -> Any:
        above = ops.cast(arguments[0] if upstream is None else upstream, "float32") * scale
        level = ops.sum(above * mixed, axis=-1, keepdims=True)
        above = ops.cast(above, dtype)
        d_values = ops.matmul(_turned(above), weights)
        d_scores = ops.cast(ops.matmul(above, values), "float32") - level
        d_scores = ops.cast(ops.cast(weights, "float32") * d_scores, dtype)
        return ops.matmul(d_scores, _turned(keys)), ops.matmul(_turned(queries), d_scores), d_values

    return ops.cast(mixed, dtype), gradient


def _turned(x: Any) -> Any:
    return ops.transpose(x, (0, 1, 3, 2))


@keras.saving.register_keras_serializable(package="tsforecast")
class CheapDropout(layers.Dropout):
    """``keras.layers.Dropout``; on a CPU with TensorFlow its random numbers are a hash of each element's place.

    There the generators of TensorFlow take longer than the products around them.

    Args:
        rate: share dropped, in [0, 1).
        **kwargs: as in ``keras.layers.Dropout``.

    Source: the hash is the last step of MurmurHash3 (Appleby 2011), of place times an odd number plus a random key.
    """

    def call(self, inputs: Any, training: bool = False) -> Any:
        """See ``keras.layers.Dropout``."""
        if not training or not self.rate or not on_cpu():
            return super().call(inputs, training=training)
        seed = ops.cast(self.seed_generator.next(), "uint32")
        shape = ops.shape(inputs)
        places = ops.cast(ops.arange(ops.prod(ops.convert_to_tensor(shape)), dtype="int32"), "uint32")
        noise = _mixed(places * np.uint32(0x9E3779B1) + _mixed(seed[0] + _mixed(seed[1])))
        kept = ops.reshape(noise >= np.uint32(round(self.rate * 2**32)), shape)
        return ops.where(kept, inputs * (1.0 / (1.0 - self.rate)), 0.0)


def _mixed(x: Any) -> Any:
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ops.bitwise_xor(x, ops.bitwise_right_shift(x, np.uint32(shift))) * np.uint32(factor)
    return ops.bitwise_xor(x, ops.bitwise_right_shift(x, np.uint32(16)))
