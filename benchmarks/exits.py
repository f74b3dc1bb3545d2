"""Part ``exits``: whole quick runs, and how long their processes live after their last line.

    python -m benchmarks.exits --runs 20

Starts quick runs one after the other, the models taking turns, and prints for each the seconds from its start to its
end and from its last line to its end. Fails if a process lives for more than a second after its last line.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.turns import ROOT

QUICK = ("training=quick", "scale=tiny", "tracker=none")
MODELS = ("gru", "persistence")
RUNS = 20
MAX_SECONDS = 1.0


def measure(options, peers):
    """Yield the runs, as a part of ``benchmarks.bench``."""
    yield "exits", {"quick": " ".join(QUICK), "runs": run_all(RUNS, MODELS)}


def run_all(count, models):
    """Run the models in turns; return one row per run."""
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(count):
            model = models[number % len(models)]
            command = [
                sys.executable, "run.py", f"model={model}", *QUICK, f"hydra.run.dir={folder}/{number}",
            ]  # fmt: skip
            runs.append({"model": model} | clock(command))
            seconds, end = runs[-1]["seconds"], runs[-1]["exit"]
            print(
                f"{number + 1:3d}  {model:<16}{seconds:6.2f} s, {end:.2f} s after its last line", flush=True
            )
    return runs


def clock(command):
    """Run a command; return the seconds that it takes (``seconds``), and those after its last line (``exit``)."""
    began = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        printed = began
        for _ in process.stdout:
            printed = time.perf_counter()
        process.wait()
        ended = time.perf_counter()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {process.returncode}.")
    return {"seconds": ended - began, "exit": ended - printed}


def summarize(runs):
    """Return one row per model: its name, the number of runs, the median of their seconds, and the longest exit."""
    rows = []
    for model in dict.fromkeys(run["model"] for run in runs):
        of_model = [run for run in runs if run["model"] == model]
        seconds = statistics.median(run["seconds"] for run in of_model)
        rows.append((model, len(of_model), seconds, max(run["exit"] for run in of_model)))
    return rows


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--models", nargs="+", default=MODELS, help="taking turns")
    options = parser.parse_args(arguments)
    rows = summarize(run_all(options.runs, options.models))
    for model, count, seconds, longest in rows:
        print(
            f"{model}: {count} runs of {seconds:.1f} s (median), at most {longest:.2f} s after the last line"
        )
    return int(max(longest for *_, longest in rows) > MAX_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
