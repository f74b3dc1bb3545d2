"""LSTM and GRU over whole sequences on a CPU: the one file of the package that holds TensorFlow kernels.

What makes them quick on a CPU: the input projection is one product before the time loop and the weight
gradients are one product after it; the loop that is left holds one small product and one pass over the gates;
everything the backward loop needs that does not depend on the incoming gradient is computed before that loop;
both loops are compiled by XLA. Called inside a function with ``jit_compile=True`` all of it becomes part of that
one program.

Axes: T steps, B batch, I input features, H units; inside this file time comes first (``[T, B, ...]``).
Weights are laid out as in Keras (LSTM gates i, f, c, o; GRU gates z, r, h with ``reset_after=True``).
"""

import functools
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from tsforecast.layers.portable import is_plain, is_portable


class Weights(NamedTuple):
    """Kernel ``[I, G*H]``, recurrent ``[H, G*H]``, bias ``[G*H]`` or ``[2, G*H]``, all in the compute dtype."""

    kernel: tf.Tensor
    recurrent: tf.Tensor
    bias: tf.Tensor


def lstm(x, h0, c0, weights: Weights, return_sequences: bool, training: bool):
    """Run an LSTM over ``x``.

    ``i, f, o = sigmoid(.)``, ``u = tanh(.)``, ``c' = f*c + i*u``, ``h' = o*tanh(c')``.

    Args:
        x: Inputs ``[B, T, I]`` in the compute dtype.
        h0: First output state ``[B, H]``.
        c0: First carry state ``[B, H]``.
        weights: The weights; bias is ``[4H]``.
        return_sequences: Whether all steps are asked for.
        training: Keep what the gradient needs. If false, a gradient is still exact but runs the forward twice.

    Returns:
        ``(last [B, H], sequence [B, T, H] or None, last carry [B, H])`` in the dtype of ``x``.

    Source: Keras' ``LSTMCell`` (``implementation=2``); Hochreiter & Schmidhuber 1997 with forget gates.
    """
    if tf.executing_eagerly():
        return _in_graph(lstm, return_sequences, training)(x, h0, c0, weights)
    dtype, loop_dtype = x.dtype, _loop_dtype(x.dtype)

    @tf.custom_gradient
    def run(x, h0, c0, kernel, recurrent, bias):
        wide = tf.cast(recurrent, loop_dtype)
        start = (tf.cast(h0, loop_dtype), tf.cast(c0, loop_dtype))
        projected = _project(x, kernel, bias, loop_dtype)
        kept = _EVERYTHING if training else int(return_sequences)
        last, carry, lists = _lstm_forward(projected, wide, *start, kept=kept)

        def gradient(*upstream):
            saved = lists if training else _lstm_forward(projected, wide, *start, kept=_EVERYTHING)[2]
            outputs, carries, gates = saved
            d_sequence, d_last, d_carry = _upstream(upstream, return_sequences, loop_dtype)
            d_gates, d_h0, d_c0 = _lstm_backward(d_sequence, d_last, d_carry, gates, carries, start[1], wide)
            before = tf.concat([start[0][None], outputs[:-1]], 0)
            d_x, d_kernel = _projection_gradients(x, kernel, d_gates)
            d_recurrent = _product(_rows(before), _rows(d_gates), dtype, transpose_a=True)
            d_bias = tf.reduce_sum(d_gates, [0, 1])
            grads = (d_x, d_h0, d_c0, d_kernel, d_recurrent, d_bias)
            return tuple(tf.cast(grad, dtype) for grad in grads)

        results = (lists[0], last, carry) if return_sequences else (last, carry)
        return tuple(tf.cast(result, dtype) for result in results), gradient

    *sequence, last, carry = run(_swap(x), h0, c0, *_tensors(weights))
    return last, _swap(sequence[0]) if sequence else None, carry


