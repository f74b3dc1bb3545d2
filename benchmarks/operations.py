"""Floating-point operations of a model's matrix products: ``python -m benchmarks.operations lstm``.

The share of the machine's peak is of these. Element-wise work is not counted.
"""

import json
import sys

# A train step: for each product of the forward pass one for the gradient of the weights, one for that of the inputs.
PASSES = {"infer": 1, "train": 3}


def forward_gflop(forecaster, lookback):
    """10^9 operations (a multiplication and an addition are two) to forecast one window.

    A matrix of weights is used at every step of the window, but in a head at the last one only; attention multiplies
    each step with each in both of its products.
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
