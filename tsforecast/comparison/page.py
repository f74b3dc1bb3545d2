"""The leaderboard as one self-contained HTML page."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tsforecast.comparison.leaderboard import SCORE, Entry, split_board
from tsforecast.files import write_text
from tsforecast.formatting import is_finite
from tsforecast.metrics import metric_label
from tsforecast.metrics.bootstrap import Interval
from tsforecast.reporting.charts import RunPoints, run_color, runs_chart
from tsforecast.reporting.elements import Chart, Record, Section, Table
from tsforecast.reporting.parallel import parallel_coordinates
from tsforecast.reporting.rendering import render
from tsforecast.reporting.report import chart_data, page_values

CURVE = "val/rmse"
MAX_AXES = 7
LOG_RATIO = 30  # costs that span more than this factor are drawn on a logarithmic axis


@dataclass(frozen=True)
class LeaderboardRow:
    """A row of the table, as the template reads it."""

    number: int
    rank: int
    name: str
    css: str
    folder: str
    report: str
    rmse: float
    rmse_interval: Interval | None
    difference: Interval | None
    mae: float | None
    skill: float | None
    params: float | None
    seconds: float | None


@dataclass(frozen=True)
class Question:
    """The runs that answer one question, as the template reads them."""

    title: str
    unit: str
    rmse_label: str
    mae_label: str
    rows: list[LeaderboardRow]
    sections: list[Section]


def write_page(path: Path, board: Sequence[Entry], seeds: Sequence[Record], notes: Sequence[str]) -> Path:
    """Write the page.

    Args:
        path: HTML file to write; its folder exists.
        board: Leaderboard, best first.
        seeds: Rows of `leaderboard.summarize_seeds`.
        notes: Sentences to show below the table.

    Returns:
        The path.
    """
    title = f"{len(board)} runs compared" if len(board) > 1 else "One run"
    write_text(path, render_board(title, board, seeds, notes, partial(_report_link, page_folder=path.parent)))
    return path


def render_board(
    title: str,
    board: Sequence[Entry],
    seeds: Sequence[Record],
    notes: Sequence[str],
    link: Callable[[Entry], str],
    *,
    template: str = "compare.html.j2",
    charts: Sequence[Chart] = (),
    live: Mapping[str, Any] | None = None,
    **values: object,
) -> str:
    """Return the page as HTML.

    Args:
        title: Title of the page.
        board: Leaderboard, the best first of each question.
        seeds: Rows of `leaderboard.summarize_seeds`.
        notes: Sentences to show below the tables.
        link: Returns the address of a run's own report; empty if it has none.
        template: Template of the page.
        charts: Further charts that the template shows.
        live: What the script of a page that follows its runs needs.
        values: Further variables of the template.
    """
    questions = build_questions(board, link)
    shared = list(_seed_sections(seeds))
    sections = [*(section for question in questions for section in question.sections), *shared]
    return render(
        template,
        package="tsforecast.comparison",
        **page_values(title),
        questions=questions,
        notes=notes,
        sections=shared,
        charts=charts,
        data={"charts": [*(chart.data for chart in charts), *chart_data(sections)], "live": live},
        **values,
    )


def build_questions(board: Sequence[Entry], link: Callable[[Entry], str]) -> list[Question]:
    """Return what the page shows of each question."""
    return [
        Question(
            title=title,
            unit=(unit := common_unit(part)),
            rmse_label=metric_label(SCORE, unit),
            mae_label=metric_label("test/mae", unit),
            rows=[_row(entry, link) for entry in part],
            sections=list(_sections(part, unit)),
        )
        for title, part in split_board(board).items()
    ]


def common_unit(board: Sequence[Entry]) -> str:
    """Return the unit that all runs share; empty if they differ."""
    units = {str(entry.run.result.get("unit") or "") for entry in board}
    return units.pop() if len(units) == 1 else ""


def _row(entry: Entry, link: Callable[[Entry], str]) -> LeaderboardRow:
    figures = entry.run.figures
    color = run_color(entry.number)
    skill = figures.get("skill/persistence")
    return LeaderboardRow(
        number=entry.number,
        rank=entry.rank,
        name=entry.name,
        css=color if color.startswith("c") else "more",
        folder=str(entry.run.folder),
        report=link(entry),
        rmse=figures[SCORE],
        rmse_interval=entry.rmse,
        difference=entry.difference,
        mae=figures.get("test/mae"),
        skill=skill if is_finite(skill) else None,
        params=_count(figures.get("params")),
        seconds=figures.get("seconds"),
    )


def _count(value: float | None) -> int | None:
    return None if value is None else int(value)


def _report_link(entry: Entry, page_folder: Path) -> str:
    """Return the address of a run's own report relative to the page; empty if it has none."""
    report = entry.run.folder.resolve() / "report.html"
    return quote(os.path.relpath(report, page_folder.resolve())) if report.is_file() else ""


