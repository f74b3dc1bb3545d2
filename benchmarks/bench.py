"""The whole comparison, part by part: ``make bench``, or ``python -m benchmarks.bench --parts steps --models lstm``.

steps     train steps and forecasts of our models, PyTorch and stock Keras, taking turns
bulk      forecasts of many windows, compared with NeuralForecast's predict, taking turns
exits     time of whole quick runs, and how long their processes live after the last line
overhead  time of a run beyond its compiled steps, and until its first step
accuracy  validation RMSE on household power by seconds of training: ours, plain PyTorch, NeuralForecast
layouts   alternative layouts of recurrent layers, compared with the one in use
scaling   time and memory by rows, series, look-back, horizon and channels

Each result is saved as JSON in ``outputs/bench/``, and docs/performance.md is regenerated from all results there, so
the parts can be run at different times. Run it on an otherwise idle machine.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from importlib import import_module, metadata
from pathlib import Path

from benchmarks import accuracy, page, steps
from benchmarks.peers import peers_python
from benchmarks.turns import ROOT
from tsforecast.runtime import cpu_name

PARTS = ("steps", "bulk", "exits", "overhead", "accuracy", "layouts", "scaling")


def main(arguments=None):
    options = parse_options(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.parts:
        peers = None if options.peers_python == "none" else peers_python(options.peers_python)
        about = circumstances(sys.argv[1:] if arguments is None else arguments, options.cores, peers)
        for part in options.parts:
            load = os.getloadavg()[0]
            for name, result in import_module(f"benchmarks.{part}").measure(options, peers):
                save_result(options.folder, name, about | {"load": load} | result)
                page.write(options.folder, options.page)
    page.write(options.folder, options.page)
    print(f"{options.page}")


def parse_options(arguments):
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--parts", nargs="*", default=PARTS, choices=PARTS, help="without a value: only write the page"
    )
    parser.add_argument("--models", nargs="+", default=steps.MODELS, choices=steps.MODELS)
    parser.add_argument(
        "--rounds", type=int, default=6, help="turns of each contender per measurement, at least 2"
    )
    parser.add_argument(
        "--minutes", type=float, default=10, help="training time of each library; ours gets a third"
    )
    parser.add_argument("--learners", nargs="+", default=accuracy.LEARNERS, choices=accuracy.LEARNERS)
    parser.add_argument(
        "--peers-python", help="interpreter with PyTorch and NeuralForecast; none: leave them out"
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "outputs" / "bench", help="folder of the results"
    )
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    options = parser.parse_args(arguments)
    if options.rounds < 2 or not options.minutes > 0:
        parser.error("--rounds must be 2 or more, and --minutes more than 0.")
    options.cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return options


def save_result(folder, name, result):
    """Save one result."""
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1))


def circumstances(arguments, cores, peers):
    """Return what a figure depends on apart from the code: command, machine, versions, commit."""
    command = f"python -m benchmarks.bench {shlex.join(map(str, arguments))}".strip()
    versions = {name: metadata.version(name) for name in ("tensorflow", "keras", "numpy")}
    if peers:
        code = "from importlib.metadata import version as v; print(v('torch'), v('neuralforecast'))"
        output = subprocess.run(
            [peers, "-c", code], check=True, capture_output=True, text=True
        ).stdout.split()
        versions |= dict(zip(("torch", "neuralforecast"), output, strict=True))
    return {
        "command": command.replace(peers or "\0", "PATH"),
        "date": time.strftime("%Y-%m-%d"),
        "machine": cpu_name(),
        "cores": cores,
        "python": ".".join(map(str, sys.version_info[:3])),
        "versions": versions,
        "commit": commit(),
    }


def commit():
    """Return the commit of the code, or an empty string outside a repository."""
    process = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return process.stdout.strip()


if __name__ == "__main__":
    main()
