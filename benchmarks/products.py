"""The speed of matrix products with each library of this interpreter: ``python -m benchmarks.products``.

Prints a line of JSON: library and type -> 10^9 floating-point operations per second, the median over products of
2,048 x 2,048 on all cores.
"""

import json
import os
import statistics
import time
from importlib.util import find_spec

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
SIZE = 2048


def rate(product, seconds=1.5):
    """Return the GFLOP/s of a function that multiplies two square matrices and waits for the result."""
    product()
    times, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        product()
        times.append(time.perf_counter() - began)
    return 2 * SIZE**3 / statistics.median(times) / 1e9


def products():
    """Return a function that multiplies two matrices for each installed library."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
    calls = {"NumPy float32": lambda: a @ a}
    if find_spec("torch"):
        import torch

        for kind in ("float32", "bfloat16"):
            x = torch.from_numpy(a).to(getattr(torch, kind))
            calls[f"PyTorch {kind}"] = lambda x=x: x @ x
    if find_spec("tensorflow"):
        import tensorflow as tf

        for kind in ("float32", "bfloat16"):
            x = tf.cast(tf.constant(a), kind)
            calls[f"TensorFlow {kind}"] = lambda x=x: tf.matmul(x, x)
    return calls


if __name__ == "__main__":
    print(json.dumps({name: rate(product) for name, product in products().items()}))