def _seed_sections(seeds: Sequence[Record]) -> Iterator[Section]:
    if seeds:
        note = "Mean and standard deviation over the seeds."
        yield Section("Over seeds", [Table.from_records(seeds)], note)


def _sections(board: Sequence[Entry], unit: str) -> Iterator[Section]:
    curves = list(_learning_curves(board, unit))
    if curves:
        yield Section(f"Validation {metric_label(CURVE, unit)} during training", curves, layout="pair")
    costs = list(_costs(board, unit))
    if costs:
        note = f"Test {metric_label(SCORE, unit)}; lower left is better."
        yield Section("Cost and error", costs, note, "pair")
    yield from _settings(board, unit)


def _learning_curves(board: Sequence[Entry], unit: str) -> Iterator[Chart]:
    label = f"validation {metric_label(CURVE, unit)}"
    for key, name in (("step", "Step"), ("seconds", "Seconds of training")):
        runs = [points for entry in board if (points := _curve(entry, key)).x]
        if runs:
            yield runs_chart(_chart_name(f"curve-{key}", board), f"By {name.lower()}", name, label, runs)


def _chart_name(name: str, board: Sequence[Entry]) -> str:
    """Return a name that no chart of another question has."""
    return f"{name}-{board[0].number}" if board[0].number else name


def _curve(entry: Entry, key: str) -> RunPoints:
    rows = [row for row in entry.run.history if is_finite(row.get(key)) and is_finite(row.get(CURVE))]
    x, y = ([float(row[name]) for row in rows] for name in (key, CURVE))
    return RunPoints(entry.number, entry.name, x, y)


def _costs(board: Sequence[Entry], unit: str) -> Iterator[Chart]:
    label = f"test {metric_label(SCORE, unit)}"
    for key, name in (("training_seconds", "Seconds of training"), ("params", "Parameters")):
        runs = [
            RunPoints(entry.number, entry.name, [entry.run.figures[key]], [entry.run.figures[SCORE]])
            for entry in board
            if key in entry.run.figures
        ]
        values = [run.x[0] for run in runs]
        if len(set(values)) > 1:
            log_x = min(values) > 0 and max(values) > LOG_RATIO * min(values)
            yield runs_chart(
                _chart_name(f"cost-{key}", board), f"By {name.lower()}", name, label, runs, log_x=log_x
            )


def _settings(board: Sequence[Entry], unit: str) -> Iterator[Section]:
    """Yield the parallel coordinates of the keys in which runs differ."""
    keys = [key for key in board[0].axes if len({str(entry.axes.get(key)) for entry in board}) > 1][:MAX_AXES]
    if not keys or len(board) < 3:
        return
    rows = [
        (entry.number, entry.name, [*(entry.axes.get(key) for key in keys), entry.run.figures[SCORE]])
        for entry in board
    ]
    chart = parallel_coordinates([*keys, f"test {metric_label(SCORE, unit)}"], rows)
    yield Section("Settings and error", [chart], "One line per run, from its settings to its error.")
