"""The end of a sweep: one table in the terminal, ``sweep.json`` and ``summary.csv`` in its folder."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tsforecast.formatting import duration
from tsforecast.metrics import metric_label
from tsforecast.sweeps.outcome import Outcome
from tsforecast.sweeps.study import Job, short_keys
from tsforecast.tracking.run_folder import RunFolder

_FIGURES = ("test/rmse", "test/mae", "val/rmse", "skill/persistence")


@dataclasses.dataclass(frozen=True)
class Row:
    """A job with what became of it."""

    job: Job
    folder: Path
    outcome: Outcome


def write(folder: Path, status: str, rows: Sequence[Row], extra: dict[str, Any] | None = None) -> None:
    """Writes ``sweep.json`` and ``summary.csv``; ``extra`` goes into the first."""
    files = RunFolder(folder)
    jobs = [
        {
            "number": row.job.number,
            "folder": row.folder.name,
            "axes": dict(row.job.axes),
            "hash": row.job.hash,
            "status": row.outcome.status,
            "error": row.outcome.error,
            "unit": row.outcome.unit,
            "figures": row.outcome.figures,
        }
        for row in rows
    ]
    files.write_json(
        "sweep.json", {"id": folder.resolve().name, "status": status, **(extra or {}), "jobs": jobs}
    )
    files.write_text_atomic("summary.csv", _csv(rows))


def _csv(rows: Sequence[Row]) -> str:
    axes = list(dict.fromkeys(key for row in rows for key in row.job.axes))
    figures = list(dict.fromkeys(key for row in rows for key in row.outcome.figures))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", *axes, "status", *figures, "folder", "error"])
    for row in rows:
        writer.writerow(
            [
                row.job.number,
                *(row.job.axes.get(key, "") for key in axes),
                row.outcome.status,
                *(row.outcome.figures.get(key, "") for key in figures),
                row.folder.name,
                row.outcome.error,
            ]
        )
    return text.getvalue()


def show(rows: Sequence[Row], console: Console | None = None) -> None:
    """Print every job with its axes, status, figures and time, then the reason and folder of each failure."""
    console = console or Console()
    head, lines, numeric = cells(rows)
    if console.is_terminal:
        table = Table(*[], header_style="bold", box=None, pad_edge=False)
        shown, head = _fitting(head, lines, console.width)
        for index in shown:
            table.add_column(head[index], justify="right" if numeric[index] else "left", no_wrap=True)
        for row, texts in zip(rows, lines, strict=True):
            style = "red" if row.outcome.status == "failed" else None
            table.add_row(*(texts[index] for index in shown), style=style)
        console.print(table)
        if len(shown) < len(head):
            print(f"All figures: {rows[0].folder.parent / 'summary.csv'}", file=console.file)
    else:
        print(plain_table(head, lines, numeric), file=console.file)
    for row in rows:
        if row.outcome.status == "failed":
            for line in (f"{row.job.label} failed: {row.outcome.error}", f"  {_where(row.folder)}"):
                print(line, file=console.file)
    console.file.flush()


def _fitting(head: Sequence[str], lines: Sequence[Sequence[str]], width: int) -> tuple[list[int], list[str]]:
    """Return the columns to show in a terminal of ``width``, and all heads.

    If there is no room, heads get one word per line; then the least important figures are left out.
    """

    def too_wide() -> bool:
        columns = ([*heads[index].split("\n"), *(line[index] for line in lines)] for index in shown)
        return sum(max(map(len, column)) + 2 for column in columns) - 2 > width

    shown, heads = list(range(len(head))), list(head)
    if too_wide():
        heads = [name.replace(" ", "\n").replace("_", "_\n") for name in head]
    for spare in ("skill", "test MAE", "val RMSE"):
        if too_wide():
            shown = [index for index in shown if not head[index].startswith(spare)]
    return shown, heads


def _where(folder: Path) -> Path:
    """Return where to read more: the log of the job, or its folder if a launcher on another machine wrote no log."""
    return folder / "log.txt" if (folder / "log.txt").is_file() else folder


def cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]], list[bool]]:
    """Head, lines and which columns are numbers; figures that no job has are left out."""
    axes = list(dict.fromkeys(key for row in rows for key in short_keys(row.job.axes)))
    shown = [key for key in _FIGURES if any(key in row.outcome.figures for row in rows)]
    unit = next((row.outcome.unit for row in rows if row.outcome.unit), "")
    head = ["#", *axes, "status", *(_column_name(key, unit) for key in shown), "time"]
    lines = [
        [
            str(row.job.number),
            *(short_keys(row.job.axes).get(key, "") for key in axes),
            row.outcome.status,
            *(_figure(key, row.outcome.figures.get(key)) for key in shown),
            duration(row.outcome.figures["seconds"]) if "seconds" in row.outcome.figures else "",
        ]
        for row in rows
    ]
    return head, lines, [True, *[False] * (len(axes) + 1), *[True] * (len(shown) + 1)]


def _column_name(key: str, unit: str) -> str:
    split = key.partition("/")[0]
    return metric_label(key).lower() if split == "skill" else f"{split} {metric_label(key, unit)}"


def _figure(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{100 * value:+.1f} %" if key.startswith("skill/") else f"{value:.4f}"


def plain_table(head: Sequence[str], lines: Sequence[Sequence[str]], numeric: Sequence[bool]) -> str:
    """The table in plain text, two blanks between columns."""
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [head, *lines]
    )
