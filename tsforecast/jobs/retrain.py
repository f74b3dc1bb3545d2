"""job=retrain: trains the champion on with the rows that are new, and promotes the result only if it is no worse.

Every step can be killed and done again: the work lies in a folder of the registry that is named after the champion and
the number of rows, training goes on from its last checkpoint, the same model is registered once, and the champion moves
by an atomic rename or not at all.
"""

import dataclasses
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.stored import as_yaml, load
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.quality import faults
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.jobs import build, results, retrain_verdict
from tsforecast.jobs.promote import calibrated
from tsforecast.models.io import load_model, saved_path
from tsforecast.registry import Registry, Version
from tsforecast.registry.store import CALIBRATION
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

OUTCOME = "retraining.json"


def main(config: Config, path: Path) -> None:
    """One dawn, told in a few lines; the folder of the work is printed last."""
    with suppress(OSError):
        path.rmdir()  # the work lies in the registry
    registry = Registry(config.registry.path)
    outcome = dawn(config, registry)
    print(f"{outcome['outcome']}: {outcome['why']}")
    print(outcome["folder"], flush=True)


def dawn(
    config: Config, registry: Registry, change: Callable[[Series], Series] | None = None
) -> dict[str, Any]:
    """Retrains the champion once with the rows that are there.

    Args:
        config: of this command; what the champion is comes from the registry.
        registry: with a champion.
        change: of the series after it was read, for rehearsals of a bad day.

    Returns:
        ``outcome`` (``promoted``, ``refused`` or ``nothing new``), ``why`` in one sentence, ``champion`` (after it),
        ``rows``, ``new_rows``, ``seconds`` (None of a dawn that a kill cut off after the promotion), ``folder`` and,
        where both were compared, ``compared``.

    Raises:
        UserError: there is no champion, or too few rows for the three stretches.
    """
    began, champion = time.monotonic(), registry.champion()
    champion.check()
    own = champion_config(config, champion)
    series = build.loaded_series(own)
    series = series if change is None else change(series)
    known = int(champion.result()["data"]["rows"])
    folder = RunFolder(registry.path / "retraining" / f"{champion.name}_{len(series)}")
    if (folder.path / OUTCOME).is_file():
        return json.loads((folder.path / OUTCOME).read_text())
    if known == len(series) and champion.manifest["lineage"].get("kind") == "retraining":
        return _done(registry, champion)
    new = max(len(series) - known, 0)
    told = {"rows": len(series), "new_rows": new, "folder": str(folder.path)}
    if new < config.retrain.least_new_rows:
        why = f"{new:,} rows came since {champion.name} was made, and retrain.least_new_rows asks for more."
        return {"outcome": "nothing new", "why": why, "champion": champion.name, "seconds": 0.0, **told}
    RunFolder.create(folder.path)
    verdict = _verdict(config, own, registry, champion, series, known, folder)
    outcome = {**verdict, "champion": registry.champion_name(), "seconds": time.monotonic() - began, **told}
    folder.write_json(OUTCOME, outcome)
    return outcome


def _done(registry: Registry, champion: Version) -> dict[str, Any]:
    """What the dawn that made this champion wrote; written now where it was killed between the promotion and that."""
    folder, result = RunFolder(Path(champion.manifest["lineage"]["run"])), champion.result()
    if (folder.path / OUTCOME).is_file():
        return json.loads((folder.path / OUTCOME).read_text())
    why = next((move["why"] for move in reversed(registry.moves()) if move["version"] == champion.name), "")
    parent, rows = champion.manifest["lineage"]["parent"], int(result["data"]["rows"])
    outcome = {
        "outcome": "promoted",
        "why": f"{champion.name} takes the place of {parent}: {why}.",
        "champion": champion.name,
        "rows": rows,
        "new_rows": rows - int(registry.version(parent).result()["data"]["rows"]),
        "seconds": None,  # of a dawn that was interrupted nobody knows
        "folder": str(folder.path),
    }
    RunFolder.create(folder.path).write_json(OUTCOME, outcome)
    return outcome


def champion_config(config: Config, champion: Version) -> Config:
    """The champion's own config, with its source as it is now and this command's registry and device."""
    own, asked = load(champion.config, config), config.retrain
    data = own.data | {"rows": asked.rows}
    if asked.data is not None:
        if "path" not in data:
            raise UserError(
                f"retrain.data={asked.data}: {champion.name} was trained on {stem(own.data)}, which takes no file; "
                "leave it out, or set retrain.rows."
            )
        data["path"] = asked.data
    return dataclasses.replace(
        own, data=data, retrain=asked, registry=config.registry, device=config.device, resume=None, run=None
    )


