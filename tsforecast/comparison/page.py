"""The leaderboard as one self-contained HTML page."""

import os
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from tsforecast import __version__
from tsforecast.comparison import svg
from tsforecast.comparison.leaderboard import Entry
from tsforecast.files import write_text
from tsforecast.formatting import duration
from tsforecast.metrics import metric_label
from tsforecast.metrics.bootstrap import Interval
from tsforecast.reporting.format import figure, section, table, text
from tsforecast.reporting.report import asset

CURVE = "val/rmse"


def write_page(
    path: Path, board: Sequence[Entry], seeds: Sequence[Mapping[str, Any]], notes: Sequence[str]
) -> Path:
    """Writes the page beside its place first, and moves it there whole.

    Args:
        path: the file; its folder exists.
        board: the leaderboard, best first.
        seeds: rows of ``over_seeds``.
        notes: sentences to show below the table.
    """
    unit = unit_of(board)
    sections = [
        section("Leaderboard", _table(board, unit, path.parent) + _notes(notes), NOTE),
        section("Over seeds", table(list(seeds)), "Mean and standard deviation over the seeds.")
        if seeds
        else "",
        _curves(board, unit),
        _costs(board, unit),
        _axes(board, unit),
    ]
    own = files("tsforecast.comparison") / "assets"
    style, script, page = (
        (own / f"compare.{kind}").read_text(encoding="utf-8") for kind in ("css", "js", "html")
    )
    lowest = f"{figure(board[0].run.figures['test/rmse'])} {text(unit)}".rstrip()
    html = Template(page).substitute(
        title=f"{len(board)} runs compared" if len(board) > 1 else "One run",
        summary=f"Best: <b>{text(board[0].name)}</b>, test RMSE {lowest}.",
        sections="\n".join(part for part in sections if part),
        footer=f"Written by tsforecast {text(__version__)}.",
        report_style=asset("report.css"),
        style=style,
        script=script,
    )
    write_text(path, html)
    return path


NOTE = (
    "In brackets 95 % intervals from a block bootstrap over the test windows; the difference to the best run is taken "
    "window by window on the windows that both scored, and is bold where its interval leaves zero out. Point at a row "
    "or a mark to find its run everywhere; a click holds it. The best of many is flattered a little by the choice."
)


def unit_of(board: Sequence[Entry]) -> str:
    """The unit that all runs share, or nothing."""
    units = {str(entry.run.result.get("unit") or "") for entry in board}
    return units.pop() if len(units) == 1 else ""


def _table(board: Sequence[Entry], unit: str, beside_page: Path) -> str:
    head = [
        "#",
        "Run",
        f"Test {metric_label('test/rmse', unit)}",
        "Difference to best",
        f"Test {metric_label('test/mae', unit)}",
        "Skill",
        "Parameters",
        "Time",
    ]
    lines = "\n".join(_row(entry, beside_page) for entry in board)
    cells = "".join(f"<th{_right(i)}>{text(name)}</th>" for i, name in enumerate(head))
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>'


def _notes(notes: Sequence[str]) -> str:
    return "".join(f'<p class="note below">{text(one)}</p>' for one in notes)


def _right(column: int) -> str:
    return ' class="n"' if 2 <= column <= 7 else ""


def _row(entry: Entry, beside_page: Path) -> str:
    found = entry.run.figures
    skill = found.get("skill/persistence")
    cells = [
        str(entry.rank),
        _linked(entry, beside_page),
        figure(found["test/rmse"]) + _bracket(entry.rmse),
        _difference(entry.difference) if entry.rank > 1 else "",
        figure(found.get("test/mae")),
        "–" if skill is None else f"{100 * skill:+.1f} %".replace("-", "−"),
        figure(found.get("params")),
        duration(found.get("seconds")),
    ]
    inside = "".join(f"<td{_right(i)}>{cell}</td>" for i, cell in enumerate(cells))
    place = entry.rank - 1
    return f'<tr class="{svg.colour(place)}" data-run="{place}">{inside}</tr>'


def _linked(entry: Entry, beside_page: Path) -> str:
    """The run's name, leading to its own report where it has one."""
    folder = entry.run.folder
    if not (folder / "report.html").is_file():
        return f'<span title="{text(folder)}">{text(entry.name)}</span>'
    target = quote(os.path.relpath(folder.resolve() / "report.html", beside_page.resolve()))
    return f'<a href="{target}" title="{text(folder)}">{text(entry.name)}</a>'


def _bracket(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f' <span class="ci">[{_signed(interval.low)}, {_signed(interval.high)}]</span>'


def _signed(value: float) -> str:
    return f"{value:.4f}".replace("-", "−")


def _difference(interval: Interval | None) -> str:
    if interval is None:
        return "–"
    value = f"{interval.value:+.4f}".replace("-", "−")
    return (f"<b>{value}</b>" if interval.excludes_zero else value) + _bracket(interval)


def _curves(board: Sequence[Entry], unit: str) -> str:
    label = f"Validation {metric_label(CURVE, unit)}"
    charts = []
    for key, name in (("step", "Step"), ("seconds", "Seconds of training")):
        lines = [(e.rank - 1, e.name, points) for e in board if (points := _points(e, key))]
        if lines:
            charts.append(f"<figure>{svg.line_chart(lines, name, label)}</figure>")
    body = f'<div class="two">{"".join(charts)}</div>'
    return section(f"{label} while training", body) if charts else ""


def _points(entry: Entry, key: str) -> list[tuple[float, float]]:
    return [
        (float(row[key]), float(row[CURVE]))
        for row in entry.run.history
        if row.get(key) is not None and row.get(CURVE) is not None
    ]


def _costs(board: Sequence[Entry], unit: str) -> str:
    error = f"test {metric_label('test/rmse', unit)}"
    charts = []
    for key, name in (("training_seconds", "Seconds of training"), ("params", "Parameters")):
        found = [
            (e.rank - 1, e.name, e.run.figures[key], e.run.figures["test/rmse"])
            for e in board
            if key in e.run.figures
        ]
        if len({x for _, _, x, _ in found}) > 1:
            charts.append(f"<figure>{svg.scatter(found, name, error)}</figure>")
    body = f'<div class="two">{"".join(charts)}</div>'
    return (
        section("Cost against error", body, f"{error[0].upper()}{error[1:]}; lower left is better.")
        if charts
        else ""
    )


def _axes(board: Sequence[Entry], unit: str) -> str:
    keys = [key for key in board[0].axes if len({str(e.axes.get(key)) for e in board}) > 1][:7]
    if not keys or len(board) < 3:
        return ""
    names = [*keys, f"test {metric_label('test/rmse', unit)}"]
    rows = [
        (e.rank - 1, e.name, [*(e.axes.get(key) for key in keys), e.run.figures["test/rmse"]]) for e in board
    ]
    body = f'<div class="scroll wide">{svg.parallel(names, rows)}</div>'
    return section("What was varied", body, "A line a run, from its settings to its error.")