def gru(x, h0, weights: Weights, return_sequences: bool, training: bool):
    """Run a GRU (``reset_after=True``) over ``x``.

    ``z, r = sigmoid(.)``, ``n = tanh(x_n + r * q)`` with ``q`` the recurrent product and its bias,
    ``h' = z*h + (1-z)*n``.

    Args:
        x: Inputs ``[B, T, I]`` in the compute dtype.
        h0: First state ``[B, H]``.
        weights: The weights; bias is ``[2, 3H]``, of the inputs and of the recurrent product.
        return_sequences: Whether all steps are asked for.
        training: Keep what the gradient needs. If false, a gradient is still exact but runs the forward twice.

    Returns:
        ``(last [B, H], sequence [B, T, H] or None)`` in the dtype of ``x``.

    Source: Keras' ``GRUCell`` (``implementation=2``, ``reset_after=True``); Cho et al. 2014, version 1.
    """
    if tf.executing_eagerly():
        return _in_graph(gru, return_sequences, training)(x, h0, weights)
    dtype, loop_dtype = x.dtype, _loop_dtype(x.dtype)

    @tf.custom_gradient
    def run(x, h0, kernel, recurrent, bias):
        wide, start = tf.cast(recurrent, loop_dtype), tf.cast(h0, loop_dtype)
        inner_bias = tf.cast(bias[1], loop_dtype)
        projected = _project(x, kernel, bias[0], loop_dtype)
        if training:
            loop = _gru_forward
        elif is_portable():
            loop = functools.partial(_gru_forward, kept=int(return_sequences))
        else:
            loop = functools.partial(_gru_infer, return_sequences=return_sequences)
        last, lists = loop(projected, wide, inner_bias, start)

        def gradient(*upstream):
            saved = lists if training else _gru_forward(projected, wide, inner_bias, start)[1]
            outputs, *inside = saved
            d_sequence, d_last = _upstream(upstream, return_sequences, loop_dtype)
            before = tf.concat([start[None], outputs[:-1]], 0)
            d_inputs, d_inner, d_h0 = _gru_backward(d_sequence, d_last, *inside, before, wide)
            d_x, d_kernel = _projection_gradients(x, kernel, d_inputs)
            d_recurrent = _product(_rows(before), _rows(d_inner), dtype, transpose_a=True)
            d_bias = tf.stack([tf.reduce_sum(d_inputs, [0, 1]), tf.reduce_sum(d_inner, [0, 1])])
            return tuple(tf.cast(grad, dtype) for grad in (d_x, d_h0, d_kernel, d_recurrent, d_bias))

        results = (lists[0], last) if return_sequences else (last,)
        return tuple(tf.cast(result, dtype) for result in results), gradient

    *sequence, last = run(_swap(x), h0, *_tensors(weights))
    return last, _swap(sequence[0]) if sequence else None


def on_gpu() -> bool:
    """Whether TensorFlow sees a GPU, and so would place the layers there (initialises the devices)."""
    return bool(tf.config.list_logical_devices("GPU"))


@functools.cache
def has_bfloat16_products() -> bool:
    """Whether this CPU multiplies bfloat16 matrices in hardware; where it does not, float32 is preferred."""
    cpuinfo = Path("/proc/cpuinfo")
    flags = cpuinfo.read_text() if cpuinfo.exists() else ""
    return "amx_bf16" in flags or "avx512_bf16" in flags


@functools.cache
def _in_graph(kernel, return_sequences: bool, training: bool):
    """A kernel as a graph of its own, for calls outside any: there a tape would look through the custom gradient and
    record the loop itself, whose gradient XLA cannot compile.
    """
    call = functools.partial(kernel, return_sequences=return_sequences, training=training)
    return tf.function(call, autograph=False)


# --- Compiled time loops ---


_EVERYTHING = 3  # The lists that an LSTM's gradient needs.


def _compiled(loop):
    """A loop as a program of XLA, or as it is in a graph that does without."""
    program = tf.function(loop, jit_compile=True, autograph=False)

    @functools.wraps(loop)
    def run(*arguments, **options):
        return (loop if is_plain() else program)(*arguments, **options)

    return run


@_compiled
def _lstm_forward(projected, recurrent, h, c, kept):
    """Last output and carry, and the first ``kept`` of: outputs [T, B, H], carries [T, B, H], gates [T, B, 4H]."""
    scale, offset = _sigmoid_or_tanh(recurrent.shape[0], recurrent.dtype)
    xs = _readable(projected)

    def step(t, h, c, *lists):
        gate = scale * tf.tanh(scale * (xs.read(t) + tf.matmul(h, recurrent))) + offset
        i, f, u, o = tf.split(gate, 4, 1)
        c = f * c + i * u
        h = o * tf.tanh(c)
        return t + 1, h, c, *_written(lists, t, (h, c, gate))

    lists = [_writable(projected, like) for like in (h, c, projected)[:kept]]
    _, h, c, *lists = tf.while_loop(_before(projected), step, (tf.constant(0), h, c, *lists))
    return h, c, [values.stack() for values in lists]


