"""Data larger than memory: memory and time of a run from the cache, and its step rate next to that in memory.

    python -m benchmarks.larger_than_memory                                   # 2 million rows, some minutes
    python -m benchmarks.larger_than_memory --rows 50000000 --folder /data/bench --kind parquet

The file is made by a generator with a fixed seed. The run is a process of its own; its peak is the largest resident set
that the kernel has seen of it (VmHWM), pages of mapped files and of programs included.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.overhead import composed
from benchmarks.turns import ROOT, summary
from tsforecast.config import instantiate

COLUMNS = 12
PIECE = 1_000_000  # rows made at once
EVALUATED = 0.01  # share of the rows in each of validation and test
WARM_UP = 50  # steps before the first turn


def main(options):
    """Make the file, and print and store what was measured."""
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = {"rows": options.rows, "columns": COLUMNS, "kind": options.kind, "model": options.model}
        result["run"] = run_from_cache(Path(folder), options)
        result["steps"] = compare_steps(Path(folder), options)
    print(json.dumps(result, indent=2))
    if options.out:
        Path(options.out).write_text(json.dumps(result, indent=2) + "\n")


def make_file(path, rows, kind):
    """Write minutely rows of 12 columns: a load with the shape of days, and noises that it depends on."""
    numbers, level = np.random.default_rng(0), np.zeros(COLUMNS - 1)
    writer = None
    for first in range(0, rows, PIECE):
        count = min(PIECE, rows - first)
        minutes = first + np.arange(count)
        noise = numbers.standard_normal((count, COLUMNS - 1), dtype=np.float32)
        slow = level + np.cumsum(0.01 * noise, axis=0)
        level = 0.5 * slow[-1]
        load = 1.5 + np.sin(2 * np.pi * minutes / 1440) + 0.3 * slow[:, 0] + 0.1 * noise[:, 1]
        time = np.datetime64("1930-01-01T00:00:00", "s") + minutes * np.timedelta64(60, "s")
        table = pa.table(
            {
                "time": pa.array(time),
                "load": pa.array(load.astype(np.float32).round(3)),
                **{f"x{i}": pa.array(slow[:, i].astype(np.float32).round(3)) for i in range(COLUMNS - 1)},
            }
        )
        if writer is None:
            writer = (
                pq.ParquetWriter(path, table.schema)
                if kind == "parquet"
                else pyarrow.csv.CSVWriter(path, table.schema)
            )
        writer.write_table(table)
    writer.close()


def overrides(path, cache, folder, options):
    """Return the options of a run on a file."""
    return [
        "data=csv",
        f"data.path={path}",
        "data.target=load",
        "data.calendar=false",
        f"data.cache={str(cache).lower()}",
        f"data.cache_folder={folder}",
        f"data.split={{train: {1 - 2 * EVALUATED}, val: {EVALUATED}, test: {EVALUATED}}}",
        f"model={options.model}",
        "device=cpu",
        "tracker=none",
    ]


def run_from_cache(folder, options):
    """Return memory and seconds of a run that writes the cache, and of one that finds it."""
    path = folder / f"rows.{options.kind}"
    make_file(path, options.rows, options.kind)
    result = {"file_bytes": path.stat().st_size}
    for name in ("first", "again"):
        words = overrides(path, True, folder / "cache", options)
        words += [f"training.max_steps={options.steps}", f"hydra.run.dir={folder / name}"]
        began = time.perf_counter()
        peak = run_process([sys.executable, "run.py", *words])
        stored = json.loads((folder / name / "result.json").read_text())
        result[name] = {
            "peak_bytes": peak,
            "seconds": time.perf_counter() - began,
            "test_rmse": stored["metrics"]["test/rmse"],
            "test_windows": int(options.rows * EVALUATED),
        }
        print(name, result[name], flush=True)
    result["cache_bytes"] = sum(
        file.stat().st_size for file in (folder / "cache").rglob("*") if file.is_file()
    )
    shutil.rmtree(folder / "cache")
    path.unlink()
    return result


def run_process(command):
    """Run a command, and return the largest resident set of its process in bytes."""
    process = subprocess.Popen(command, cwd=ROOT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return usage.ru_maxrss * 1024


def compare_steps(folder, options):
    """Return seconds per training step in memory and from the cache, in turns in one process."""
    from tsforecast.jobs import build, build_model, build_training
    from tsforecast.training.trainer import train_batches

    path = folder / f"both.{options.kind}"
    make_file(path, options.compared_rows, options.kind)
    streams, seconds = {}, {"memory": [], "cache": []}
    for name in seconds:
        config = composed(*overrides(path, name == "cache", folder / "cache", options))
        dataset = build.build_data(config)
        if not streams:
            build.set_up_runtime(config)
            trainer = build_training.trainer(
                config, build_model.forecaster(config, dataset), instantiate(config.loss), 10**6
            )
            trainer.make_train_function()
        batches = train_batches(trainer, dataset.windows("train"), config.training.batch_size, config.seed)
        streams[name] = iter(batches(0))
        take_steps(trainer, streams[name], WARM_UP)
    for _ in range(options.rounds):
        for name, stream in streams.items():
            seconds[name].append(take_steps(trainer, stream, options.turn))
    rate = [memory / cache for memory, cache in zip(seconds["memory"], seconds["cache"], strict=True)]
    return {name: summary(values) for name, values in seconds.items()} | {
        "rows": options.compared_rows,
        "rate": summary(rate),
    }


def take_steps(trainer, stream, count):
    """Return the seconds per step of that many train steps."""
    began = time.perf_counter()
    for _ in range(count):
        logs = trainer.train_function(stream)
    float(logs["loss"])
    return (time.perf_counter() - began) / count


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2_000_000, help="rows of the run")
    parser.add_argument("--compared-rows", type=int, default=2_000_000, help="rows that fit into memory too")
    parser.add_argument("--kind", choices=("parquet", "csv"), default="parquet")
    parser.add_argument("--model", default="lstm")
    parser.add_argument("--steps", type=int, default=400, help="training steps of the run")
    parser.add_argument("--turn", type=int, default=100, help="steps of a turn")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", help="folder of the files, by default that of temporary files")
    parser.add_argument("--out", help="JSON file of the results")
    main(parser.parse_args())
