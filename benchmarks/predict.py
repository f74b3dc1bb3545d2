"""Time forecasts of a file: ``python -m benchmarks.predict --batches 1000 --batch 32``.

Writes as many rows of the household data as the windows need to a file, runs ``job=predict`` with the champion (or
``--run FOLDER``) on it in a new process, and prints the seconds of the forecasts and of the whole command. The model
must be trained on the household data.
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
FIRST = 781_163  # rows of the default scale


def write_rows(path, count):
    """Write the newest ``count`` rows of the default scale to a Parquet file."""
    series = load(rows=FIRST)
    columns = {
        name: pa.array(series.values[-count:, i], from_pandas=True)
        for i, name in enumerate(series.features[:7])
    }
    pq.write_table(pa.table({"time": series.time[-count:], **columns}), path)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=32, help="windows per batch")
    parser.add_argument(
        "--lookback", type=int, default=100, help="lookback of the model, for the number of rows in the file"
    )
    parser.add_argument("--registry", default="outputs/registry")
    parser.add_argument("--run", help="folder of a run, instead of the champion")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows, out = Path(folder) / "rows.parquet", Path(folder) / "forecasts.parquet"
        write_rows(rows, options.batches * options.batch + options.lookback - 1)
        which = f"run={options.run}" if options.run else f"registry.path={options.registry}"
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
            [*command, f"predict.batch_size={options.batch}"], capture_output=True, text=True, check=False
        )
        whole = time.perf_counter() - began
    match = FORECASTS.search(done.stdout)
    if done.returncode or match is None:
        raise SystemExit(done.stderr or done.stdout)
    windows, seconds = int(match[1].replace(",", "")), float(match[3])
    result = {"model": match[2], "windows": windows, "batch": options.batch, "seconds": seconds}
    result |= {"command_seconds": round(whole, 1), "windows_a_second": round(windows / max(seconds, 1e-9))}
    print(json.dumps(result))
    return result


if __name__ == "__main__":
    main()