@_compiled
def _lstm_backward(d_outputs, d_last, d_carry, gates, carries, c0, recurrent):
    """Gradients of the gates' pre-activations [T, B, 4H] and of both first states [B, H]."""
    i, f, u, o = tf.split(gates, 4, 2)
    tanh_c, before = tf.tanh(carries), tf.concat([c0[None], carries[:-1]], 0)
    factors = [u * i * (1 - i), before * f * (1 - f), i * (1 - u * u), tanh_c * o * (1 - o)]
    to_gates, to_carry = _readable(tf.concat(factors, 2)), _readable(o * (1 - tanh_c * tanh_c))
    forgets = _readable(f)
    upstream = None if d_outputs is None else _readable(d_outputs)
    transposed = tf.transpose(recurrent)

    def step(t, dh, dc, d_gates):
        if upstream is not None:
            dh += upstream.read(t)
        dc += dh * to_carry.read(t)
        d_gate = to_gates.read(t) * tf.concat([dc, dc, dc, dh], 1)
        return t - 1, tf.matmul(d_gate, transposed), dc * forgets.read(t), d_gates.write(t, d_gate)

    start = (tf.convert_to_tensor(_size(gates, 0)) - 1, d_last, d_carry, _writable(gates, gates))
    _, dh, dc, d_gates = tf.while_loop(lambda t, *_: t >= 0, step, start)
    return d_gates.stack(), dh, dc


@_compiled
def _gru_forward(projected, recurrent, inner_bias, h, kept=4):
    """Last output, and the first ``kept`` of: outputs [T, B, H], gates z and r [T, B, 2H], candidates n [T, B, H] and
    inner products q [T, B, H].
    """
    xs, units = _readable(projected), recurrent.shape[0]

    def step(t, h, *lists):
        x, inner = xs.read(t), tf.matmul(h, recurrent) + inner_bias
        gate = _sigmoid(x[:, : 2 * units] + inner[:, : 2 * units])
        q = inner[:, 2 * units :]
        n = tf.tanh(x[:, 2 * units :] + gate[:, units:] * q)
        h = n + gate[:, :units] * (h - n)
        return t + 1, h, *_written(lists, t, (h, gate, n, q))

    lists = [_writable(projected, like) for like in (h, recurrent[:, : 2 * units], h, h)[:kept]]
    _, h, *lists = tf.while_loop(_before(projected), step, (tf.constant(0), h, *lists))
    return h, [values.stack() for values in lists]


@_compiled
def _gru_infer(projected, recurrent, inner_bias, h, return_sequences):
    """Last output, and the outputs [T, B, H] if asked for.

    Where n and z are not kept, XLA would compute each again for each use. So a step ends with both as the loop's state,
    and the next one makes h of them.
    """
    xs, units = _readable(projected), recurrent.shape[0]

    def step(t, h, n, z, *lists):
        h = n + z * (h - n)
        lists = _written(lists, tf.maximum(t - 1, 0), (h,))
        x, inner = xs.read(t), tf.matmul(h, recurrent) + inner_bias
        z = _sigmoid(x[:, :units] + inner[:, :units])
        r = _sigmoid(x[:, units : 2 * units] + inner[:, units : 2 * units])
        return t + 1, h, tf.tanh(x[:, 2 * units :] + r * inner[:, 2 * units :]), z, *lists

    lists = [_writable(projected, h)] if return_sequences else []
    start = (tf.constant(0), h, h, tf.zeros_like(h), *lists)  # n = h: the first step begins with h itself.
    t, h, n, z, *lists = tf.while_loop(_before(projected), step, start)
    h = n + z * (h - n)
    return h, [values.stack() for values in _written(lists, t - 1, (h,))]


