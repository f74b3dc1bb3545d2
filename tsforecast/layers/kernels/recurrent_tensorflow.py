"""LSTM and GRU over whole sequences on a CPU: their input projections, their gradients and the choice of a time loop.

They are fast on a CPU for four reasons: the input projection is one product before the time loop, and the weight
gradients are one product after it; the remaining loop contains one small product and one pass over the gates;
everything the backward loop needs that does not depend on the incoming gradient is computed before that loop; both
loops (see ``loops_tensorflow``) are compiled by XLA. Called inside a function with ``jit_compile=True``, all of it
becomes part of that one program.

Axes: T steps, B batch, I input features, H units; internally time comes first (``[T, B, ...]``).
Weights are laid out as in Keras (LSTM gates i, f, c, o; GRU gates z, r, h with ``reset_after=True``).
"""

import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from tsforecast.layers.kernels.loops_tensorflow import (
    ALL_LISTS,
    axis_size,
    gru_backward,
    gru_forward,
    gru_infer,
    lstm_backward,
    lstm_forward,
)
from tsforecast.layers.overlap import Overlap, Rows
from tsforecast.layers.portable import is_portable


class Weights(NamedTuple):
    """Kernel ``[I, G*H]``, recurrent ``[H, G*H]``, bias ``[G*H]`` or ``[2, G*H]``, all in the compute dtype."""

    kernel: tf.Tensor
    recurrent: tf.Tensor
    bias: tf.Tensor


def lstm(
    x: tf.Tensor,
    h0: tf.Tensor,
    c0: tf.Tensor,
    weights: Weights,
    return_sequences: bool,
    training: bool,
) -> tuple[tf.Tensor, tf.Tensor | None, tf.Tensor]:
    """Run an LSTM over ``x``.

    ``i, f, o = sigmoid(.)``, ``u = tanh(.)``, ``c' = f*c + i*u``, ``h' = o*tanh(c')``.

    Args:
        x: Inputs ``[B, T, I]`` in the compute dtype.
        h0: First output state ``[B, H]``.
        c0: First carry state ``[B, H]``.
        weights: The weights; bias is ``[4H]``.
        return_sequences: Whether to return the outputs of all steps.
        training: Whether to keep what the gradient needs. If not, a gradient is still exact but runs the forward pass
            twice.

    Returns:
        ``(last [B, H], sequence [B, T, H] or None, last carry [B, H])`` in the dtype of ``x``.

    Source: Keras' ``LSTMCell`` (``implementation=2``); Hochreiter & Schmidhuber 1997 with forget gates.
    """
    if tf.executing_eagerly():
        return _as_graph(lstm, return_sequences, training)(x, h0, c0, weights)
    dtype, loop_dtype = x.dtype, _loop_dtype(x.dtype)

    @tf.custom_gradient
    def run(x, h0, c0, kernel, recurrent, bias):
        wide = tf.cast(recurrent, loop_dtype)
        start = (tf.cast(h0, loop_dtype), tf.cast(c0, loop_dtype))
        projected = _project(x, kernel, bias, loop_dtype)
        kept = ALL_LISTS if training else int(return_sequences)
        last, carry, lists = lstm_forward(projected, wide, *start, kept=kept)

        def gradient(*upstream):
            saved = lists if training else lstm_forward(projected, wide, *start, kept=ALL_LISTS)[2]
            outputs, carries, gates = saved
            d_sequence, d_last, d_carry = _upstream(upstream, return_sequences, loop_dtype)
            d_gates, d_h0, d_c0 = lstm_backward(d_sequence, d_last, d_carry, gates, carries, start[1], wide)
            before = tf.concat([start[0][None], outputs[:-1]], 0)
            d_x, d_kernel = _projection_gradients(x, kernel, d_gates)
            d_recurrent = _product(_rows(before), _rows(d_gates), dtype, transpose_a=True)
            d_bias = tf.reduce_sum(d_gates, [0, 1])
            grads = (d_x, d_h0, d_c0, d_kernel, d_recurrent, d_bias)
            return tuple(tf.cast(grad, dtype) for grad in grads)

        results = (lists[0], last, carry) if return_sequences else (last, carry)
        return tuple(tf.cast(result, dtype) for result in results), gradient

    *sequence, last, carry = run(_swap_time(x), h0, c0, *_tensors(weights))
    return last, _swap_time(sequence[0]) if sequence else None, carry