def _verdict(
    config: Config,
    own: Config,
    registry: Registry,
    champion: Version,
    series: Series,
    known: int,
    folder: RunFolder,
) -> dict[str, Any]:
    """What becomes of these rows: ``outcome``, ``why`` and, where both were compared, ``compared``."""
    found = faults(series, known)
    if found:
        more = f" (and {len(found) - 1} more faults)" if len(found) > 1 else ""
        return {"outcome": "refused", "why": f"the new rows are not trusted: {found[0]}{more}."}
    facts = build.set_up_runtime(own)

    from tsforecast.data.scaling import Scaler
    from tsforecast.models.estimator import Estimator
    from tsforecast.models.forecaster import Forecaster

    model = load_model(champion.model)
    scaler, fitted = Scaler.from_dict(model.metadata["scaler"]), isinstance(model, Estimator)
    dataset = stretches(own, series, scaler, whole=fitted)
    before = model.get_weights() if isinstance(model, Forecaster) else None
    if not _train(own, dataset, model, folder):
        return {"outcome": "refused", "why": "training on gained nothing on the validation days."}
    model, challenger = (
        (load_model(champion.model), lambda: load_model(folder.best))
        if fitted
        else _weighted(model, before, folder)
    )
    challenger, compared = retrain_verdict.compare(
        dataset, model, challenger, latency_bar=config.retrain.latency_ms
    )
    if compared["why_not"] is not None:
        return {"outcome": "refused", "why": compared["why_not"], "compared": compared}
    version = registry.add(
        saved_path(folder.best),
        config=as_yaml(dataclasses.replace(own, resume=None)),
        result=_result(own, series, dataset, challenger, compared, facts),
        lineage={"run": str(folder.path.resolve()), "parent": champion.name, "kind": "retraining"},
        extra={CALIBRATION: calibrated(own, dataset, challenger)},
    )
    why = f"retrained with {len(series) - known:,} new rows; {compared['in_words']}"
    registry.promote(version.name, why)
    return {
        "outcome": "promoted",
        "why": f"{version.name} takes the place of {champion.name}: {why}.",
        "compared": compared,
    }


def stretches(config: Config, series: Series, scaler: Any, whole: bool) -> ForecastDataset:
    """The newest rows as training, validation and held-out days, under the champion's scaling.

    ``whole`` takes all rows before the validation days to train on, for a model that is fitted anew.

    Raises:
        UserError: there are too few rows for the three.
    """
    asked, rows = config.retrain, len(series)
    day = 86_400 / max(series.step, 1)
    held, val, train = (round(days * day) for days in (asked.held_out_days, asked.val_days, asked.train_days))
    cut = rows - held - val
    if cut < 1:
        raise UserError(
            f"retrain.val_days and retrain.held_out_days take {held + val:,} rows, and there are {rows:,}: lower them."
        )
    if not whole:  # of years of rows the newest weeks are looked at
        window = config.window
        series = series.newest(
            held + val + train + 2 * window.lookback + window.lead + window.horizon + series.season
        )
        rows, cut = len(series), len(series) - held - val
    split = {"train": cut, "val": val, "test": held}
    dataset = build.dataset_of(config, series, split, scaler)
    first = 0 if whole else max(cut - train, 0)
    return dataclasses.replace(dataset, borders=((first, cut), (cut, cut + val), (cut + val, rows)))


def _train(config: Config, dataset: ForecastDataset, model: Any, folder: RunFolder) -> bool:
    """Trains the model on, within the deadline; whether it became better on the validation days."""
    from tsforecast.evaluation.evaluate import validation_figures
    from tsforecast.models.estimator import Estimator

    asked, loss = config.retrain, instantiate(config.loss)
    training = dataclasses.replace(
        config.training,
        max_steps=asked.max_steps,
        max_minutes=60 * asked.max_hours,
        max_epochs=None,
        steps_per_epoch=max(asked.max_steps // 8, 1),
        patience=3,
        batch_size=32 if config.training.batch_size == "auto" else config.training.batch_size,
    )
    own = dataclasses.replace(
        config,
        training=training,
        optimizer=config.optimizer | {"learning_rate": asked.learning_rate},
        resume=str(folder.path) if folder.last.is_file() else None,
    )
    results.print_paths(model)
    before = validation_figures(model, dataset, loss, training.validation_windows)["val/loss"]
    after = build.train(own, dataset, model, loss, folder, NullTracker(), best=before).best
    return after < before if isinstance(model, Estimator) else folder.best.is_file()


def _weighted(model: Any, before: Any, folder: RunFolder) -> tuple[Any, Callable[[], Any]]:
    """The champion, and what makes the challenger of it: the same network, so that nothing is compiled again."""

    def challenger() -> Any:
        model.load_weights(folder.best)
        return model

    model.set_weights(before)
    return model, challenger


def _result(
    config: Config,
    series: Series,
    dataset: ForecastDataset,
    model: Any,
    compared: dict[str, Any],
    facts: RuntimeInfo,
) -> dict[str, Any]:
    """What the version's ``result.json`` holds: the figures on the held-out days."""
    first = len(series) - len(dataset.series)  # the data set holds the newest rows only
    parts = tuple((first + start, first + stop) for start, stop in dataset.borders)
    return {
        "status": "done",
        "model": stem(config.model),
        "params": model.count_params(),
        "metrics": compared["challenger"],
        **{
            key: value
            for key, value in results.provenance(config, series, facts, parts).items()
            if key != "peak_memory_mb"
        },
        "retraining": {key: compared[key] for key in ("difference", "on_spikes", "in_words")},
    }
