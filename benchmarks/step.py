"""Time train steps and inference of recurrent forecasters, our sharded layers and stock Keras alternating.

    python -m benchmarks.step --cell lstm --batch 32 --rounds 10

The variants take turns in one process, so a busy machine slows all of them equally; the ratio of medians to
the first variant is what counts. Model: 128-128-64 units, Dense 128-64-1, lookback 100, 12 features, Adam, MSE.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LOOKBACK, FEATURES = 100, 12


def build(library, cell):
    """Build a forecaster from the layers of ``library``."""
    import keras

    inputs = keras.Input((LOOKBACK, FEATURES))
    if cell == "bilstm":
        layer = library.LSTM(128, return_sequences=True)
        hidden = library.Bidirectional(layer)(inputs)[:, -1]
    else:
        layer = {"lstm": library.LSTM, "gru": library.GRU}[cell]
        hidden = layer(64)(layer(128, return_sequences=True)(layer(128, return_sequences=True)(inputs)))
    for width in (128, 64):
        hidden = keras.layers.Dense(width, activation="relu")(hidden)
    return inputs, keras.layers.Dense(1, dtype="float32")(hidden)


def train_call(library, cell, batch, shards, jit_compile=False):
    """Return a function that runs one train step and waits for it."""
    import keras
    import tensorflow as tf

    from tsforecast.training.sharded_step import sharded_train_step

    class Trainer(keras.Model):
        def train_step(self, data):
            return sharded_train_step(self, data, shards) if shards else super().train_step(data)

    model = Trainer(*build(library, cell))
    model.compile("adam", "mse", jit_compile=jit_compile)
    model.optimizer.build(model.trainable_variables)
    data = tf.random.normal((batch, LOOKBACK, FEATURES)), tf.random.normal((batch, 1))
    step = tf.function(model.train_step, jit_compile=jit_compile, autograph=False)
    return lambda: step(data)["loss"].numpy()


def inference_call(library, cell, batch, shards):
    """Return a function that forecasts one batch and waits for it."""
    import keras
    import tensorflow as tf

    from tsforecast.inference.compiled import sharded_forward

    model = keras.Model(*build(library, cell))
    x = tf.random.normal((batch, LOOKBACK, FEATURES))
    plain = tf.function(lambda x: model(x, training=False))
    return lambda: (sharded_forward(model, x, shards) if shards else plain(x)).numpy()


def variants(cell, batch, shards):
    """Return a function for each variant; the others are compared with the first of each kind."""
    import keras

    from tsforecast.layers import recurrent

    return {
        "train": {
            "stock Keras": train_call(keras.layers, cell, batch, 0),
            "stock Keras, jit_compile": train_call(keras.layers, cell, batch, 0, jit_compile=True),
            "ours, 1 shard": train_call(recurrent, cell, batch, 1),
            f"ours, {shards} shards": train_call(recurrent, cell, batch, shards),
        },
        "inference": {
            "stock Keras": inference_call(keras.layers, cell, batch, 0),
            "ours, 1 shard": inference_call(recurrent, cell, batch, 1),
            f"ours, {shards} shards": inference_call(recurrent, cell, batch, shards),
        },
    }


def measure(calls, rounds, repeats=5):
    """Return the seconds of each call, ``rounds * repeats`` values per variant, with variants taking turns."""
    for call in calls.values():
        call(), call()  # traces and compiles
    seconds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            call()  # refills the caches
            for _ in range(repeats):
                began = time.perf_counter()
                call()
                seconds[name].append(time.perf_counter() - began)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=["lstm", "gru", "bilstm"], default="lstm")
    parser.add_argument("--batch", type=int, default=32, help="windows per step")
    parser.add_argument("--rounds", type=int, default=10, help="turns each variant takes")
    parser.add_argument("--shards", type=int, default=0, help="parts of a batch; 0 for the default")
    options = parser.parse_args()

    from tsforecast.inference.sharding import default_shards

    shards = options.shards or default_shards(options.batch)
    for kind, calls in variants(options.cell, options.batch, shards).items():
        seconds = measure(calls, options.rounds)
        reference = statistics.median(next(iter(seconds.values())))
        print(f"{kind}, {options.cell}, batch {options.batch}, load {os.getloadavg()[0]:.1f}")
        for name, values in seconds.items():
            median = statistics.median(values)
            low, _, high = statistics.quantiles(values, n=4)
            spread = f"[{low * 1e3:.1f}, {high * 1e3:.1f}]"
            print(
                f"  {name:26s} {median * 1e3:8.1f} ms  quartiles {spread:18s} ratio {median / reference:.2f}"
            )


if __name__ == "__main__":
    main()
