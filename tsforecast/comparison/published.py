"""Our figures next to a published table, cell by cell, with mean and spread over seeds."""

import json
import statistics
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tsforecast.comparison.names import target_name
from tsforecast.comparison.runs import Run, collect_runs
from tsforecast.errors import UserError, nearest
from tsforecast.tracking.run_folder import RunFolder

Cell = tuple[str, str]  # model and horizon
Pair = tuple[float, float]  # MSE and MAE
AVERAGE = "average"


def write_published_table(over: str | Sequence[str], table: str, folder: Path) -> str:
    """Write ``published.md`` into a folder and return its text.

    Args:
        over: Folders of runs or sweeps, see `runs.collect_runs`.
        table: Name of the published table.
        folder: Folder to write into.

    Raises:
        UserError: There is no such table, or no finished run belongs to one of its cells.
    """
    published = read_published(table)
    cells = select_figures(collect_runs(over)[0], published["figures"])
    if not cells:
        raise UserError(
            f"published={table}: no finished run has a model and a horizon of that table; leave it out, or run "
            f"{', '.join(published['figures'])}."
        )
    text = format_markdown(published, cells)
    RunFolder.create(folder).write_text_atomic("published.md", text)
    return text


def read_published(table: str) -> dict[str, Any]:
    """Return the published table with a name.

    Raises:
        UserError: There is no such table.
    """
    path = files("tsforecast.comparison") / "published_figures.json"
    tables = json.loads(path.read_text(encoding="utf-8"))
    if table not in tables:
        raise UserError(f"published={table} is not one of {', '.join(tables)}.{nearest(table, tables)}")
    return tables[table]


def select_figures(runs: Sequence[Run], figures: Mapping[str, Any]) -> dict[Cell, list[Pair]]:
    """Return MSE and MAE of our runs on the standardized series, one pair per run, for each cell with a run."""
    cells: dict[Cell, list[Pair]] = {}
    for run in runs:
        model, horizon = target_name(run.config["model"]["_target_"]), str(run.config["window"]["horizon"])
        horizons = {key for source in figures.get(model, {}).values() for key in source}
        if horizon in horizons:
            pair = (run.figures["test/rmse_scaled"] ** 2, run.figures["test/mae_scaled"])
            cells.setdefault((model, horizon), []).append(pair)
    return cells


def format_markdown(published: Mapping[str, Any], cells: Mapping[Cell, Sequence[Pair]]) -> str:
    """Return the table: one line per cell, and one for the average of each model whose cells all have runs."""
    sources = list(published["sources"])
    head = ["model", "horizon", "seeds", "ours MSE", "ours MAE", *(f"{name} MSE/MAE" for name in sources)]
    lines = [f"| {' | '.join([*head, 'MSE to TFB'])} |", "|---|" + "---:|" * len(head)]
    for model, theirs in published["figures"].items():
        lines += _model_lines(model, theirs, sources, cells)
    notes = [f"- {name}: {text}." for name, text in published["sources"].items()]
    spread = "Ours: mean and standard deviation over seeds; every test window is scored."
    return "\n".join([published["what"] + ".", "", *lines, "", spread, "", *notes]) + "\n"


def _model_lines(
    model: str, theirs: Mapping[str, Any], sources: Sequence[str], cells: Mapping[Cell, Sequence[Pair]]
) -> list[str]:
    horizons = list(next(iter(theirs.values())))
    ours = {horizon: cells[model, horizon] for horizon in horizons if (model, horizon) in cells}
    lines = [
        _line(model, horizon, pairs, {name: theirs.get(name, {}).get(horizon) for name in sources})
        for horizon, pairs in ours.items()
    ]
    if len(ours) == len(horizons):
        mse, mae = (statistics.mean(_mean(pairs, i) for pairs in ours.values()) for i in (0, 1))
        averages = {name: _average(theirs.get(name)) for name in sources}
        lines.append(_line(model, AVERAGE, [(mse, mae)], averages))
    return lines


def _line(model: str, horizon: str, pairs: Sequence[Pair], theirs: Mapping[str, Any]) -> str:
    theirs_text = ["–" if pair is None else f"{pair[0]:.3f} / {pair[1]:.3f}" for pair in theirs.values()]
    reference = theirs.get("TFB")
    ratio = "–" if reference is None else f"{100 * (_mean(pairs, 0) / reference[0] - 1):+.1f} %"
    seeds = "" if horizon == AVERAGE else str(len(pairs))
    return f"| {' | '.join([model, horizon, seeds, _spread(pairs, 0), _spread(pairs, 1), *theirs_text, ratio])} |"


def _mean(pairs: Sequence[Pair], which: int) -> float:
    return statistics.mean(pair[which] for pair in pairs)


def _spread(pairs: Sequence[Pair], which: int) -> str:
    values = [pair[which] for pair in pairs]
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def _average(source: Mapping[str, Sequence[float]] | None) -> Pair | None:
    if source is None:
        return None
    mse, mae = (statistics.mean(pair[i] for pair in source.values()) for i in (0, 1))
    return mse, mae
