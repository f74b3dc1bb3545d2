"""Parts of the encoder written for XLA on a CPU: custom gradients, and dropout with cheap random numbers.

XLA recomputes operations that it considers cheap (for example the error function) wherever they are used, and is fast
at multiplying many small matrices only if their last axis is long and none has to be transposed. The gradients here
therefore keep what they need and choose the order of axes. On other devices and backends the plain formulas run, with
the gradient of the backend.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from tsforecast.layers.portable import is_portable
from tsforecast.typing import Tensor

_SQRT_HALF, _GAUSS = 0.7071067811865476, 0.3989422804014327  # sqrt(1/2), 1 / sqrt(2 pi)


def on_cpu() -> bool:
    """Whether these forms are the fast ones: with TensorFlow on a CPU."""
    if keras.config.backend() != "tensorflow" or is_portable():
        return False
    from tsforecast.layers.kernels.recurrent_tensorflow import on_gpu

    return not on_gpu()


def gelu(x: Tensor) -> Tensor:
    """Return ``x * Phi(x)`` with the exact error function.

    Source: Hendrycks & Gimpel (2016), Gaussian Error Linear Units.

    Example:
        >>> gelu(ops.convert_to_tensor([-1.0, 0.0, 1.0])).numpy().round(3).tolist()
        [-0.1589999943971634, 0.0, 0.8410000205039978]
    """
    return _gelu(x) if on_cpu() else ops.gelu(x, approximate=False)


@ops.custom_gradient
def _gelu(x: Tensor) -> Tensor:
    below = 0.5 * (1.0 + ops.erf(x * _SQRT_HALF))
    slope = below + x * (_GAUSS * ops.exp(-0.5 * x * x))

    def gradient(*arguments: Tensor, upstream: Tensor = None) -> Tensor:
        return (arguments[0] if upstream is None else upstream) * slope

    return x * below, gradient


@keras.saving.register_keras_serializable(package="tsforecast")
class Affine(layers.Dense):
    """``keras.layers.Dense`` whose gradients are only products, on a CPU with TensorFlow.

    XLA would fuse a sum over rows with the operations before it and recompute them for each number; a product with
    ones reads their results. The arguments are those of ``keras.layers.Dense``.

    Example:
        >>> Affine(8)(ops.zeros((2, 3, 4))).shape
        TensorShape([2, 3, 8])
    """

    def call(self, inputs: Tensor, training: bool | None = None) -> Tensor:
        if not on_cpu():
            return super().call(inputs, training=training)
        dtype = self.compute_dtype
        rows = ops.reshape(inputs, (-1, inputs.shape[-1]))
        result = _affine(rows, ops.cast(self.kernel, dtype), ops.cast(self.bias, dtype))
        result = ops.reshape(result, (-1, *inputs.shape[1:-1], self.units))
        return result if self.activation is None else self.activation(result)


@ops.custom_gradient
def _affine(rows: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    def gradient(*arguments: Tensor, upstream: Tensor = None) -> Tensor:
        above = arguments[0] if upstream is None else upstream
        return (
            ops.matmul(above, ops.transpose(kernel)),
            ops.matmul(ops.transpose(rows), above),
            _sum_rows(above),
        )

    return ops.matmul(rows, kernel) + bias, gradient


def _sum_rows(rows: Tensor) -> Tensor:
    """Return the sum over rows, as a product.

    The row of ones is doubled, since XLA turns a product with a single row into a loop that recomputes everything
    before it: with the masks of dropout and the norms of several blocks one huge loop, which took minutes to compile
    and doubled the time of a step.
    """
    ones = ops.ones((2, ops.shape(rows)[0]), rows.dtype)
    return ops.mean(ops.matmul(ones, rows), axis=0)


@keras.saving.register_keras_serializable(package="tsforecast")
class TokenNorm(layers.BatchNormalization):
    """``keras.layers.BatchNormalization`` over all axes except the last, with a custom gradient on a CPU.

    Every patch of every series counts as a row, which leaves enough of them in a part of a batch: if a train step cuts
    the batch into parts, each part is normalized separately, as on several devices. The arguments are those of
    ``keras.layers.BatchNormalization``.

    Example:
        >>> norm = TokenNorm()
        >>> float(ops.std(norm(keras.random.normal((8, 3, 12, 4), mean=5.0, seed=1), training=True)).numpy().round(2))
        1.0
    """

    needs_whole_batch = False

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor = None) -> Tensor:
        if not (training and self.trainable and on_cpu()):
            return super().call(inputs, training=training, mask=mask)
        rows = ops.cast(ops.reshape(inputs, (-1, inputs.shape[-1])), "float32")
        mean, variance = (ops.stop_gradient(figure) for figure in moments(rows))
        for moving, value in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + ops.cast(value, moving.dtype) * (1.0 - self.momentum))
        gain, shift = (ops.cast(weight, "float32") for weight in (self.gamma, self.beta))
        result = _standardize(rows, mean, ops.sqrt(variance + self.epsilon), gain, shift)
        return ops.cast(ops.reshape(result, ops.shape(inputs)), self.compute_dtype)


def moments(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and variance of each column of ``[n, D]``."""
    count = ops.cast(ops.shape(rows)[0], rows.dtype)
    mean = _sum_rows(rows) / count
    return mean, _sum_rows(ops.square(rows - mean)) / count


