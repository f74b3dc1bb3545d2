"""job=compare: a leaderboard over finished runs, in the terminal and as one page; needs no TensorFlow."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tsforecast.comparison import model_table, published
from tsforecast.comparison.leaderboard import Entry, entries, over_seeds
from tsforecast.comparison.page import common_unit, write_page
from tsforecast.comparison.runs import Run, collect
from tsforecast.config import Config
from tsforecast.formatting import duration
from tsforecast.metrics import metric_label
from tsforecast.metrics.bootstrap import Interval
from tsforecast.sweeps.summary import plain_table
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Compares the runs in ``config.over``; writes ``compare.html`` and ``leaderboard.csv``; returns the best RMSE."""
    runs, unfinished = collect(config.over)
    board = entries(runs)
    seeds = over_seeds(board)
    notes = [*unfinished, *_cautions(board)]
    folder = RunFolder.create(path)
    folder.write_text_atomic("leaderboard.csv", as_csv(board))
    page = write_page(folder.path / "compare.html", board, seeds, notes)
    print(as_text(board))
    if config.model_table is not None:
        print(
            "\n"
            + model_table.write(
                config.over, config.model_table, f"python run.py job=compare over={config.over}"
            )
        )
    if config.published is not None:
        print("\n" + published.write(config.over, config.published, folder.path))
    if seeds:
        print("\nOver seeds\n" + seeds_text(seeds))
    for note in notes:
        print(note)
    print(page, flush=True)
    return board[0].run.figures["test/rmse"]


def _cautions(board: Sequence[Entry]) -> list[str]:
    notes = []
    if len({entry.run.task for entry in board}) > 1:
        notes.append(
            "These runs differ in data, lead, horizon or unit: their errors do not answer one question."
        )
    elif len({_windows(entry.run) for entry in board} - {None}) > 1:
        notes.append(
            "These runs were scored on different test windows (split or window.stride): their RMSEs are of different "
            "hours; only a difference to best, taken on shared windows, compares them."
        )
    missing = sum(entry.rmse is None for entry in board)
    if missing:
        notes.append(
            f"{missing} of {len(board)} runs have no interval: no errors.npz, or too few test windows."
        )
    return notes


def _windows(run: Run) -> tuple[int, int, int] | None:
    """Count, first and last of the test windows; None where the run kept none."""
    ends: Any = () if run.errors is None else run.errors.ends
    return (len(ends), int(ends[0]), int(ends[-1])) if len(ends) else None


def as_text(board: Sequence[Entry]) -> str:
    """The leaderboard as plain text."""
    unit = common_unit(board)
    head = [
        "#",
        "run",
        f"test {metric_label('test/rmse', unit)}",
        "95 % interval",
        "to best",
        "95 % interval",
        f"test {metric_label('test/mae')}",
        "params",
        "time",
    ]
    lines = [
        [
            str(entry.rank),
            entry.name,
            f"{entry.run.figures['test/rmse']:.4f}",
            _bracket(entry.rmse),
            "" if entry.difference is None else f"{entry.difference.value:+.4f}",
            _bracket(entry.difference),
            f"{entry.run.figures.get('test/mae', float('nan')):.4f}",
            f"{int(entry.run.figures.get('params', 0)):,}",
            duration(entry.run.figures.get("seconds")),
        ]
        for entry in board
    ]
    return plain_table(head, lines, [True, False, *[True] * 7])


def seeds_text(seeds: Sequence[dict[str, Any]]) -> str:
    """Mean and spread over seeds as plain text."""
    lines = [[f"{v:.4f}" if isinstance(v, float) else str(v) for v in row.values()] for row in seeds]
    return plain_table(list(seeds[0]), lines, [False, *[True] * (len(seeds[0]) - 1)])


def _bracket(interval: Interval | None) -> str:
    return "" if interval is None else f"[{interval.low:.4f}, {interval.high:.4f}]"


def as_csv(board: Sequence[Entry]) -> str:
    """The leaderboard as CSV, with every figure that any run has."""
    axes = list(board[0].axes)
    figures = list(dict.fromkeys(key for entry in board for key in entry.run.figures))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["rank", "run", *axes, *figures, "difference", "difference_low", "difference_high", "folder"]
    )
    for entry in board:
        apart = entry.difference
        writer.writerow(
            [
                entry.rank,
                entry.name,
                *(entry.axes.get(key) for key in axes),
                *(entry.run.figures.get(key, "") for key in figures),
                *(("", "", "") if apart is None else (apart.value, apart.low, apart.high)),
                entry.run.folder,
            ]
        )
    return text.getvalue()
