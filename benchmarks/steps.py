"""Part ``steps``: train steps and forecasts, compared with the same models in PyTorch and stock Keras."""

import json
import subprocess
import sys

from benchmarks.turns import ROOT, contenders, in_turns

MODELS = ("lstm", "gru", "cnn_lstm", "spike_detector", "rule_based", "patchtst")
# Operation, windows, calls per turn; small ones first, because the peak memory of a process only grows.
CELLS = (("infer", 1, 20), ("infer", 32, 10), ("train", 32, 6), ("train", 256, 3))


def measure(options, peers):
    """Yield the speed of matrix products, and the result of each selected model."""
    yield "products", {"gflops": products(peers)}
    for model in options.models:
        print(f"{model}: {options.rounds} rounds", flush=True)
        results = in_turns(contenders(model, options.cores, peers), CELLS, options.rounds)
        cells = [
            {"work": work, "windows": windows, "contenders": figures}
            for (work, windows, _), figures in zip(CELLS, results, strict=True)
        ]
        yield f"steps_{model}", {"model": model, "gflop": forward_gflop(model), "cells": cells}


def products(peers):
    """Return the GFLOP/s of this machine by library and type, from both interpreters."""
    results = {}
    for python in filter(None, (sys.executable, peers)):
        results |= last_json([python, "-m", "benchmarks.products"])
    return results


def forward_gflop(model):
    """Return the 10^9 operations of one forecast window."""
    return last_json([sys.executable, "-m", "benchmarks.operations", model])["gflop"]


def last_json(command):
    """Return the JSON in the last line that a process prints."""
    printed = subprocess.run(list(map(str, command)), cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(printed.stdout.strip().splitlines()[-1])