@ops.custom_gradient
def _standardize(rows: Tensor, mean: Tensor, deviation: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """Return ``(x - mean) / deviation * gain + shift``; the gradient includes that of mean and deviation.

    It divides instead of multiplying by the inverse: XLA considers a division expensive and keeps its result. With
    cheap operations only, each norm would recompute all norms and masks before it.
    """
    normalized = (rows - mean) / deviation

    def gradient(*arguments: Tensor, upstream: Tensor = None) -> Tensor:
        above = arguments[0] if upstream is None else upstream
        d_gain, d_shift = _sum_rows(above * normalized), _sum_rows(above)
        count = ops.cast(ops.shape(rows)[0], rows.dtype)
        d_rows = gain * (above - d_shift / count - normalized * (d_gain / count)) / deviation
        return d_rows, ops.zeros_like(mean), ops.zeros_like(deviation), d_gain, d_shift

    return normalized * gain + shift, gradient


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    drop: Callable[[Tensor], Tensor] | None = None,
    causal: bool = False,
) -> Tensor:
    """Return ``softmax(q k' / sqrt(W)) v`` for many small sets of tokens, with the weights in float32.

    Args:
        queries: ``[N, heads, P, W]``.
        keys: ``[N, heads, W, P]``, with the last axes swapped.
        values: ``[N, heads, W, P]``, with the last axes swapped.
        drop: Applies dropout to the weights, or None.
        causal: Whether a token attends only to itself and the tokens before it.

    Returns: ``[N, heads, P, W]`` in the dtype of ``queries``.
    """
    queries = queries * queries.shape[-1] ** -0.5
    if drop is None and on_cpu():
        return (_attend_causally if causal else _attend)(queries, keys, values)
    scores = ops.cast(ops.matmul(queries, keys), "float32")
    if scores.shape[-1] == 1:  # of which Keras warns
        weights = ops.ones_like(scores)
    else:
        weights = ops.softmax(scores + _future_mask(scores.shape[-1]) if causal else scores)
    weights = ops.cast(weights if drop is None else drop(weights), queries.dtype)
    return ops.matmul(weights, _swap_last_axes(values))


def _future_mask(tokens: int) -> Tensor:
    """Return what to add to the scores ``[P, P]`` so that no token attends to a later one."""
    return ops.convert_to_tensor(np.triu(np.full((tokens, tokens), -1e9, "float32"), k=1))


@ops.custom_gradient
def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return _attention_with_gradient(queries, keys, values, causal=False)


@ops.custom_gradient
def _attend_causally(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return _attention_with_gradient(queries, keys, values, causal=True)


def _attention_with_gradient(
    queries: Tensor, keys: Tensor, values: Tensor, causal: bool
) -> tuple[Tensor, Callable[..., tuple[Tensor, Tensor, Tensor]]]:
    """Return the attention, and its gradient from what the forward pass kept."""
    dtype = keras.backend.standardize_dtype(queries.dtype)
    scores = ops.cast(ops.matmul(queries, keys), "float32")
    if causal:
        scores = scores + _future_mask(scores.shape[-1])
    weights = ops.exp(scores - ops.max(scores, axis=-1, keepdims=True))
    # Scaled after the product, whose result is smaller than the weights.
    scale = 1.0 / ops.sum(weights, axis=-1, keepdims=True)
    weights = ops.cast(weights, dtype)
    attended = ops.cast(ops.matmul(weights, _swap_last_axes(values)), "float32") * scale

    def gradient(*arguments: Tensor, upstream: Tensor = None) -> Tensor:
        above = ops.cast(arguments[0] if upstream is None else upstream, "float32") * scale
        level = ops.sum(above * attended, axis=-1, keepdims=True)
        above = ops.cast(above, dtype)
        d_values = ops.matmul(_swap_last_axes(above), weights)
        d_scores = ops.cast(ops.matmul(above, values), "float32") - level
        d_scores = ops.cast(ops.cast(weights, "float32") * d_scores, dtype)
        return (
            ops.matmul(d_scores, _swap_last_axes(keys)),
            ops.matmul(_swap_last_axes(queries), d_scores),
            d_values,
        )

    return ops.cast(attended, dtype), gradient


def _swap_last_axes(x: Tensor) -> Tensor:
    return ops.transpose(x, (0, 1, 3, 2))


@keras.saving.register_keras_serializable(package="tsforecast")
class CheapDropout(layers.Dropout):
    """``keras.layers.Dropout``; on a CPU with TensorFlow its random numbers are a hash of each element's position.

    There the random generators of TensorFlow take longer than the products around them. The arguments are those of
    ``keras.layers.Dropout``.

    Source: the hash is the last step of MurmurHash3 (Appleby 2011), of the position times an odd number plus a random
        key.

    Example:
        >>> CheapDropout(0.5)(ops.ones((2, 4)), training=False).numpy().sum()
        np.float32(8.0)
    """

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or not self.rate or not on_cpu():
            return super().call(inputs, training=training)
        seed = ops.cast(self.seed_generator.next(), "uint32")
        shape = ops.shape(inputs)
        positions = ops.cast(ops.arange(ops.prod(ops.convert_to_tensor(shape)), dtype="int32"), "uint32")
        noise = _hash(positions * np.uint32(0x9E3779B1) + _hash(seed[0] + _hash(seed[1])))
        keep = ops.reshape(noise >= np.uint32(round(self.rate * 2**32)), shape)
        return ops.where(keep, inputs * (1.0 / (1.0 - self.rate)), 0.0)


def _hash(x: Tensor) -> Tensor:
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ops.bitwise_xor(x, ops.bitwise_right_shift(x, np.uint32(shift))) * np.uint32(factor)
    return ops.bitwise_xor(x, ops.bitwise_right_shift(x, np.uint32(16)))
