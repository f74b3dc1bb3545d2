"""Retraining the champion with new rows; the result replaces it only if it passes the promotion gate.

Every step can be killed and repeated: the work is in a folder of the registry that is named after the champion, the
number of rows and a hash of data and settings, training resumes from its last checkpoint, the same model is registered
once, and the champion changes by an atomic rename or not at all. Corrected data or other settings get a new folder, and
so a verdict of their own.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tsforecast.evaluation.interval_start import calibrate_intervals
from tsforecast.evaluation.result import RunResult
from tsforecast.panels.panel import join_ids
from tsforecast.registry import gate
from tsforecast.registry.new_rows import (
    change_notes,
    check_numbered,
    count_known_rows,
    describe_damage,
    find_faults,
    leave_out,
)
from tsforecast.registry.retraining_lock import lock_retraining
from tsforecast.registry.retraining_splits import RecentSplit, check_held_out, check_split
from tsforecast.registry.store import CALIBRATION, Registry, Version
from tsforecast.registry.waiting import OUTCOME, WAITING, settle_waiting, wait_for_shadow
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.data.options import WindowOptions
    from tsforecast.data.scaling import Scaler
    from tsforecast.data.series import Series
    from tsforecast.data.splits import Borders
    from tsforecast.inference.options import IntervalOptions
    from tsforecast.models.protocol import Model
    from tsforecast.registry.options import PromotionOptions, RetrainingOptions
    from tsforecast.runtime import RuntimeInfo

WORK = "retraining"  # folder of the registry
UNRELATED = (
    "data",
    "journal",
    "rows",
    "replay_days",
    "damage",
)  # options that do not change what is done with given rows
Outcome = dict[str, Any]


class Recipe(Protocol):
    """How the champion was built and trained: the steps of a retraining run that depend on its config.

    Attributes:
        name: Name of the model, for example ``lstm``.
        config_yaml: Config of the retrained model's run.
        window: Lookback, lead and horizon.
        intervals: Options of the prediction intervals.
        batch_size: Windows of a batch; None for a model that is fitted on all rows at once.
        notes: What the user should know of the rows that are used.
    """

    name: str
    config_yaml: str
    window: WindowOptions
    intervals: IntervalOptions
    batch_size: int | None
    notes: tuple[str, ...]

    def load_series(self) -> Series:
        """Load the data with the new rows."""

    def initialize(self) -> RuntimeInfo:
        """Set the backend, the device and the seed."""

    def build_dataset(self, series: Series, split: Mapping[str, object], scaler: Scaler) -> ForecastDataset:
        """Scale a series and split it."""

    def train(self, model: Model, dataset: ForecastDataset, folder: RunFolder) -> bool:
        """Train a model further; return whether it became better on the validation days."""

    def describe(self, series: Series, parts: Borders | np.ndarray, runtime: RuntimeInfo) -> dict[str, Any]:
        """Return what the figures depend on, for ``result.json``."""


def retrain_champion(
    registry: Registry,
    create_recipe: Callable[[Version], Recipe],
    options: RetrainingOptions,
    change: Callable[[Series], Series] | None = None,
    report: Callable[[str], None] = lambda note: None,
    promotion: PromotionOptions | None = None,
) -> Outcome:
    """Retrain the champion once with the rows that there are now.

    Args:
        registry: Registry with a champion.
        create_recipe: Returns the recipe of a version.
        options: Days to train on and to compare on, and limits.
        change: Applied to the series after it was read, to rehearse damaged data.
        report: Called with each note on the data.
        promotion: Days as a shadow that a version needs before it replaces the champion; None: none.

    Returns:
        ``outcome`` (``promoted``, ``refused``, ``waiting`` for days as a shadow, or ``nothing new``), ``why`` in one
        sentence, ``champion`` (afterwards), ``rows``, ``new_rows``, ``seconds`` (None if a kill came after the
        promotion), ``folder`` and, if champion and challenger were compared, ``compared``.

    Raises:
        UserError: There is no champion, there are too few rows, or another retraining run is under way.
    """
    champion = registry.champion()
    champion.check()
    with lock_retraining(registry):
        settled = None if promotion is None else settle_waiting(registry, registry.champion(), promotion)
        shadow_days = 0.0 if promotion is None else promotion.shadow_days
        return settled or _retrain(registry, create_recipe, options, change, report, shadow_days)


def _retrain(
    registry: Registry,
    create_recipe: Callable[[Version], Recipe],
    options: RetrainingOptions,
    change: Callable[[Series], Series] | None,
    report: Callable[[str], None],
    shadow_days: float,
) -> Outcome:
    began, champion = time.monotonic(), registry.champion()
    champion.check()
    recipe = create_recipe(champion)
    series = recipe.load_series()
    series = series if change is None else change(series)
    check_numbered(series, champion.name, champion.result()["data"])
    for note in (*series.notes, *recipe.notes):
        report(note)
    data, data_hash = champion.result()["data"], series.data_hash()
    name = f"{champion.name}_{len(series)}_{_settings_hash(data_hash, recipe, options)}"
    folder = RunFolder(registry.path / WORK / name)
    finished = _read_outcome(folder)
    if finished is not None:
        return finished
    if data["hash"] == data_hash and champion.manifest["lineage"].get("kind") == "retraining":
        return _recover_outcome(registry, champion)
    known = count_known_rows(series, data)
    new = len(series) - known
    facts = {"rows": len(series), "new_rows": new, "folder": str(folder.path)}
    for note in change_notes(series, champion.name, data):
        report(note)
    if new < options.least_new_rows:
        why = (
            f"{new:,} rows are new since {champion.name} was made, and retrain.least_new_rows asks for"
            f" {options.least_new_rows:,}."
        )
        return {"outcome": "nothing new", "why": why, "champion": champion.name, "seconds": 0.0, **facts}
    split = RecentSplit.from_options(options, series)
    check_split(split, options, series, recipe.window, recipe.batch_size)
    check_held_out(split, options, series, champion.name, data)
    RunFolder.create(folder.path)
    damaged = find_faults(series, data)
    sound = leave_out(series, damaged) if damaged else series
    if sound is None:
        why = f"the new rows are not trusted: {describe_damage(series, damaged)}."
        problems = [
            fault if not name else f"'{name}': {fault}" for name in damaged for fault in damaged[name]
        ]
        decision: Outcome = {"outcome": "refused", "why": why, "faults": problems}
    else:
        for name, problems in damaged.items():
            report(f"Series '{name}' is left out: {problems[0]}.")
        decision = _train_and_compare(
            registry, champion, recipe, options, series, sound, new, folder, shadow_days
        )
    outcome = {**decision, "champion": registry.champion_name(), "seconds": time.monotonic() - began, **facts}
    folder.write_json(OUTCOME, outcome)
    return outcome


def _settings_hash(data_hash: str, recipe: Recipe, options: RetrainingOptions) -> str:
    """Return a short hash of all that a retraining run depends on next to its champion."""
    settings = {key: value for key, value in dataclasses.asdict(options).items() if key not in UNRELATED}
    key = json.dumps([data_hash, settings, dataclasses.asdict(recipe.intervals)], sort_keys=True)
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def build_recent_dataset(
    recipe: Recipe, split: RecentSplit, series: Series, scaler: Scaler, *, use_all: bool
) -> ForecastDataset:
    """Return the newest rows as training, validation and held-out rows, with the champion's scaling.

    Args:
        recipe: Recipe of the champion.
        split: Sizes of the parts.
        series: All rows.
        scaler: Scaler of the champion.
        use_all: Train on all rows before the validation rows, for a model that is fitted from scratch.
    """
    if (
        scaler.levels is not None and series.panel is not None
    ):  # those of new series are of their first windows
        starts = series.bounds[:-1]
        levels = scaler.levels.arrange(series.panel.ids, series.values, starts, recipe.window.lookback)
        scaler = dataclasses.replace(scaler, levels=levels)
    if not use_all:  # of years of rows only the newest weeks are prepared
        window = recipe.window
        before = 2 * window.lookback + window.lead + window.horizon + series.season + scaler.history
        series = series.newest(split.held_out + split.val + split.train + before)
    sizes = {"val": split.val, "test": split.held_out}
    if series.panel is not None:
        dataset = recipe.build_dataset(series, sizes, scaler)
        return dataclasses.replace(dataset, ranges=np.asarray(split.parts(dataset.series, use_all=use_all)))
    borders = split.borders(len(series), use_all=use_all)
    dataset = recipe.build_dataset(series, {"train": borders[0][1], **sizes}, scaler)
    return dataclasses.replace(dataset, borders=borders)


def _train_and_compare(
    registry: Registry,
    champion: Version,
    recipe: Recipe,
    options: RetrainingOptions,
    series: Series,
    sound: Series,
    new: int,
    folder: RunFolder,
    shadow_days: float,
) -> Outcome:
    """Return ``outcome``, ``why`` and, if both models were compared, ``compared``; ``sound`` is what is trained on."""
    runtime = recipe.initialize()

    from tsforecast.data.scaling import Scaler
    from tsforecast.models.estimator import Estimator
    from tsforecast.models.io import load_model

    model = load_model(champion.model)
    scaler = Scaler.from_dict(model.metadata["scaler"])
    split = RecentSplit.from_options(options, sound)
    check_split(split, options, sound, recipe.window, recipe.batch_size)
    dataset = build_recent_dataset(recipe, split, sound, scaler, use_all=isinstance(model, Estimator))
    load_models = _remember_weights(model, champion, folder)
    if not recipe.train(model, dataset, folder):
        return {"outcome": "refused", "why": "further training did not improve the validation days."}
    current, load_challenger = load_models()
    challenger, result = gate.compare_models(
        dataset, current, load_challenger, max_latency_ms=options.latency_ms
    )
    if not result.is_passed:
        return {"outcome": "refused", "why": result.rejection_reason, "compared": result.to_json()}
    version = _register(
        registry, champion, recipe, series, split, dataset, challenger, result, runtime, folder
    )
    why = f"retrained with {new:,} new rows; {result.summary}{_left_out(series, dataset.series)}"
    if shadow_days:
        return {**wait_for_shadow(version, why, shadow_days), "compared": result.to_json()}
    registry.promote(version.name, why)
    return {
        "outcome": "promoted",
        "why": f"{version.name} replaces {champion.name}: {why}.",
        "compared": result.to_json(),
    }


def _remember_weights(
    model: Model, champion: Version, folder: RunFolder
) -> Callable[[], tuple[Model, Callable[[], Model]]]:
    """Return a function that returns the untrained champion, and a function that returns the challenger.

    A network is reused for both with other weights, so that nothing is compiled again.
    """
    from tsforecast.models.forecaster import Forecaster
    from tsforecast.models.io import load_model

    before = model.get_weights() if isinstance(model, Forecaster) else None

    def load_models() -> tuple[Model, Callable[[], Model]]:
        if not isinstance(model, Forecaster):
            return load_model(champion.model), lambda: load_model(folder.best)
        model.set_weights(before)

        def load_challenger() -> Model:
            model.load_weights(folder.best)
            return model

        return model, load_challenger

    return load_models


def _register(
    registry: Registry,
    champion: Version,
    recipe: Recipe,
    series: Series,
    split: RecentSplit,
    dataset: ForecastDataset,
    model: Model,
    result: gate.GateResult,
    runtime: RuntimeInfo,
    folder: RunFolder,
) -> Version:
    from tsforecast.models.io import saved_path

    if series.panel is None:
        first = len(series) - len(dataset.series)  # the dataset contains the newest rows only
        parts: Any = tuple((first + start, first + stop) for start, stop in dataset.borders)
    else:
        parts = split.parts(series, use_all=recipe.batch_size is None)
    facts = {
        key: value
        for key, value in recipe.describe(series, parts, runtime).items()
        if key != "peak_memory_mb"
    }
    from tsforecast.evaluation.dependence import dependence_file
    from tsforecast.evaluation.monitoring_reference import monitoring_file

    comparison = result.to_json()
    run_result = RunResult(
        status="done",
        model=recipe.name,
        params=model.count_params(),
        metrics=result.challenger,
        more={"retraining": {key: comparison[key] for key in ("difference", "on_spikes", "in_words")}},
        **facts,
    )
    return registry.add(
        saved_path(folder.best),
        config=recipe.config_yaml,
        result=run_result.to_json(),
        lineage={"run": str(folder.path.resolve()), "parent": champion.name, "kind": "retraining"},
        extra={
            CALIBRATION: calibrate_intervals(model, dataset, recipe.intervals),
            **dependence_file(model, dataset),
            **monitoring_file(folder.path, model, dataset),
        },
    )


def _left_out(series: Series, used: Series) -> str:
    """Return which series were not trained on, since they are damaged or too short, in words."""
    if series.panel is None or used.panel is None or len(used.panel) == len(series.panel):
        return ""
    kept = set(used.panel.ids)
    return f"; without {join_ids([name for name in series.panel.ids if name not in kept])}"


def _read_outcome(folder: RunFolder) -> Outcome | None:
    path = folder.path / OUTCOME
    outcome: Outcome | None = json.loads(path.read_text()) if path.is_file() else None
    return outcome


def _recover_outcome(registry: Registry, champion: Version) -> Outcome:
    """Return the outcome of the run that made this champion; write it if a kill came between promotion and that."""
    folder, result = RunFolder(Path(champion.manifest["lineage"]["run"])), champion.result()
    finished = _read_outcome(folder)
    if finished is not None and finished["outcome"] != WAITING:
        return finished
    why = next((move["why"] for move in reversed(registry.moves()) if move["version"] == champion.name), "")
    parent, rows = champion.manifest["lineage"]["parent"], int(result["data"]["rows"])
    outcome = {
        "outcome": "promoted",
        "why": f"{champion.name} replaces {parent}: {why}.",
        "champion": champion.name,
        "rows": rows,
        "new_rows": rows - int(registry.version(parent).result()["data"]["rows"]),
        "seconds": None,  # not known of an interrupted run
        "folder": str(folder.path),
    }
    RunFolder.create(folder.path).write_json(OUTCOME, outcome)
    return outcome
