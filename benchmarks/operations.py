"""Floating-point operations of a model's matrix products: ``python -m benchmarks.operations lstm``.

The share of the peak speed refers to these operations. Element-wise operations are not counted.
"""

import json
import sys

# A train step has two more products for each forward product: for the gradients of the weights and of the inputs.
PASSES = {"infer": 1, "train": 3}


def forward_gflop(forecaster, lookback):
    """Return the 10^9 operations of one forecast window; a multiplication and an addition are two operations.

    A weight matrix is used at every step of the window, that of a head only at the last one. Both products of attention
    combine every step with every other.
    """
    operations = 0
    for layer in forecaster.layers:
        steps = 1 if "head" in layer.name else lookback
        matrices = [w for w in layer.weights if len(w.shape) >= 2 and "bias" not in w.path]
        operations += sum(2 * steps * _size(weight.shape) for weight in matrices)
        if layer.name == "attention":
            operations += 2 * 2 * lookback**2 * layer.output.shape[-1]
    return operations / 1e9


def _size(shape):
    size = 1
    for length in shape:
        size *= length
    return size


if __name__ == "__main__":
    from benchmarks.contender import LOOKBACK, keras_model

    print(json.dumps({"gflop": forward_gflop(keras_model(sys.argv[1]), LOOKBACK)}))
