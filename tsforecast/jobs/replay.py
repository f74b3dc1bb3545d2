"""job=replay: days of the past, one by one, with a retraining each dawn and without it.

A line a day is kept as soon as the day is over, so that the same command, or resume=FOLDER, goes on after a kill.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.config import Config
from tsforecast.config.stored import as_yaml
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.jobs import build, retrain
from tsforecast.models.io import load_model
from tsforecast.registry import Registry, Version
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Writes ``replay.json`` and ``replay.md`` with a line a day; returns the RMSE with retraining.

    It works on a registry of its own, so that the champion in service stays; an interrupted replay goes on.
    """
    source, folder = _source(config, path), RunFolder.create(path)
    if not folder.config.is_file():
        folder.write_text_atomic("config.yaml", as_yaml(config))  # by which resume=FOLDER goes on
    registry = _own_registry(folder, source)
    first, day = int(source.result()["data"]["rows"]), _day(config, source)
    rows, models = _days_before(folder), _Models(source)
    for number in range(len(rows), config.retrain.replay_days):
        stop = first + (number + 1) * day
        outcome = _dawn(config, registry, number, stop - day, day) if number else None
        scores = _scores(config, registry, models, stop, day)
        if scores is None:
            break
        rows.append(_row(number, outcome, scores))
        folder.write_json("replay.json", {"status": "running", "days": rows})
        print(_line(rows[-1]), flush=True)
    if not rows:
        raise UserError(f"job=replay needs rows after the champion's {first:,}: the source has none.")
    result = {"status": "done", "days": rows, **_totals(rows)}
    folder.write_json("replay.json", result)
    folder.write_text_atomic("replay.md", as_markdown(result))
    print(as_markdown(result).split("\n\n")[-1])
    print(folder.path, flush=True)
    return result["with_retraining"]


class _Models:
    """The first champion, and the one of today, each loaded and compiled once.

    Args:
        source: the first champion.
    """

    def __init__(self, source: Version):
        self.source, self._held = source, dict[str, Any]()

    def of(self, version: Version) -> Any:
        """The model of one of the two; any other that was held is let go."""
        kept = (self.source.name, version.name)
        self._held = {name: model for name, model in self._held.items() if name in kept}
        if version.name not in self._held:
            self._held[version.name] = load_model(version.model)
        return self._held[version.name]


def _source(config: Config, path: Path) -> Version:
    """The champion that the replay begins with: of its own registry once that is there, since the other may move on."""
    own = Registry(path / "registry")
    moves = own.moves()
    version = own.version(moves[0]["version"]) if moves else Registry(config.registry.path).champion()
    version.check()
    return version


def _days_before(folder: RunFolder) -> list[dict[str, Any]]:
    """The days that an interrupted replay in this folder is done with."""
    kept = folder.path / "replay.json"
    return json.loads(kept.read_text())["days"] if kept.is_file() else []


def _dawn(config: Config, registry: Registry, number: int, rows: int, day: int) -> dict[str, Any]:
    """The retraining of one dawn; the newest day arrives damaged where ``retrain.damage`` says so."""
    kind = (config.retrain.damage or {}).get(number)
    change = None if kind is None else lambda series: damaged(series, len(series) - day, kind)
    return retrain.dawn(_with_rows(config, registry, rows), registry, change)


