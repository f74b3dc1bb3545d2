"""Part ``scaling``: how time and memory grow with rows, series, look-back, horizon and channels.

    python -m benchmarks.scaling                                  # all axes at their default sizes, some minutes
    python -m benchmarks.scaling --axes rows --sizes 1e6 1e7 5e7  # one axis at other sizes

Each size is a process of its own. Times are seconds of CPU, which other work on the machine changes less than seconds
of the clock; memory is the largest resident set that the kernel has seen. The exponent p of ``cost = a * size^p`` is
fitted by least squares on the logarithms of the larger half of the sizes, after the cost at the smallest size, which is
mostly that of the program itself, was subtracted from memory and preparation. An exponent of 1 is linear growth.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.larger_than_memory import run_process
from benchmarks.overhead import composed
from tsforecast.config import instantiate

SIZES = {
    "rows": (100_000, 1_000_000, 3_000_000, 10_000_000),
    "series": (10, 1_000, 3_000, 10_000),
    "lookback": (25, 100, 200, 400, 800),
    "horizon": (1, 24, 96, 192, 384),
    "channels": (2, 8, 16, 32, 64),
}
ROWS, SERIES_ROWS, CHANNELS, LOOKBACK = 100_000, 1_000, 4, 100
START = np.datetime64("2000-01-01T00:00:00", "s")
COSTS = {
    "prepare": "preparation (CPU s)",
    "step": "train step (CPU ms)",
    "forecast": "1,000 forecasts (CPU s)",
    "peak": "memory (MB)",
}
PROGRAM = ("prepare", "peak")  # costs of which the program itself is a part
STEPS, BATCH, FORECASTS = 30, 64, 2_000
MODEL = "gru"


def make_file(path, rows, series, channels):
    """Write as many minutely rows of random walks for each series, in long format if there are several."""
    numbers, writer = np.random.default_rng(0), None
    for name in range(series):
        values = np.cumsum(numbers.standard_normal((rows, channels), dtype=np.float32), axis=0)
        columns = {"time": START + np.arange(rows) * np.timedelta64(60, "s")}
        if series > 1:
            columns = {"id": np.full(rows, f"s{name:05d}"), **columns}
        columns |= {f"x{channel}": values[:, channel] for channel in range(channels)}
        table = pa.table({name: pa.array(column) for name, column in columns.items()})
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def overrides(axis, size, path, model):
    """Return the options of a size."""
    horizon = size if axis == "horizon" else 1
    words = [
        "data=csv",
        f"data.path={path}",
        "data.target=x0",
        "data.calendar=false",
        f"model={model}",
        f"window.lookback={size if axis == 'lookback' else LOOKBACK}",
        f"window.horizon={horizon}",
        "window.lead=1",
        "training.supervision=last",
        f"training.batch_size={BATCH}",
        "device=cpu",
        "tracker=none",
    ]
    return [*words, "data.series_id=id"] if axis == "series" else words


def measure(options, peers):
    """Yield the costs along each axis; ``options`` and ``peers`` are those of all parts."""
    for axis, sizes in SIZES.items():
        yield (
            f"scaling_{axis}",
            {"axis": axis, "model": MODEL, "rows": [run_size(axis, size, MODEL) for size in sizes]},
        )


def measure_size(axis, size, path, model):
    """Return the CPU seconds of preparing the data, of a train step and of 1,000 forecasts, in this process."""
    from tsforecast.inference.predict import predict
    from tsforecast.jobs import build, build_model, build_training
    from tsforecast.training.trainer import train_batches

    config = composed(*overrides(axis, size, path, model))
    began = time.process_time()
    dataset = build.build_data(config)
    prepared = time.process_time() - began
    build.set_up_runtime(config)
    forecaster = build_model.forecaster(config, dataset)
    trainer = build_training.trainer(config, forecaster, instantiate(config.loss), 10**6)
    trainer.make_train_function()
    batches = iter(train_batches(trainer, dataset.windows("train"), BATCH, config.seed)(0))
    step = cpu_seconds(lambda: float(trainer.train_function(batches)["loss"]), STEPS)
    windows = dataset.windows("test").limited(FORECASTS)
    forecast = cpu_seconds(lambda: predict(forecaster, windows), 3) / len(windows) * 1000
    return {"prepare": prepared, "step": 1000 * step, "forecast": forecast}


def cpu_seconds(work, times):
    """Return the CPU seconds of a call, averaged over some after the first, which compiles."""
    work()
    began = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - began) / times


def run_size(axis, size, model):
    """Return all costs of a size, measured in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder, "rows.parquet"), Path(folder, "out.json")
        rows = size if axis == "rows" else SERIES_ROWS if axis == "series" else ROWS
        make_file(path, rows, size if axis == "series" else 1, size if axis == "channels" else CHANNELS)
        words = ["--worker", axis, str(size), str(path), "--model", model, "--out", str(out)]
        peak = run_process([sys.executable, "-m", "benchmarks.scaling", *words])
        return {"size": size, **json.loads(out.read_text()), "peak": peak / 1e6}


def fit_exponent(sizes, costs, program):
    """Return the exponent p of ``cost = a * size^p`` on the larger half of the sizes; None for costs too small to fit.

    Example:
        >>> round(fit_exponent([1, 10, 100, 1000], [5.0, 5.9, 15.0, 105.0], program=True), 1)
        1.0
    """
    sizes, costs = np.asarray(sizes, float), np.asarray(costs, float)
    if program:
        sizes, costs = sizes[1:], costs[1:] - costs[0]
    half = slice(len(sizes) - max(2, (len(sizes) + 1) // 2), None)
    sizes, costs = sizes[half], costs[half]
    if len(sizes) < 2 or (costs <= 0).any():
        return None
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def as_markdown(axis, rows):
    """Return the table of an axis, with the exponents in its last line."""
    lines = [f"| {axis} | {' | '.join(COSTS.values())} |", "|---:" * (1 + len(COSTS)) + "|"]
    for row in rows:
        cells = " | ".join(f"{row[cost]:,.0f}" if row[cost] >= 100 else f"{row[cost]:.3g}" for cost in COSTS)
        lines.append(f"| {row['size']:,} | {cells} |")
    sizes = [row["size"] for row in rows]
    fits = [fit_exponent(sizes, [row[cost] for row in rows], cost in PROGRAM) for cost in COSTS]
    lines.append(
        f"| exponent | {' | '.join('–' if fit is None else f'{round(fit, 2) + 0.0:.2f}' for fit in fits)} |"
    )
    return lines


def main(options):
    """Measure axes, and print and store their tables."""
    results = {}
    for axis in options.axes:
        results[axis] = []
        for size in options.sizes or SIZES[axis]:
            results[axis].append(run_size(axis, size, options.model))
            print(axis, results[axis][-1], flush=True)
        print("\n".join(as_markdown(axis, results[axis])), flush=True)
    if options.out:
        Path(options.out).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--axes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument(
        "--sizes", nargs="+", type=lambda text: int(float(text)), help="instead of the default sizes"
    )
    parser.add_argument("--model", default=MODEL)
    parser.add_argument("--out", help="JSON file of the results")
    parser.add_argument("--worker", nargs=3, metavar=("AXIS", "SIZE", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        axis, size, path = given.worker
        Path(given.out).write_text(json.dumps(measure_size(axis, int(size), path, given.model)))
    else:
        main(given)
