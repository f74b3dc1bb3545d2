"""The leaderboard as plain text and as CSV."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from tsforecast.comparison.leaderboard import Entry, split_board
from tsforecast.comparison.page import common_unit
from tsforecast.formatting import duration
from tsforecast.metrics import metric_label
from tsforecast.metrics.bootstrap import Interval
from tsforecast.sweeps.summary import plain_table

INTERVAL = "95 % interval"


def format_text(board: Sequence[Entry]) -> str:
    """Return the leaderboard as plain text, one table per question."""
    parts = split_board(board)
    if len(parts) == 1:
        return _format_part(board)
    return "\n\n".join(f"{question}\n{_format_part(part)}" for question, part in parts.items())


def _format_part(board: Sequence[Entry]) -> str:
    rmse, mae = metric_label("test/rmse", common_unit(board)), metric_label("test/mae")
    head = ["#", "run", f"test {rmse}", INTERVAL, "to best", INTERVAL, f"test {mae}", "params", "time"]
    return plain_table(head, [_cells(entry) for entry in board], [True, False, *[True] * 7])


def _cells(entry: Entry) -> list[str]:
    figures, difference = entry.run.figures, entry.difference
    return [
        str(entry.rank),
        entry.name,
        f"{figures['test/rmse']:.4f}",
        _format_interval(entry.rmse),
        "" if difference is None else f"{difference.value:+.4f}",
        _format_interval(difference),
        f"{figures['test/mae']:.4f}" if "test/mae" in figures else "–",
        f"{int(figures.get('params', 0)):,}",
        duration(figures.get("seconds")),
    ]


def _format_interval(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval.low:.4f}, {interval.high:.4f}]"


def format_seeds(seeds: Sequence[dict[str, Any]]) -> str:
    """Return the rows of `leaderboard.summarize_seeds` as plain text."""
    lines = [[f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()] for row in seeds]
    return plain_table(list(seeds[0]), lines, [False, *[True] * (len(seeds[0]) - 1)])


def format_csv(board: Sequence[Entry]) -> str:
    """Return the leaderboard as CSV, with every figure that any run has."""
    axes = list(dict.fromkeys(key for entry in board for key in entry.axes))
    figures = list(dict.fromkeys(key for entry in board for key in entry.run.figures))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    differences = ["difference", "difference_low", "difference_high"]
    writer.writerow(["question", "rank", "run", *axes, *figures, *differences, "folder"])
    writer.writerows(_csv_row(entry, axes, figures) for entry in board)
    return text.getvalue()


def _csv_row(entry: Entry, axes: Sequence[str], figures: Sequence[str]) -> list[Any]:
    difference = entry.difference
    return [
        entry.question,
        entry.rank,
        entry.name,
        *(entry.axes.get(key) for key in axes),
        *(entry.run.figures.get(key, "") for key in figures),
        *(("", "", "") if difference is None else (difference.value, difference.low, difference.high)),
        entry.run.folder,
    ]