def damaged(series: Series, first: int, kind: str) -> Series:
    """The series with its first target damaged from a row on: ``units`` (times 1,000), ``stuck`` or ``missing``."""
    values = series.values.copy()
    column = values[first:, series.features.index(series.targets[0])]
    if kind == "units":
        column *= 1000
    else:
        column[len(column) // 4 :] = np.nan if kind == "missing" else column[len(column) // 4]
    return dataclasses.replace(series, values=values)


def _own_registry(folder: RunFolder, source: Version) -> Registry:
    """A registry in this folder that begins with the champion."""
    registry = Registry(folder.path / "registry")
    if registry.champion_name() is None:
        target = registry.path / "versions" / source.name
        if not target.exists():
            shutil.copytree(source.path, target)
        registry.promote(source.name, "where the replay begins")
    return registry


def _day(config: Config, source: Version) -> int:
    series = build.loaded_series(_with_rows_of(config, source, 1000))
    return max(1, round(86_400 / series.step))


def _with_rows(config: Config, registry: Registry, rows: int) -> Config:
    return dataclasses.replace(
        config,
        retrain=dataclasses.replace(config.retrain, rows=rows),
        registry=dataclasses.replace(config.registry, path=str(registry.path)),
    )


def _with_rows_of(config: Config, version: Version, rows: int) -> Config:
    asked = dataclasses.replace(config, retrain=dataclasses.replace(config.retrain, rows=rows))
    return retrain.champion_config(asked, version)


def _scores(
    config: Config, registry: Registry, models: _Models, stop: int, day: int
) -> dict[str, Any] | None:
    """The forecasts of the day that ends before row ``stop``, by the champion of that dawn and by the first one.

    None where the source has no such rows. Of the rows before only those are prepared that a forecast hangs on.
    """
    own = _with_rows_of(config, models.source, stop)
    try:
        series = build.loaded_series(own)
    except UserError:  # a source may say itself that it has fewer
        return None
    if len(series) < stop:
        return None
    build.set_up_runtime(own)

    from tsforecast.data.scaling import Scaler
    from tsforecast.ensemble.model import WARM_UP
    from tsforecast.evaluation.evaluate import evaluate

    window = own.window
    before = (
        WARM_UP * window.stride + 2 * window.lookback + window.lead + window.horizon + series.season + day
    )
    series = series.newest(2 * day + before)
    split = {"train": len(series) - 2 * day, "val": day, "test": day}
    found: dict[str, Any] = {}
    for name, version in (("without", models.source), ("with", registry.champion())):
        if version.name == models.source.name and found:
            found[name] = found["without"]
            continue
        model = models.of(version)
        dataset = build.dataset_of(own, series, split, Scaler.from_dict(model.metadata["scaler"]))
        found[name] = evaluate(model, dataset, "test")
    return found


def _row(number: int, outcome: dict[str, Any] | None, scores: dict[str, Any]) -> dict[str, Any]:
    row = {
        "day": number + 1,
        "outcome": outcome["outcome"] if outcome else "as it was",
        "why": outcome["why"] if outcome else "",
        "seconds": outcome["seconds"] if outcome else 0.0,  # None: the dawn was interrupted
    }
    for name, found in scores.items():
        row[f"rmse_{name}"] = found.figures["rmse"]
        observed = np.isfinite(found.truth)
        row[f"squared_{name}"] = float(np.sum((found.forecast - found.truth)[observed] ** 2))
        row["observed"] = int(observed.sum())
    return row


def _totals(rows: list[dict[str, Any]]) -> dict[str, Any]:
    observed = max(sum(row["observed"] for row in rows), 1)
    outcomes, seconds = [row["outcome"] for row in rows], [row["seconds"] for row in rows[1:]]
    known = [one for one in seconds if one is not None]
    return {
        "with_retraining": float(np.sqrt(sum(row["squared_with"] for row in rows) / observed)),
        "without_retraining": float(np.sqrt(sum(row["squared_without"] for row in rows) / observed)),
        "promoted": outcomes.count("promoted"),
        "refused": outcomes.count("refused"),
        "median_seconds": float(np.median(known)) if known else 0.0,
    }


def _line(row: dict[str, Any]) -> str:
    return (
        f"day {row['day']}: {row['outcome']}, RMSE {row['rmse_with']:.4f} with retraining,"
        f" {row['rmse_without']:.4f} without, {_seconds(row)} s"
    )


def _seconds(row: dict[str, Any]) -> str:
    return "?" if row["seconds"] is None else f"{row['seconds']:.0f}"


def as_markdown(result: dict[str, Any]) -> str:
    """A line a day, and the totals."""
    lines = ["| day | at dawn | RMSE with | RMSE without | seconds | why |", "|---:|---|---:|---:|---:|---|"]
    lines += [
        f"| {row['day']} | {row['outcome']} | {row['rmse_with']:.4f} | {row['rmse_without']:.4f} | {_seconds(row)}"
        f" | {row['why']} |"
        for row in result["days"]
    ]
    total = (
        f"RMSE over all days {result['with_retraining']:.4f} with retraining,"
        f" {result['without_retraining']:.4f} without; {result['promoted']} promoted, {result['refused']} refused;"
        f" {result['median_seconds']:.0f} s a dawn (median)."
    )
    return "\n".join(lines) + "\n\n" + total + "\n"
