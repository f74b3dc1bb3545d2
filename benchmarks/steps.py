"""Part ``steps`` of the bench: train steps and forecasts, beside the same models in PyTorch and stock Keras."""

import json
import subprocess
import sys

from benchmarks.turns import ROOT, contenders, in_turns

MODELS = ("lstm", "gru", "cnn_lstm", "spike_detector")
# Work, windows, calls in a turn; small ones first, since the peak memory of a process only grows.
CELLS = (("infer", 1, 20), ("infer", 32, 10), ("train", 32, 6), ("train", 256, 3))


def measure(options, peers):
    """Name -> result for each model asked for, and the products' rates that the shares are of."""
    yield "products", {"gflops": products(peers)}
    for model in options.models:
        told = f"{model}: {options.rounds} rounds"
        print(told, flush=True)
        found = in_turns(contenders(model, options.cores, peers), CELLS, options.rounds)
        cells = [
            {"work": work, "windows": windows, "contenders": figures}
            for (work, windows, _), figures in zip(CELLS, found, strict=True)
        ]
        yield f"steps_{model}", {"model": model, "gflop": forward_gflop(model), "cells": cells}


def products(peers):
    """Library and type -> GFLOP/s of this machine, from both interpreters."""
    found = {}
    for python in filter(None, (sys.executable, peers)):
        found |= last_json([python, "-m", "benchmarks.products"])
    return found


def forward_gflop(model):
    """10^9 operations to forecast one window."""
    return last_json([sys.executable, "-m", "benchmarks.operations", model])["gflop"]


def last_json(command):
    """What a process prints last."""
    printed = subprocess.run(list(map(str, command)), cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(printed.stdout.strip().splitlines()[-1])
