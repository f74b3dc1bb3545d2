"""Comparing finished runs from Python; needs no TensorFlow."""

import os
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from tsforecast.api.html import render_table
from tsforecast.api.overrides import as_list
from tsforecast.api.run import Run
from tsforecast.comparison.leaderboard import Entry, find_cautions, rank_runs, summarize_seeds
from tsforecast.comparison.listing import format_text
from tsforecast.comparison.page import write_page
from tsforecast.comparison.runs import collect_runs
from tsforecast.metrics.bootstrap import Interval


class Comparison:
    """A leaderboard of finished runs, with intervals; see ``job=compare``.

    Args:
        board: The entries, the best first of each question.
        notes: What to be careful about.

    Example:
        ::

            comparison = tsforecast.compare("outputs")
            comparison.rows[0]["run"], comparison.rows[0]["rmse"]
    """

    def __init__(self, board: Sequence[Entry], notes: Sequence[str] = ()):
        self.board, self.notes = list(board), list(notes)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per run: its rank, RMSE with interval, difference to the best, MAE and folder."""
        return [_row(entry) for entry in self.board]

    @property
    def best(self) -> Run:
        """The first run of the first question."""
        return Run(self.board[0].run.folder)

    def write(self, path: str | PathLike[str]) -> Path:
        """Write the comparison as a self-contained HTML page.

        Args:
            path: File to write.
        """
        return write_page(Path(path), self.board, summarize_seeds(self.board), self.notes)

    def __repr__(self) -> str:
        return format_text(self.board)

    def _repr_html_(self) -> str:
        rows = [[_format(value) for value in row.values()] for row in self.rows]
        return render_table(list(self.rows[0]), rows, " ".join(self.notes))


def compare(over: str | PathLike[str] | Iterable[str | PathLike[str]] = "outputs") -> Comparison:
    """Rank finished runs by their test RMSE, with confidence intervals of it and of the differences.

    Args:
        over: A run, a folder of a run, of a sweep or of many runs, a pattern, or several of these.

    Raises:
        UserError: No run is finished.
    """
    runs, skipped = collect_runs([os.fspath(item) for item in as_list(over) or ()])
    board = rank_runs(runs)
    return Comparison(board, [*skipped, *find_cautions(board)])


def _row(entry: Entry) -> dict[str, Any]:
    figures = entry.run.figures
    return {
        "rank": entry.rank,
        "run": entry.name,
        "rmse": figures["test/rmse"],
        **_bounds("rmse", entry.rmse),
        "difference": None if entry.difference is None else entry.difference.value,
        **_bounds("difference", entry.difference),
        "mae": figures.get("test/mae"),
        "question": entry.question,
        "folder": str(entry.run.folder),
    }


def _bounds(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": low, f"{name}_high": high}


def _format(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
