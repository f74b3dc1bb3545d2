"""Replaying past days one by one, with a retraining run before each of them and without.

If a step is a day or longer, a day here is a season, and at least as long as a forecast. The row of a day is saved as
soon as the day is over, so that an interrupted replay can be resumed.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.durations import block_steps
from tsforecast.errors import UserError
from tsforecast.metrics.series import mean_over_series
from tsforecast.registry.replay_scores import Models, score_day
from tsforecast.registry.retraining import Outcome, Recipe, retrain_champion
from tsforecast.registry.store import Registry, Version
from tsforecast.registry.tracking import report_replay
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.series import Series
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.registry.options import RetrainingOptions

RESULT, TABLE = "replay.json", "replay.md"
FIRST_ROWS = 1000  # enough of the series to read its step from
# Of a version, for a number of first rows; of many series, of steps after those of the first champion's data.
CreateRecipe = Callable[[Version, int, Registry], Recipe]
Row = dict[str, Any]


def replay_days(
    folder: RunFolder, source: Version, create_recipe: CreateRecipe, options: RetrainingOptions
) -> dict[str, Any]:
    """Replay days in a registry of their own, so that the champion in service stays, and print a line per day.

    Args:
        folder: Folder of the replay; an interrupted one is resumed.
        source: The champion that the replay begins with.
        create_recipe: Returns the recipe of a version for a number of first rows; of many series, for a number of steps
            after those of the source.
        options: Number of days, damage, and options of the retraining runs.

    Returns:
        What ``replay.json`` holds: one row per day, and the totals.

    Raises:
        UserError: The source has no rows after those of the champion.
    """
    registry, data = _copy_registry(folder, source), source.result()["data"]
    first = 0 if data.get("series") else int(data["rows"])
    day = _rows_per_day(create_recipe(source, FIRST_ROWS, registry))
    rows, models = _read_rows(folder), Models(source)
    for number in range(len(rows), options.replay_days):
        stop = first + (number + 1) * day
        outcome = _retrain(registry, create_recipe, options, number, stop - day, day) if number else None
        scores = score_day(create_recipe(source, stop, registry), registry, models, stop, day)
        if scores is None:
            break
        rows.append(_to_row(number, outcome, scores))
        folder.write_json(RESULT, {"status": "running", "days": rows})
        print(_to_line(rows[-1]), flush=True)
    if not rows:
        raise UserError(
            f"job=replay needs a day of rows after the champion's {int(data['rows']):,}: the source has fewer."
        )
    result = {"status": "done", "days": rows, **_totals(rows)}
    folder.write_json(RESULT, result)
    folder.write_text_atomic(TABLE, to_markdown(result))
    report_replay(result)
    return result


def find_first_champion(folder: RunFolder, registry: Registry) -> Version:
    """Return the champion that a replay begins with.

    Args:
        folder: Folder of the replay; if it has been started, its first champion counts.
        registry: Registry with the champion in service.
    """
    copy = Registry(folder.path / "registry")
    moves = copy.moves()
    version = copy.version(moves[0]["version"]) if moves else registry.champion()
    version.check()
    return version


def damage_series(series: Series, first: int, kind: str, stop: int | None = None) -> Series:
    """Return a series whose first target is damaged from a row on.

    Args:
        series: The series.
        first: First damaged row.
        kind: ``units`` (times 1,000), ``stuck`` or ``missing`` (both from a quarter of these rows on).
        stop: First row after the damaged ones; None for all.
    """
    values = series.values.copy()
    column = values[first:stop, series.features.index(series.targets[0])]
    if kind == "units":
        column *= 1000
    else:
        column[len(column) // 4 :] = np.nan if kind == "missing" else column[len(column) // 4]
    return dataclasses.replace(series, values=values)


def to_markdown(result: dict[str, Any]) -> str:
    """Return a table with one line per day, and the totals; the error of many series is their MASE."""
    error = result.get("error", "RMSE")
    key = error.lower()
    lines = [
        f"| day | retraining | {error} with | {error} without | seconds | why |",
        "|---:|---|---:|---:|---:|---|",
    ]
    lines += [
        f"| {row['day']} | {row['outcome']} | {row[f'{key}_with']:.4f} | {row[f'{key}_without']:.4f} | {_seconds(row)}"
        f" | {row['why']} |"
        for row in result["days"]
    ]
    total = (
        f"{error} over all days {result['with_retraining']:.4f} with retraining,"
        f" {result['without_retraining']:.4f} without; {result['promoted']} promoted, {result['refused']} refused;"
        f" {result['median_seconds']:.0f} s per retraining run (median)."
    )
    return "\n".join(lines) + "\n\n" + total + "\n"


def _retrain(
    registry: Registry,
    create_recipe: CreateRecipe,
    options: RetrainingOptions,
    number: int,
    rows: int,
    day: int,
) -> Outcome:
    """Retrain before a day; the newest day is damaged if ``retrain.damage`` says so."""
    kind = (options.damage or {}).get(number)
    change = None if kind is None else lambda series: _damage_newest(series, day, kind)
    return retrain_champion(registry, lambda version: create_recipe(version, rows, registry), options, change)


def _damage_newest(series: Series, day: int, kind: str) -> Series:
    """Return a series with a damaged last day; of many, one whose rows reach the end of all."""
    bounds = series.bounds
    longest = int(np.argmax(series.time[bounds[1:] - 1]))
    stop = int(bounds[longest + 1])
    return damage_series(series, stop - day, kind, stop)


def _copy_registry(folder: RunFolder, source: Version) -> Registry:
    """Return a registry in the folder of the replay that begins with the champion."""
    registry = Registry(folder.path / "registry")
    if registry.champion_name() is None:
        target = registry.path / "versions" / source.name
        if not target.exists():
            shutil.copytree(source.path, target)
        registry.promote(source.name, "where the replay begins")
    return registry


def _read_rows(folder: RunFolder) -> list[Row]:
    """Return the rows of the days that an interrupted replay has finished."""
    path = folder.path / RESULT
    rows: list[Row] = json.loads(path.read_text())["days"] if path.is_file() else []
    return rows


def _rows_per_day(recipe: Recipe) -> int:
    return max(block_steps(recipe.load_series()), recipe.window.horizon)


def _to_row(number: int, outcome: Outcome | None, scores: dict[str, Evaluation]) -> Row:
    row = {
        "day": number + 1,
        "outcome": outcome["outcome"] if outcome else "unchanged",
        "why": outcome["why"] if outcome else "",
        "seconds": outcome["seconds"] if outcome else 0.0,  # None: the run was interrupted
    }
    for name, evaluation in scores.items():
        observed = np.isfinite(evaluation.truth)
        row[f"rmse_{name}"] = evaluation.figures["rmse"]
        row[f"squared_{name}"] = float(np.sum((evaluation.forecast - evaluation.truth)[observed] ** 2))
        row["observed"] = int(observed.sum())
        if evaluation.series is not None:
            row[f"mase_{name}"] = float(mean_over_series(evaluation.series.figures)["mase"])
    return row


def _totals(rows: list[Row]) -> dict[str, Any]:
    observed = max(sum(row["observed"] for row in rows), 1)
    outcomes = [row["outcome"] for row in rows]
    seconds = [row["seconds"] for row in rows[1:] if row["seconds"] is not None]
    counts = {
        "promoted": outcomes.count("promoted"),
        "refused": outcomes.count("refused"),
        "median_seconds": float(np.median(seconds)) if seconds else 0.0,
    }
    if "mase_with" in rows[0]:  # the numbers of many series are of different sizes
        with_retraining, without = (
            float(np.mean([row[f"mase_{name}"] for row in rows])) for name in ("with", "without")
        )
        return {"error": "MASE", "with_retraining": with_retraining, "without_retraining": without, **counts}
    return {
        "with_retraining": float(np.sqrt(sum(row["squared_with"] for row in rows) / observed)),
        "without_retraining": float(np.sqrt(sum(row["squared_without"] for row in rows) / observed)),
        **counts,
    }


def _to_line(row: Row) -> str:
    error = "MASE" if "mase_with" in row else "RMSE"
    key = error.lower()
    return (
        f"day {row['day']}: {row['outcome']}, {error} {row[f'{key}_with']:.4f} with retraining,"
        f" {row[f'{key}_without']:.4f} without, {_seconds(row)} s"
    )


def _seconds(row: Row) -> str:
    return "?" if row["seconds"] is None else f"{row['seconds']:.0f}"
