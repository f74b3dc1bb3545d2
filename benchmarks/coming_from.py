"""Run both programs of each page in ``docs/coming_from`` and write its table: error and lines of code.

    python -m benchmarks.coming_from --python PATH [--pages neuralforecast darts gluonts] [--data hourly.csv]

``PATH`` is an interpreter with the other libraries (``pip install neuralforecast darts "gluonts[torch]"``). The
programs run one after the other, each in a process of its own, in a folder with ``hourly.csv``.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.turns import ROOT

PAGES = ROOT / "docs" / "coming_from"
BLOCK = re.compile(r"^## (.+?)\n\n```python\n(.*?)```", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"(## Side by side\n\n).*?\n\n(?=- )", re.DOTALL)
LAST = "\nimport json\nprint('RESULT', json.dumps({'rmse': float(rmse)}))\n"


def main():
    """Run the programs of the chosen pages, and write their tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", help="interpreter with the other libraries")
    parser.add_argument("--pages", nargs="+", default=["neuralforecast", "darts", "gluonts"])
    parser.add_argument("--data", type=Path, help="write hourly.csv to this path, and do nothing else")
    options = parser.parse_args()
    if options.data:
        write_hours(options.data)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_hours(Path(folder) / "hourly.csv")
        for page in options.pages:
            rows = [
                run(name, code, sys.executable if name == "tsforecast" else options.python, Path(folder))
                for name, code in programs(page).items()
            ]
            write_table(page, rows)


def write_hours(path):
    """Write the hourly means of the household's power at the end of each hour: whole days, with gaps filled."""
    import pandas as pd

    from tsforecast.data.sources.household_power import load

    series = load()
    minutes = pd.Series(series.values[:, 0].astype(float), pd.Index(series.time, name="time"), name="load")
    hours = minutes.resample("1h", label="right").mean().interpolate()
    first, last = hours.index[0].ceil("D"), hours.index[-1].floor("D")
    hours[(hours.index > first) & (hours.index <= last)].round(4).to_csv(path)


def programs(page):
    """Return the programs of a page by the library that they use."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return dict(BLOCK.findall(text))


def run(name, code, python, folder):
    """Run a program; return its error, its time in seconds and its lines of code."""
    script = folder / f"with_{name.lower()}.py"  # tsforecast.py would hide the package
    script.write_text(code + LAST)
    environment = os.environ | {"PYTHONPATH": str(ROOT) if name == "tsforecast" else ""}
    began = time.monotonic()
    done = subprocess.run([python, script], cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - began
    if done.returncode:
        raise SystemExit(f"{name} failed:\n{done.stderr[-3000:]}")
    rmse = json.loads(re.search(r"RESULT (.*)", done.stdout)[1])["rmse"]
    lines = sum(bool(line.strip()) for line in code.splitlines())
    print(f"{name}: RMSE {rmse:.4f} kW, {seconds:.0f} s, {lines} lines", flush=True)
    return {"name": name, "rmse": rmse, "seconds": seconds, "lines": lines}


def write_table(page, rows):
    """Replace the table of a page."""
    table = ["| | RMSE (kW) | lines |", "|---|---:|---:|"]
    table += [f"| {row['name']} | {row['rmse']:.4f} | {row['lines']} |" for row in rows]
    command = f"`python -m benchmarks.coming_from --pages {page} --python PATH`"
    text = f"{command}, one seed; defaults of each library otherwise:\n\n" + "\n".join(table)
    path = PAGES / f"{page}.md"
    path.write_text(TABLE.sub(lambda match: f"{match[1]}{text}\n\n", path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
