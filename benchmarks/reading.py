"""Time to read a CSV file compared with PyArrow's own reading, with its default inference of types, in turns.

    python -m benchmarks.reading

The file is household power (embedded), 12 columns and the time; once with ISO times and once with day-first dates and
decimal commas.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from benchmarks.turns import summary
from tsforecast.data.sources import csv, household_power

COMMAS = "day-first dates, decimal commas"


def write_files(folder, rows):
    """Write both files, and return their paths by name."""
    series = household_power.load(rows=rows)
    columns = {
        name: pa.array(series.values[:, index], mask=np.isnan(series.values[:, index]))
        for index, name in enumerate(series.features)
    }
    stamps = pa.array(series.time)
    texts = {
        name: pc.replace_substring(column.cast(pa.string()), ".", ",") for name, column in columns.items()
    }
    tables = {
        "ISO times": (pc.strftime(stamps, format="%Y-%m-%d %H:%M:%S"), columns, ","),
        COMMAS: (pc.strftime(stamps, format="%d.%m.%Y %H:%M"), texts, ";"),
    }
    paths = {}
    for number, (name, (times, values, separator)) in enumerate(tables.items()):
        paths[name] = folder / f"{number}.csv"
        options = pyarrow.csv.WriteOptions(delimiter=separator, quoting_style="none")
        pyarrow.csv.write_csv(pa.table({"time": times, **values}), paths[name], options)
    return paths


def read_with_pyarrow(path, name):
    """Read a file as PyArrow does by default, given its separator and decimal mark."""
    separator, decimal = (";", ",") if name == COMMAS else (",", ".")
    pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(delimiter=separator),
        convert_options=pyarrow.csv.ConvertOptions(decimal_point=decimal),
    )


def measure(paths, rounds):
    """Print a row of a table for each file."""
    print("| file | PyArrow, s | ours, s | ratio |\n|---|---:|---:|---:|")
    for name, path in paths.items():
        calls = {
            "PyArrow": lambda path=path, name=name: read_with_pyarrow(path, name),
            "ours": lambda path=path: csv.load(path, target="global_active_power", cache=False),
        }
        seconds = {who: [] for who in calls}
        for call in calls.values():
            call()
        for _ in range(rounds):
            for who, call in calls.items():
                began = time.perf_counter()
                call()
                seconds[who].append(time.perf_counter() - began)
        theirs, ours = (summary(seconds[who])["median"] for who in ("PyArrow", "ours"))
        print(f"| {name} | {theirs:.3f} | {ours:.3f} | {ours / theirs:.2f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=781_163)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as created:
        measure(write_files(Path(created), options.rows), options.rounds)