def gru(
    x: tf.Tensor, h0: tf.Tensor, weights: Weights, return_sequences: bool, training: bool
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Run a GRU (``reset_after=True``) over ``x``.

    ``z, r = sigmoid(.)``, ``n = tanh(x_n + r * q)`` with ``q`` the recurrent product and its bias,
    ``h' = z*h + (1-z)*n``.

    Args:
        x: Inputs ``[B, T, I]`` in the compute dtype.
        h0: First state ``[B, H]``.
        weights: The weights; bias is ``[2, 3H]``, of the inputs and of the recurrent product.
        return_sequences: Whether to return the outputs of all steps.
        training: Whether to keep what the gradient needs. If not, a gradient is still exact but runs the forward pass
            twice.

    Returns:
        ``(last [B, H], sequence [B, T, H] or None)`` in the dtype of ``x``.

    Source: Keras' ``GRUCell`` (``implementation=2``, ``reset_after=True``); Cho et al. 2014, version 1.
    """
    if tf.executing_eagerly():
        return _as_graph(gru, return_sequences, training)(x, h0, weights)
    dtype, loop_dtype = x.dtype, _loop_dtype(x.dtype)

    @tf.custom_gradient
    def run(x, h0, kernel, recurrent, bias):
        wide, start = tf.cast(recurrent, loop_dtype), tf.cast(h0, loop_dtype)
        inner_bias = tf.cast(bias[1], loop_dtype)
        projected = _project(x, kernel, bias[0], loop_dtype)
        if training:
            loop = gru_forward
        elif is_portable():
            loop = functools.partial(gru_forward, kept=int(return_sequences))
        else:
            loop = functools.partial(gru_infer, return_sequences=return_sequences)
        last, lists = loop(projected, wide, inner_bias, start)

        def gradient(*upstream):
            saved = lists if training else gru_forward(projected, wide, inner_bias, start)[1]
            outputs, *inside = saved
            d_sequence, d_last = _upstream(upstream, return_sequences, loop_dtype)
            before = tf.concat([start[None], outputs[:-1]], 0)
            d_inputs, d_inner, d_h0 = gru_backward(d_sequence, d_last, *inside, before, wide)
            d_x, d_kernel = _projection_gradients(x, kernel, d_inputs)
            d_recurrent = _product(_rows(before), _rows(d_inner), dtype, transpose_a=True)
            d_bias = tf.stack([tf.reduce_sum(d_inputs, [0, 1]), tf.reduce_sum(d_inner, [0, 1])])
            return tuple(tf.cast(grad, dtype) for grad in (d_x, d_h0, d_kernel, d_recurrent, d_bias))

        results = (lists[0], last) if return_sequences else (last,)
        return tuple(tf.cast(result, dtype) for result in results), gradient

    *sequence, last = run(_swap_time(x), h0, *_tensors(weights))
    return last, _swap_time(sequence[0]) if sequence else None


def lstm_on_rows(rows: Rows, weights: Weights, return_sequences: bool) -> tf.Tensor:
    """Run an LSTM over windows that overlap, from zero states and without a gradient.

    Args:
        rows: Inputs ``[1, R, I]`` of the rows that the windows share.
        weights: The weights; bias is ``[4H]``.
        return_sequences: Whether to return the outputs of all steps.

    Returns:
        ``[B, H]``, or ``[B, T, H]`` with ``return_sequences``.
    """
    kernel, recurrent, bias = _tensors(weights)
    zeros = tf.zeros([rows.overlap.windows, recurrent.shape[0]], rows.values.dtype)
    last, carry, sequences = zeros, zeros, []
    for projected, overlap in _project_rows(rows, kernel, bias):
        last, carry, lists = lstm_forward(projected, recurrent, last, carry, int(return_sequences), overlap)
        sequences += lists
    return _swap_time(tf.concat(sequences, 0)) if return_sequences else last


def gru_on_rows(rows: Rows, weights: Weights, return_sequences: bool) -> tf.Tensor:
    """Run a GRU (``reset_after=True``) over windows that overlap, see ``lstm_on_rows``; bias is ``[2, 3H]``."""
    kernel, recurrent, bias = _tensors(weights)
    last, sequences = tf.zeros([rows.overlap.windows, recurrent.shape[0]], rows.values.dtype), []
    for projected, overlap in _project_rows(rows, kernel, bias[0]):
        last, lists = gru_infer(projected, recurrent, bias[1], last, return_sequences, overlap)
        sequences += lists
    return _swap_time(tf.concat(sequences, 0)) if return_sequences else last


def _project_rows(rows: Rows, kernel: tf.Tensor, bias: tf.Tensor) -> list[tuple[tf.Tensor, Overlap | None]]:
    """Return the projected inputs of the first steps, if they are not those of the rows, and of the others."""
    edge, dtype = rows.edge, rows.values.dtype
    rest = rows.overlap._replace(lookback=rows.overlap.lookback - edge)
    parts: list[tuple[tf.Tensor, Overlap | None]] = []
    if edge:
        parts.append((_project(_swap_time(rows.first), kernel, bias, dtype), None))
    if rest.lookback:
        parts.append((_project(_swap_time(rows.values), kernel, bias, dtype)[edge:, 0], rest))
    return parts


def on_gpu() -> bool:
    """Whether TensorFlow sees a GPU, where it would place the layers; initializes the devices."""
    return bool(tf.config.list_logical_devices("GPU"))


@functools.cache
def has_bfloat16_products() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware; otherwise float32 is faster."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return "amx_bf16" in flags or "avx512_bf16" in flags


@functools.cache
def _as_graph(kernel: Callable[..., tuple], return_sequences: bool, training: bool) -> Callable[..., tuple]:
    """Return a kernel as a graph, for eager calls.

    There a tape would ignore the custom gradient and record the loop itself, whose gradient XLA cannot compile.
    """
    call = functools.partial(kernel, return_sequences=return_sequences, training=training)
    return tf.function(call, autograph=False)


def _loop_dtype(dtype: tf.DType) -> tf.DType:
    """Return the dtype of the state, which is float32 in half precision: rounding errors would accumulate."""
    return tf.float32 if dtype in (tf.float16, tf.bfloat16) else dtype


def _product(a: tf.Tensor, b: tf.Tensor, compute_dtype: tf.DType, **transposes: bool) -> tf.Tensor:
    """Return a large product, computed in bfloat16 if layer and hardware do, else in the dtype of the loop."""
    half = compute_dtype == tf.bfloat16 and has_bfloat16_products()
    dtype = tf.bfloat16 if half else _loop_dtype(compute_dtype)
    return tf.cast(tf.matmul(tf.cast(a, dtype), tf.cast(b, dtype), **transposes), _loop_dtype(compute_dtype))


def _project(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, loop_dtype: tf.DType) -> tf.Tensor:
    """Return ``x @ kernel + bias`` for all steps at once, [T, B, G*H]."""
    flat = _product(_rows(x), kernel, x.dtype) + tf.cast(bias, loop_dtype)
    return tf.reshape(flat, [axis_size(x, 0), axis_size(x, 1), kernel.shape[1]])


def _projection_gradients(
    x: tf.Tensor, kernel: tf.Tensor, d_projected: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the gradients of ``_project`` for x [T, B, I] and kernel [I, G*H]."""
    rows = _rows(d_projected)
    d_x = _product(rows, kernel, x.dtype, transpose_b=True)
    d_kernel = _product(_rows(x), rows, x.dtype, transpose_a=True)
    return tf.reshape(d_x, [axis_size(x, 0), axis_size(x, 1), x.shape[2]]), d_kernel


def _upstream(
    gradients: Sequence[tf.Tensor], return_sequences: bool, dtype: tf.DType
) -> list[tf.Tensor | None]:
    """Return the incoming gradients in the dtype of the loop, with None for a sequence that was not returned."""
    converted = [tf.cast(gradient, dtype) for gradient in gradients]
    return converted if return_sequences else [None, *converted]


def _tensors(weights: Weights) -> list[tf.Tensor]:
    # In eager calls Keras hands out the variables themselves, which a custom gradient must not see.
    return [tf.convert_to_tensor(weight) for weight in weights]


def _swap_time(x: tf.Tensor) -> tf.Tensor:
    return tf.transpose(x, [1, 0, 2])


def _rows(x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [-1, x.shape[2]])
