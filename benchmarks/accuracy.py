"""Part ``accuracy``: validation RMSE on household power by seconds of training, one library at a time.

All libraries get the same scaled rows and are scored on the same validation windows. Ours runs as ``python run.py``
with its defaults (dense supervision, cosine schedule); its time includes everything from the first step on, also
compilation, validation and checkpoints, while the time of the others excludes scoring.
"""

import json
import shutil
import subprocess
import sys

from benchmarks import rows
from benchmarks.overhead import composed
from benchmarks.turns import ROOT

VALIDATION = 4096  # windows, evenly spaced over the validation split
LEARNERS = ("ours", "pytorch", "neuralforecast_lstm", "neuralforecast_patchtst")
# Our share of the minutes: the target is to reach PyTorch's RMSE in this share of its time.
SHARE = 1 / 3


def measure(options, peers):
    """Yield name and curve of each selected learner, one after the other."""
    from tsforecast.jobs.build import build_data

    data = options.folder / "data"
    rows.write(data, build_data(composed("tracker=none")), VALIDATION)
    for learner in options.learners:
        minutes = options.minutes * (SHARE if learner == "ours" else 1)
        if learner != "ours" and not peers:
            continue
        print(f"accuracy: {learner}, {minutes:.1f} minutes", flush=True)
        run = ours if learner == "ours" else theirs
        yield (
            f"accuracy_{learner}",
            {"learner": learner, "minutes": minutes, **run(learner, minutes, options, peers)},
        )


def ours(learner, minutes, options, peers):
    """Return the curve of our run, read from its metrics."""
    folder = (options.folder / "run").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    overrides = [
        f"training.max_minutes={minutes}",
        "training.max_steps=null",
        f"training.validation_windows={VALIDATION}",
    ]
    command = [
        sys.executable,
        "run.py",
        "tracker=none",
        "report.spikes=false",
        *overrides,
        f"hydra.run.dir={folder}",
    ]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    rates = sorted(row["windows_per_second"] for row in lines)
    return {
        "windows_per_second": rates[len(rates) // 2],
        "settings": "python run.py with its defaults",
        "curve": [{"seconds": row["seconds"], "step": row["step"], "rmse": row["val/rmse"]} for row in lines],
    }


def theirs(learner, minutes, options, peers):
    """Return the curve of another library, run in its own interpreter."""
    module = "benchmarks.pytorch_learner" if learner == "pytorch" else "benchmarks.neuralforecast_learner"
    command = [peers, "-m", module, options.folder / "data", minutes, learner.rpartition("_")[2]]
    run = subprocess.run(list(map(str, command)), cwd=ROOT, text=True, capture_output=True)
    if run.returncode:
        return {
            "failed": (run.stderr.strip().splitlines() or [f"exit code {run.returncode}"])[-1],
            "curve": [],
        }
    return json.loads(run.stdout.strip().splitlines()[-1])


def reached(curve, rmse):
    """Return the seconds until a curve first reaches an RMSE, None if it never does."""
    return next((row["seconds"] for row in curve if row["rmse"] <= rmse), None)


def best(curve):
    """Return the row with the lowest RMSE, or None."""
    return min(curve, key=lambda row: row["rmse"], default=None)
