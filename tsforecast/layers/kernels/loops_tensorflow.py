"""The time loops of LSTM and GRU on a CPU, forward and backward, each compiled by XLA.

Axes: T steps, B batch, H units; time comes first (``[T, B, ...]``). Gates are laid out as in Keras: LSTM i, f, c, o;
GRU z, r, h (``reset_after=True``).
"""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from tsforecast.layers.overlap import Overlap
from tsforecast.layers.portable import is_plain

ALL_LISTS = 3  # the lists that an LSTM's gradient needs


def _compile(loop: Callable[..., tuple]) -> Callable[..., tuple]:
    """Compile a loop as an XLA program; in a graph for runtimes without XLA it stays a plain loop."""
    program = tf.function(loop, jit_compile=True, autograph=False)

    @functools.wraps(loop)
    def run(*arguments, **options):
        return (loop if is_plain() else program)(*arguments, **options)

    return run


@_compile
def lstm_forward(
    projected: tf.Tensor,
    recurrent: tf.Tensor,
    h: tf.Tensor,
    c: tf.Tensor,
    kept: int,
    overlap: Overlap | None = None,
) -> tuple[tf.Tensor, tf.Tensor, list[tf.Tensor]]:
    """Return last output and carry, and the first ``kept`` of: outputs and carries [T, B, H], gates [T, B, 4H].

    With ``overlap``, ``projected`` is ``[R, 4H]``, of the rows that the windows share.
    """
    scale, offset = _sigmoid_or_tanh(recurrent.shape[0], recurrent.dtype)
    xs, steps, batch = _inputs(projected, overlap)

    def step(t, h, c, *lists):
        gate = scale * tf.tanh(scale * (xs.read(t) + tf.matmul(h, recurrent))) + offset
        i, f, u, o = tf.split(gate, 4, 1)
        c = f * c + i * u
        h = o * tf.tanh(c)
        return t + 1, h, c, *_write_all(lists, t, (h, c, gate))

    lists = [_writable(steps, batch, like) for like in (h, c, projected)[:kept]]
    _, h, c, *lists = tf.while_loop(lambda t, *_: t < steps, step, (tf.constant(0), h, c, *lists))
    return h, c, [values.stack() for values in lists]


