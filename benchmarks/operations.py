"""Floating-point operations of a model's matrix products: ``python -m benchmarks.operations lstm``.

The share of the peak speed refers to these operations. Element-wise operations are not counted.
"""

import json
import sys

NOT_PRODUCTS = ("bias", "positions")  # weights of two dimensions that are added
# A train step has two more products for each forward product: for the gradients of the weights and of the inputs.
PASSES = {"infer": 1, "train": 3}


def forward_gflop(forecaster, lookback):
    """Return the 10^9 operations of one forecast window; a multiplication and an addition are two operations.

    A weight matrix is used at every step of the window, that of a transformer over patches at every patch, and that of
    a head once. Both products of attention combine every step, or patch, with every other.
    """
    patches = next((layer for layer in forecaster.layers if layer.name == "patches"), None)
    places = lookback if patches is None else patches.count(lookback)
    operations = 0
    for layer in forecaster.layers:
        times = 1 if "head" in layer.name else places
        matrices = [w for w in layer.weights if len(w.shape) >= 2 and not w.path.endswith(NOT_PRODUCTS)]
        operations += sum(2 * times * _size(weight.shape) for weight in matrices)
        if layer.name == "attention" or layer.name.startswith("block_"):
            operations += 2 * 2 * places**2 * layer.output.shape[-1]
    return operations / 1e9


def _size(shape):
    size = 1
    for length in shape:
        size *= length
    return size


if __name__ == "__main__":
    from benchmarks.contender import LOOKBACK, keras_model

    print(json.dumps({"gflop": forward_gflop(keras_model(sys.argv[1]), LOOKBACK)}))
