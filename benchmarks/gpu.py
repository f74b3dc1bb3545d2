"""Our models on this machine's card, in at most eight minutes: ``python -m benchmarks.gpu``.

Measures train steps in float32 and mixed precision at several batch sizes, with the peak memory next to that of
``job=plan``; the same layers in plain PyTorch, which uses cuDNN, where PyTorch is installed; the latency of one window,
bulk prediction, training through the input pipeline, and the minutes to a validation RMSE. The operations and bytes of
a step give the shortest time that the card allows. The most important cells come first and every cell is written at
once, to ``gpu.json`` and ``gpu.md``, so that an interrupted benchmark is still useful.

Any backend of Keras will do; without ``--backend`` it is the first one that is installed. ``--wheels jax`` lists the
packages that a machine without network and TensorFlow needs, for ``pip download``. ``--tiny`` tests the benchmark.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks import gpu_page
from benchmarks.gpu_process import Process
from benchmarks.turns import ROOT
from benchmarks.wheels import list_wheels

MODELS = ("lstm", "gru", "cnn_lstm", "spike_detector", "rule_based", "patchtst")
PRECISIONS = ("float32", "mixed")
BATCHES = (256, 32, 1024, 4096)  # by importance
TARGET_RMSE = 0.60  # kW, on validation windows of household power
STEPS = 10  # steps of a call, which waits for the last one
BACKENDS = ("tensorflow", "jax", "torch")


def main(arguments=None):
    options = parse_options(arguments)
    if options.wheels:
        print("\n".join(list_wheels(options.wheels)))
        return
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # processes share the card
    options.folder.mkdir(parents=True, exist_ok=True)
    benchmark(options, time.monotonic() + 60 * options.minutes)
    print(options.folder / "gpu.md")


def parse_options(arguments):
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--backend", choices=BACKENDS, help="backend of Keras")
    parser.add_argument("--minutes", type=float, default=8, help="longest duration")
    parser.add_argument("--models", nargs="+", default=MODELS, choices=MODELS)
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES, help="windows of a train step")
    parser.add_argument("--seconds", type=float, default=0.5, help="time for each cell, without compilation")
    parser.add_argument("--device", choices=("auto", "cpu", "gpu"), default="auto")
    parser.add_argument("--folder", type=Path, default=ROOT / "outputs" / "gpu", help="folder of the results")
    parser.add_argument("--wheels", choices=BACKENDS, help="only list the packages for this backend")
    parser.add_argument(
        "--tiny", action="store_true", help="few cells of few windows, to test the benchmark itself"
    )
    options = parser.parse_args(arguments)
    options.backend = options.backend or next((name for name in BACKENDS if find_spec(name)), "tensorflow")
    if options.tiny:
        options.batches, options.seconds = (8, 16), min(options.seconds, 0.05)
    return options


def requests(options):
    """Return the cells to measure, the most important ones first: ``library``, ``work`` and what the work needs."""
    cells = [{"library": "ours", "work": "limits"}]
    first, later = options.batches[:2], options.batches[2:]
    cells += train_cells(options, first)
    for precision in PRECISIONS:
        for model in (*options.models, "ensemble"):
            cells.append(cell("ours", "latency", model, precision, 1))
            if precision == "float32" and model != "ensemble":
                cells.append(cell("torch", "latency", model, precision, 1))
    cells.append({"library": "run", "work": "minutes to RMSE", "model": "lstm"})
    cells += [cell("ours", "pipeline", model, "mixed", max(first)) for model in options.models]
    cells += [
        cell("ours", "bulk", model, precision, 1024 if not options.tiny else max(first))
        for precision in PRECISIONS
        for model in (*options.models, "ensemble")
    ]
    cells += train_cells(options, later)
    has_torch = find_spec("torch") is not None
    return [cell for cell in cells if cell["library"] != "torch" or has_torch]


def train_cells(options, batches):
    """Return train steps of every model at these batch sizes, each next to PyTorch's."""
    return [
        cell(library, "train", model, precision, batch)
        for batch in batches
        for precision in PRECISIONS
        for model in options.models
        for library in ("ours", "torch")
    ]


def cell(library, work, model, precision, batch):
    """Return one request."""
    return {"library": library, "work": work, "model": model, "precision": precision, "batch": batch}


def benchmark(options, deadline):
    """Measure the cells one after the other until the deadline, and write all results after each."""
    result = {
        "about": {
            "command": f"python -m benchmarks.gpu {' '.join(sys.argv[1:])}".strip(),
            "date": time.strftime("%Y-%m-%d"),
            "backend": options.backend,
            "load": os.getloadavg()[0],
        },
        "cells": [],
        "left_out": 0,
    }
    workers = {}
    try:
        for request in requests(options):
            left = deadline - time.monotonic()
            if left <= 0:
                result["left_out"] += 1
                continue
            result["cells"].append(request | measure(request, options, workers, left))
            write(result, options.folder)
            print(gpu_page.line(result["cells"][-1]), flush=True)
    finally:
        for worker in workers.values():
            worker.stop()
    write(result, options.folder)
    return result


def measure(request, options, workers, left):
    """Return the figures of a cell, or the reason why it failed; a process that failed is replaced."""
    if request["library"] == "run":
        return minutes_to_rmse(options, min(left, 120))
    name = request["library"]
    if name not in workers:
        workers[name] = Process(
            [sys.executable, "-m", "benchmarks.gpu_worker", name, options.backend, options.device]
        )
    settings = {"seconds": options.seconds, "steps": 2 if options.tiny else STEPS}
    answer = workers[name].ask(request | settings, left)
    if "failed" in answer:
        workers.pop(name).stop()
    return answer


def minutes_to_rmse(options, seconds):
    """Train the LSTM with its defaults until its validation RMSE is low enough, or the seconds are over."""
    folder = options.folder / "run"
    target = 10.0 if options.tiny else TARGET_RMSE
    overrides = [f"backend={options.backend}", f"device={options.device}", "tracker=none"]
    scale = ["scale=tiny", "training=quick"] if options.tiny else ["training.validation_windows=4096"]
    # A schedule that decays with time needs TensorFlow.
    limit = ["schedule=constant"]
    limit += [] if options.tiny else [f"training.max_minutes={seconds / 60}", "training.max_steps=null"]
    (folder / "metrics.jsonl").unlink(missing_ok=True)
    command = [sys.executable, "run.py", *overrides, *scale, *limit, f"hydra.run.dir={folder.resolve()}"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + seconds
    try:
        while process.poll() is None and time.monotonic() < until and not reached(folder, target):
            time.sleep(0.2)
    finally:
        process.terminate()
        _, error = process.communicate()
    row = reached(folder, target)
    if row:
        return {
            "minutes": row["seconds"] / 60,
            "step": row["step"],
            "rmse": row["val/rmse"],
            "target": target,
        }
    last = (error.strip().splitlines() or ["not reached in time"])[-1]
    return {"failed": f"{last} ({seconds:.0f} s)", "target": target}


def reached(folder, target):
    """Return the first row of metrics whose validation RMSE is at most ``target``, or None."""
    path = folder / "metrics.jsonl"
    lines = path.read_text().splitlines() if path.is_file() else []
    rows = [json.loads(line) for line in lines if line.endswith("}")]
    return next((row for row in rows if row["val/rmse"] <= target), None)


def write(result, folder):
    """Write the results and their table."""
    (folder / "gpu.json").write_text(json.dumps(result, indent=1))
    (folder / "gpu.md").write_text(gpu_page.page(result))


if __name__ == "__main__":
    main()