@_compiled
def _gru_backward(d_outputs, d_last, gates, news, inners, before, recurrent):
    """Gradients of input pre-activations and recurrent products, both [T, B, 3H], and of h0 [B, H]."""
    z, r = tf.split(gates, 2, 2)
    to_new = (1 - z) * (1 - news * news)
    to_z, to_r, to_q = (before - news) * z * (1 - z), to_new * inners * r * (1 - r), to_new * r
    to_inner, keeps = _readable(tf.concat([to_z, to_r, to_q], 2)), _readable(z)
    upstream = None if d_outputs is None else _readable(d_outputs)
    transposed = tf.transpose(recurrent)

    def step(t, dh, d_hidden):
        if upstream is not None:
            dh += upstream.read(t)
        d_inner = to_inner.read(t) * tf.concat([dh, dh, dh], 1)
        return t - 1, dh * keeps.read(t) + tf.matmul(d_inner, transposed), d_hidden.write(t, dh)

    start = (tf.convert_to_tensor(_size(gates, 0)) - 1, d_last, _writable(news, news))
    _, dh, d_hidden = tf.while_loop(lambda t, *_: t >= 0, step, start)
    d_hidden = d_hidden.stack()
    shared = [to_z * d_hidden, to_r * d_hidden]
    return tf.concat([*shared, to_new * d_hidden], 2), tf.concat([*shared, to_q * d_hidden], 2), dh


# --- Pieces ---


def _sigmoid(x):
    # As a tanh it is one pass over the data, with no division.
    return 0.5 * tf.tanh(0.5 * x) + 0.5


def _sigmoid_or_tanh(units, dtype):
    """Scale and offset [4H]: ``scale*tanh(scale*x)+offset`` is then sigmoid for i, f, o and tanh for c."""
    scale = [0.5] * (2 * units) + [1.0] * units + [0.5] * units
    offset = [0.5] * (2 * units) + [0.0] * units + [0.5] * units
    return tf.constant(scale, dtype), tf.constant(offset, dtype)


def _loop_dtype(dtype):
    """The state runs through many steps: in half precision its rounding errors would add up."""
    return tf.float32 if dtype in (tf.float16, tf.bfloat16) else dtype


def _product(a, b, compute_dtype, **transposes):
    """A large product, in bfloat16 where layer and hardware compute in it, else in the loop's dtype."""
    half = compute_dtype == tf.bfloat16 and has_bfloat16_products()
    dtype = tf.bfloat16 if half else _loop_dtype(compute_dtype)
    return tf.cast(tf.matmul(tf.cast(a, dtype), tf.cast(b, dtype), **transposes), _loop_dtype(compute_dtype))


def _project(x, kernel, bias, loop_dtype):
    """``x @ kernel + bias`` of all steps at once, [T, B, G*H]."""
    flat = _product(_rows(x), kernel, x.dtype) + tf.cast(bias, loop_dtype)
    return tf.reshape(flat, [_size(x, 0), _size(x, 1), kernel.shape[1]])


def _projection_gradients(x, kernel, d_projected):
    """Gradients of ``_project`` for x [T, B, I] and kernel [I, G*H]."""
    rows = _rows(d_projected)
    d_x = _product(rows, kernel, x.dtype, transpose_b=True)
    d_kernel = _product(_rows(x), rows, x.dtype, transpose_a=True)
    return tf.reshape(d_x, [_size(x, 0), _size(x, 1), x.shape[2]]), d_kernel


def _upstream(gradients, return_sequences, dtype):
    """The incoming gradients in the loop's dtype, with None for a sequence that was not returned."""
    gradients = [tf.cast(gradient, dtype) for gradient in gradients]
    return gradients if return_sequences else [None, *gradients]


def _tensors(weights):
    # In eager calls Keras hands out the variables themselves, which a custom gradient must not see.
    return [tf.convert_to_tensor(weight) for weight in weights]


def _swap(x):
    return tf.transpose(x, [1, 0, 2])


def _rows(x):
    return tf.reshape(x, [-1, x.shape[2]])


def _size(x, axis):
    return x.shape[axis] if x.shape[axis] is not None else tf.shape(x)[axis]


def _readable(x):
    empty = tf.TensorArray(x.dtype, _size(x, 0), element_shape=x.shape[1:], clear_after_read=False)
    return empty.unstack(x)


def _writable(like, element):
    """An array of as many steps as ``like``; its elements have the width of ``element``."""
    return tf.TensorArray(like.dtype, _size(like, 0), element_shape=[like.shape[1], element.shape[-1]])


def _written(lists, t, values):
    return [kept.write(t, value) for kept, value in zip(lists, values, strict=False)]


def _before(steps):
    length = _size(steps, 0)
    return lambda t, *_: t < length
