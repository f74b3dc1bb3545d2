"""Part ``layouts``: alternative layouts of recurrent layers, also ``python -m benchmarks.layouts``.

Forward passes of the kernels, alternating in one process: three LSTM layers (128-128-64) one after the other, or all in
one loop in which layer l computes step t - l while the first layer computes step t; and both directions of a
bidirectional LSTM (128) in one program, or in two programs in parallel. All layouts compute the same values.
"""

import functools
import itertools
import json
import os
import statistics
import sys

from benchmarks.step import FEATURES, LOOKBACK
from benchmarks.step import measure as in_turns
from benchmarks.steps import last_json

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WINDOWS = (1, 16, 128)  # a forecast, and a core's part of a train step of 32 and of 256
UNITS = (128, 128, 64)
ROUNDS = 15


def measure(options, peers):
    """Yield the result, measured in its own process."""
    yield "layouts", last_json([sys.executable, "-m", "benchmarks.layouts"])


def stacks(windows):
    """Return a call for each layout of the stack of LSTM layers."""
    import numpy as np
    import tensorflow as tf

    from tsforecast.layers.kernels.recurrent_tensorflow import Weights, lstm

    random = np.random.default_rng(0)

    def normal(*shape):
        return tf.constant(random.normal(0.0, shape[0] ** -0.5, shape).astype(np.float32))

    inputs = (FEATURES, *UNITS)
    weights = [
        Weights(normal(before, 4 * width), normal(width, 4 * width), normal(4 * width))
        for before, width in zip(inputs, UNITS, strict=False)
    ]

    def layer_by_layer(x):
        for layer, width in zip(weights, UNITS, strict=True):
            zeros = tf.zeros([windows, width])
            last, x, _ = lstm(x, zeros, zeros, layer, return_sequences=width != UNITS[-1], training=False)
        return last

    x = tf.random.normal((windows, LOOKBACK, FEATURES))
    return _check_equal(
        {
            "layer by layer": _program(layer_by_layer, x),
            "all layers in one loop": _program(lambda x: wavefront(x, weights), x),
        }
    )


def wavefront(x, weights):
    """Return the last output of stacked LSTM layers [B, H], computed in one loop.

    One product of a layer's output serves its own next step and the input of the next layer.
    """
    import tensorflow as tf

    windows, steps, depth = x.shape[0], x.shape[1], len(weights)
    widths = [layer.recurrent.shape[0] for layer in weights]
    below = [tf.concat([lower.recurrent, upper.kernel], 1) for lower, upper in itertools.pairwise(weights)]
    products = [*below, weights[-1].recurrent]
    first = tf.reshape(tf.matmul(tf.reshape(x, [-1, x.shape[2]]), weights[0].kernel), [windows, steps, -1])
    inputs = tf.TensorArray(tf.float32, steps, clear_after_read=False)
    inputs = inputs.unstack(tf.transpose(first, [1, 0, 2]))

    def step(t, states, active):
        """Compute one step of the active layers; the others keep their states."""
        outputs = [tf.matmul(h, product) for (h, _), product in zip(states, products, strict=True)]
        after = list(states)
        for layer in active:
            own = outputs[layer][:, : 4 * widths[layer]]
            below_input = inputs.read(t) if layer == 0 else outputs[layer - 1][:, 4 * widths[layer - 1] :]
            after[layer] = _cell(own + below_input + weights[layer].bias, states[layer][1])
        return after

    states = [(tf.zeros([windows, width]),) * 2 for width in widths]
    for t in range(depth - 1):  # the upper layers have no input yet
        states = step(t, states, range(t + 1))
    _, states = tf.while_loop(
        lambda t, _: t < steps,
        lambda t, states: (t + 1, step(t, states, range(depth))),
        (tf.constant(depth - 1), states),
    )
    for begin in range(1, depth):  # the lower layers have finished
        states = step(None, states, range(begin, depth))
    return states[-1][0]


def _cell(gates, carry):
    import tensorflow as tf

    i, f, u, o = tf.split(gates, 4, 1)
    i, f, o = (0.5 * tf.tanh(0.5 * gate) + 0.5 for gate in (i, f, o))
    carry = f * carry + i * tf.tanh(u)
    return o * tf.tanh(carry), carry


def directions(windows):
    """Return a call for each layout of the bidirectional LSTM."""
    import tensorflow as tf

    from tsforecast.inference.compiled import forward_function
    from tsforecast.layers.recurrent import LSTM, Bidirectional

    layer = Bidirectional(LSTM(UNITS[0]))
    x = tf.random.normal((windows, LOOKBACK, UNITS[0]))
    layer(x)

    spec = tf.TensorSpec(x.shape, x.dtype)
    both, *each = (
        forward_function(functools.partial(part, training=False), spec, shards=1, whole=True)
        for part in (layer, layer.forward_layer, layer.backward_layer)
    )
    parallel = forward_function(
        lambda x: tf.concat([part(x) for part in each], -1), spec, shards=1, whole=False
    )
    return _check_equal({"one program": lambda: both(x).numpy(), "two programs": lambda: parallel(x).numpy()})


def _program(call, x):
    import tensorflow as tf

    from tsforecast.inference.compiled import forward_function

    program = forward_function(call, tf.TensorSpec(x.shape, x.dtype), shards=1, whole=True)
    return lambda: program(x).numpy()


def _check_equal(calls):
    """Check that the results of all calls agree, and return the calls."""
    import numpy as np

    reference, *others = (call() for call in calls.values())
    for other in others:
        np.testing.assert_allclose(other, reference, atol=1e-5)
    return calls


def main():
    cells = []
    for what, layouts in (("LSTM 128-128-64", stacks), ("bidirectional LSTM 128", directions)):
        for windows in WINDOWS:
            seconds = in_turns(layouts(windows), ROUNDS)
            medians = {layout: statistics.median(values) for layout, values in seconds.items()}
            cells.append({"what": what, "windows": windows, "median": medians})
    print(json.dumps({"cells": cells}))


if __name__ == "__main__":
    main()
