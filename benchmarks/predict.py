"""Forecasts of a file through a model: ``python -m benchmarks.predict --batches 1000 --batch 32``.

Writes as many rows of the household data as the windows need into a file of its own, asks ``job=predict`` of the
champion (or ``--run FOLDER``) for them in a fresh process, and tells the seconds of the forecasts alone and of the
whole command. The model must be one of the household data.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tsforecast.data.sources.household_power import load

RUN = Path(__file__).parents[1] / "run.py"
FORECASTS = re.compile(r"^([\d,]+) forecasts by (\S+) in ([\d.]+) s", re.MULTILINE)
FIRST = 781_163  # rows that models of the default scale were trained and tested on


def write_rows(path, count):
    """The newest ``count`` measured rows before the days to come, as a Parquet file."""
    series = load(rows=FIRST)
    columns = {
        name: pa.array(series.values[-count:, i], from_pandas=True)
        for i, name in enumerate(series.features[:7])
    }
    pq.write_table(pa.table({"time": series.time[-count:], **columns}), path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32, help="windows in each")
    parser.add_argument(
        "--lookback", type=int, default=100, help="of the model, so that the file has rows enough"
    )
    parser.add_argument("--registry", default="outputs/registry")
    parser.add_argument("--run", help="folder of a run, instead of the champion")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows, out = Path(folder) / "rows.parquet", Path(folder) / "forecasts.parquet"
        write_rows(rows, asked.batches * asked.batch + asked.lookback - 1)
        which = f"run={asked.run}" if asked.run else f"registry.path={asked.registry}"
        command = [
            sys.executable,
            str(RUN),
            "job=predict",
            which,
            f"predict.data={rows}",
            f"predict.out={out}",
        ]
        began = time.perf_counter()
        done = subprocess.run(
            [*command, f"predict.batch_size={asked.batch}"], capture_output=True, text=True, check=False
        )
        whole = time.perf_counter() - began
    found = FORECASTS.search(done.stdout)
    if done.returncode or found is None:
        raise SystemExit(done.stderr or done.stdout)
    windows, seconds = int(found[1].replace(",", "")), float(found[3])
    told = {"model": found[2], "windows": windows, "batch": asked.batch, "seconds": seconds}
    told |= {"command_seconds": round(whole, 1), "windows_a_second": round(windows / max(seconds, 1e-9))}
    print(json.dumps(told))
    return told


if __name__ == "__main__":
    main()
