"""Our figures beside a published table, cell by cell, with mean and spread over seeds."""

import json
import statistics
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from tsforecast.comparison.names import built
from tsforecast.comparison.runs import Run, collect
from tsforecast.errors import UserError, nearest
from tsforecast.tracking.run_folder import RunFolder

Cell = tuple[str, str]  # model and horizon
AVERAGE = "average"


def write(over: str | Sequence[str], table: str, folder: Path) -> str:
    """Writes ``published.md`` into a folder and returns its text.

    Args:
        over: folders of runs or sweeps, see ``collect``.
        table: name of the published table.
        folder: where to write.

    Raises:
        UserError: there is no such table, or no finished run belongs to a cell of it.
    """
    published = read(table)
    cells = ours(collect(over)[0], published["figures"])
    if not cells:
        raise UserError(
            f"published={table}: no finished run has a model and a horizon of that table; leave it out, or run "
            f"{', '.join(published['figures'])}."
        )
    text = markdown(published, cells)
    RunFolder.create(folder).write_text_atomic("published.md", text)
    return text


def read(table: str) -> dict[str, Any]:
    """A published table by its name.

    Raises:
        UserError: there is none of that name.
    """
    path = files("tsforecast.comparison") / "published_figures.json"
    tables = json.loads(path.read_text(encoding="utf-8"))
    if table not in tables:
        raise UserError(f"published={table} is not one of {', '.join(tables)}.{nearest(table, tables)}")
    return tables[table]


def ours(runs: Sequence[Run], figures: Mapping[str, Any]) -> dict[Cell, list[tuple[float, float]]]:
    """MSE and MAE of our runs on the standardised series, one pair a run, for each cell of the table that has any."""
    cells: dict[Cell, list[tuple[float, float]]] = {}
    for run in runs:
        model, horizon = built(run.config["model"]["_target_"]), str(run.config["window"]["horizon"])
        horizons = {one for source in figures.get(model, {}).values() for one in source}
        if horizon in horizons:
            pair = (run.figures["test/rmse_scaled"] ** 2, run.figures["test/mae_scaled"])
            cells.setdefault((model, horizon), []).append(pair)
    return cells


def markdown(published: Mapping[str, Any], cells: Mapping[Cell, Sequence[tuple[float, float]]]) -> str:
    """The table: a line for each cell, and one for the average of a model whose cells are all there."""
    sources = list(published["sources"])
    head = ["model", "horizon", "seeds", "ours MSE", "ours MAE", *(f"{name} MSE/MAE" for name in sources)]
    lines = [f"| {' | '.join([*head, 'MSE to TFB'])} |", "|---|" + "---:|" * len(head)]
    for model, theirs in published["figures"].items():
        horizons = list(next(iter(theirs.values())))
        found = {one: cells[model, one] for one in horizons if (model, one) in cells}
        for horizon, pairs in found.items():
            lines.append(
                _line(model, horizon, pairs, {name: theirs.get(name, {}).get(horizon) for name in sources})
            )
        if len(found) == len(horizons):
            own = [[_mean(pairs, i) for pairs in found.values()] for i in (0, 1)]
            averages = {name: _average(theirs.get(name)) for name in sources}
            lines.append(_line(model, AVERAGE, [tuple(map(statistics.mean, own))], averages))  # type: ignore[list-item]
    notes = [f"- {name}: {text}." for name, text in published["sources"].items()]
    spread = "Ours: mean and standard deviation over seeds; every test window is scored."
    return "\n".join([published["what"] + ".", "", *lines, "", spread, "", *notes]) + "\n"


def _line(model: str, horizon: str, pairs: Sequence[tuple[float, float]], theirs: Mapping[str, Any]) -> str:
    beside = ["–" if pair is None else f"{pair[0]:.3f} / {pair[1]:.3f}" for pair in theirs.values()]
    reference = theirs.get("TFB")
    ratio = "–" if reference is None else f"{100 * (_mean(pairs, 0) / reference[0] - 1):+.1f} %"
    seeds = "" if horizon == AVERAGE else str(len(pairs))
    return f"| {' | '.join([model, horizon, seeds, _spread(pairs, 0), _spread(pairs, 1), *beside, ratio])} |"


def _mean(pairs: Sequence[tuple[float, float]], which: int) -> float:
    return statistics.mean(pair[which] for pair in pairs)


def _spread(pairs: Sequence[tuple[float, float]], which: int) -> str:
    values = [pair[which] for pair in pairs]
    beside = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{beside}"


def _average(source: Mapping[str, Sequence[float]] | None) -> tuple[float, float] | None:
    if source is None:
        return None
    mse, mae = (statistics.mean(pair[i] for pair in source.values()) for i in (0, 1))
    return mse, mae
