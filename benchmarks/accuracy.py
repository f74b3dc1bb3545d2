"""Part ``accuracy`` of the bench: validation RMSE on household power by seconds of training, one library at a time.

All see the same scaled rows and are scored on the same validation windows. Ours is ``python run.py`` with its defaults
(dense supervision, cosine schedule); its clock counts everything from the first step on, compilation, validation and
checkpoints too, while the others' stands still when they are scored.
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
# Of the minutes, ours has this: the time in which it is to reach what PyTorch reaches in all of them.
SHARE = 1 / 3


def measure(options, peers):
    """Name -> curve of each learner asked for, one after the other."""
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
    """The curve of a run, from the figures that it leaves."""
    folder = (options.folder / "run").resolve()
    shutil.rmtree(folder, ignore_errors=True)
    asked = [
        f"training.max_minutes={minutes}",
        "training.max_steps=null",
        f"training.validation_windows={VALIDATION}",
    ]
    command = [
        sys.executable,
        "run.py",
        "tracker=none",
        "report.spikes=false",
        *asked,
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
    """The curve of a learner in the peers' interpreter."""
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
    """Seconds until a curve is at or under an RMSE for the first time; None if never."""
    return next((row["seconds"] for row in curve if row["rmse"] <= rmse), None)


def best(curve):
    """The row of the lowest RMSE, or None."""
    return min(curve, key=lambda row: row["rmse"], default=None)