@_compile
def lstm_backward(
    d_outputs: tf.Tensor | None,
    d_last: tf.Tensor,
    d_carry: tf.Tensor,
    gates: tf.Tensor,
    carries: tf.Tensor,
    c0: tf.Tensor,
    recurrent: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the gradients of the gates' pre-activations [T, B, 4H] and of both first states [B, H]."""
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

    start = (tf.convert_to_tensor(axis_size(gates, 0)) - 1, d_last, d_carry, _writable_like(gates))
    _, dh, dc, d_gates = tf.while_loop(lambda t, *_: t >= 0, step, start)
    return d_gates.stack(), dh, dc


@_compile
def gru_forward(
    projected: tf.Tensor, recurrent: tf.Tensor, inner_bias: tf.Tensor, h: tf.Tensor, kept: int = 4
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return the last output, and the first ``kept`` of four lists.

    They are outputs [T, B, H], gates z and r [T, B, 2H], candidates n [T, B, H] and inner products q [T, B, H].
    """
    (xs, steps, batch), units = _inputs(projected), recurrent.shape[0]

    def step(t, h, *lists):
        x, inner = xs.read(t), tf.matmul(h, recurrent) + inner_bias
        gate = _sigmoid(x[:, : 2 * units] + inner[:, : 2 * units])
        q = inner[:, 2 * units :]
        n = tf.tanh(x[:, 2 * units :] + gate[:, units:] * q)
        h = n + gate[:, :units] * (h - n)
        return t + 1, h, *_write_all(lists, t, (h, gate, n, q))

    lists = [_writable(steps, batch, like) for like in (h, recurrent[:, : 2 * units], h, h)[:kept]]
    _, h, *lists = tf.while_loop(lambda t, *_: t < steps, step, (tf.constant(0), h, *lists))
    return h, [values.stack() for values in lists]


@_compile
def gru_infer(
    projected: tf.Tensor,
    recurrent: tf.Tensor,
    inner_bias: tf.Tensor,
    h: tf.Tensor,
    return_sequences: bool,
    overlap: Overlap | None = None,
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return the last output, and the outputs [T, B, H] if ``return_sequences`` is set.

    With ``overlap``, ``projected`` is ``[R, 3H]``, of the rows that the windows share.

    If n and z are not kept, XLA recomputes them at each use. A step therefore ends with both as the state of the loop,
    and the next step computes h from them.
    """
    (xs, steps, batch), units = _inputs(projected, overlap), recurrent.shape[0]

    def step(t, h, n, z, *lists):
        h = n + z * (h - n)
        written = _write_all(lists, tf.maximum(t - 1, 0), (h,))
        x, inner = xs.read(t), tf.matmul(h, recurrent) + inner_bias
        z = _sigmoid(x[:, :units] + inner[:, :units])
        r = _sigmoid(x[:, units : 2 * units] + inner[:, units : 2 * units])
        return t + 1, h, tf.tanh(x[:, 2 * units :] + r * inner[:, 2 * units :]), z, *written

    lists = [_writable(steps, batch, h)] if return_sequences else []
    start = (tf.constant(0), h, h, tf.zeros_like(h), *lists)  # n = h: the first step begins with h itself.
    t, h, n, z, *lists = tf.while_loop(lambda t, *_: t < steps, step, start)
    h = n + z * (h - n)
    return h, [values.stack() for values in _write_all(lists, t - 1, (h,))]


@_compile
def gru_backward(
    d_outputs: tf.Tensor | None,
    d_last: tf.Tensor,
    gates: tf.Tensor,
    news: tf.Tensor,
    inners: tf.Tensor,
    before: tf.Tensor,
    recurrent: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the gradients of input pre-activations and recurrent products, both [T, B, 3H], and of h0 [B, H]."""
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

    start = (tf.convert_to_tensor(axis_size(gates, 0)) - 1, d_last, _writable_like(news))
    _, dh, d_hidden = tf.while_loop(lambda t, *_: t >= 0, step, start)
    d_hidden = d_hidden.stack()
    shared = [to_z * d_hidden, to_r * d_hidden]
    return tf.concat([*shared, to_new * d_hidden], 2), tf.concat([*shared, to_q * d_hidden], 2), dh


def _sigmoid(x: tf.Tensor) -> tf.Tensor:
    # As a tanh it is one pass over the data, without a division.
    return 0.5 * tf.tanh(0.5 * x) + 0.5


def _sigmoid_or_tanh(units: int, dtype: tf.DType) -> tuple[tf.Tensor, tf.Tensor]:
    """Return scale and offset [4H]: ``scale*tanh(scale*x)+offset`` is sigmoid for i, f, o and tanh for c."""
    scale = [0.5] * (2 * units) + [1.0] * units + [0.5] * units
    offset = [0.5] * (2 * units) + [0.0] * units + [0.5] * units
    return tf.constant(scale, dtype), tf.constant(offset, dtype)


def axis_size(x: tf.Tensor, axis: int) -> int | tf.Tensor:
    """Return the size of an axis, as a number if it is known."""
    return x.shape[axis] if x.shape[axis] is not None else tf.shape(x)[axis]


def _readable(x: tf.Tensor) -> tf.TensorArray:
    empty = tf.TensorArray(x.dtype, axis_size(x, 0), element_shape=x.shape[1:], clear_after_read=False)
    return empty.unstack(x)


class _OverlappingSteps:
    """The inputs of each step of windows that share their rows ``[R, D]``."""

    def __init__(self, rows: tf.Tensor, overlap: Overlap):
        windows, _, self.stride = overlap
        self.shape = [windows, rows.shape[1]]
        missing = -overlap.rows % self.stride
        self.blocks = tf.reshape(tf.pad(rows, [[0, missing], [0, 0]]), [-1, self.stride, rows.shape[1]])

    def read(self, t: tf.Tensor) -> tf.Tensor:
        """Return step t of each window ``[B, D]``."""
        windows, width = self.shape
        part = tf.slice(self.blocks, [t // self.stride, t % self.stride, 0], [windows, 1, width])
        return tf.reshape(part, self.shape)


def _inputs(
    projected: tf.Tensor, overlap: Overlap | None = None
) -> tuple[tf.TensorArray | _OverlappingSteps, int | tf.Tensor, int | None]:
    """Return what reads the inputs of a step, the number of steps T and the batch B (None if it is not known yet)."""
    if overlap is None:
        return _readable(projected), axis_size(projected, 0), projected.shape[1]
    return _OverlappingSteps(projected, overlap), overlap.lookback, overlap.windows


def _writable(steps: int | tf.Tensor, batch: int | None, element: tf.Tensor) -> tf.TensorArray:
    """Return an array of so many steps, with elements of the width and dtype of ``element``."""
    return tf.TensorArray(element.dtype, steps, element_shape=[batch, element.shape[-1]])


def _writable_like(steps: tf.Tensor) -> tf.TensorArray:
    """Return an array of as many steps as ``[T, B, D]`` has, with elements of the same shape."""
    return _writable(axis_size(steps, 0), steps.shape[1], steps)


def _write_all(
    lists: Sequence[tf.TensorArray], t: tf.Tensor, values: Sequence[tf.Tensor]
) -> list[tf.TensorArray]:
    return [array.write(t, value) for array, value in zip(lists, values, strict=False)]
