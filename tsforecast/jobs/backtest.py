"""job=backtest: rolling origins over the test split, each forecast by a model that knows only what came before."""

import dataclasses
import itertools
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.config import Config, instantiate, stem
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.origins import Origin, at_origin, rolling_origins
from tsforecast.data.series import Series
from tsforecast.errors import UserError
from tsforecast.evaluation.backtest import (
    ERRORS,
    FIGURES,
    FORECASTS,
    closing_lines,
    mean_and_spread,
    origin_line,
    read_origin,
    save_forecasts,
)
from tsforecast.jobs import backtest_report, build, results
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.stored_data import check_resumed_data
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.models.io import load_model, save_model
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.protocol import Tracker
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> float:
    """Trains and scores at each origin, writes ``backtest.json`` and the report; returns the mean test RMSE.

    An interrupted backtest is gone on with when ``config.resume`` names its folder; finished origins are kept.
    """
    ensure_not_finished(config, RunFolder(path))
    series = build.loaded_series(config)
    whole = build.dataset_of(config, series, config.data["split"])
    check_resumed_data(config, RunFolder(path), whole)
    results.print_notes(whole)
    val_rows = whole.borders[1][1] - whole.borders[1][0]
    origins = rolling_origins(whole.windows("test"), config.backtest.origins, val_rows)
    facts = build.set_up_runtime(config)
    config = _refusing_early(config, series, origins, facts)
    with open_run(config, path, whole) as (folder, tracked):
        for origin in origins:
            if not (place(folder, origin).path / FIGURES).is_file():
                found = _run(config, series, origin, origins, folder)
                tracked.log(
                    {f"origin/{name}": value for name, value in found["metrics"].items()}, step=origin.number
                )
        result = {
            "status": "done",
            "model": stem(config.model),
            **results.provenance(config, series, facts, whole.borders),
        }
        return _finish(config, series, folder, tracked, result, origins)


def place(folder: RunFolder, origin: Origin) -> RunFolder:
    """The folder of one origin inside the backtest's."""
    return RunFolder(folder.path / "origins" / f"{origin.number:03}")


def _refusing_early(
    config: Config, series: Series, origins: tuple[Origin, ...], facts: RuntimeInfo
) -> Config:
    """The config with a batch that fits; refuses here what a later origin would refuse.

    Raises:
        UserError: the model cannot be trained so, or an origin has too few windows to train on.
    """
    from tsforecast.data.batches import steps_per_epoch
    from tsforecast.models.estimator import Estimator

    dataset = _prepared(config, series, origins[0], origins)
    model = build.forecaster(config, dataset)
    config = build.fit_batch_size(config, dataset, model, facts.device)
    results.print_model(model, facts)
    fitted = isinstance(model, Estimator)
    if fitted and config.backtest.refit == "warm":
        raise UserError(
            f"backtest.refit=warm goes on from a model's weights, and {model.name} is fitted in one go:"
            " use backtest.refit=full or none."
        )
    if not fitted and model.trainable_variables:
        steps_per_epoch(dataset.windows("train"), config.training.batch_size)
        if config.backtest.refit == "warm":
            _refuse_few_new_windows(config, dataset, origins)
    return config


def _refuse_few_new_windows(config: Config, dataset: ForecastDataset, origins: tuple[Origin, ...]) -> None:
    for before, origin in itertools.pairwise(origins):
        rows = _rows_to_train(config, origin, before)
        new, batch = len(at_origin(dataset, origin, rows).windows("train")), config.training.batch_size
        if new < batch:
            raise UserError(
                f"backtest.refit=warm has {new} new windows to train on at origin {origin.number}, and"
                f" training.batch_size is {batch}: give fewer backtest.origins, or a batch of at most {new}."
            )


def _rows_to_train(config: Config, origin: Origin, before: Origin) -> tuple[int, int]:
    """The rows of warm training: those that came since the origin before."""
    return origin.since(before, config.window.lookback + config.window.lead - 1)


def _prepared(config: Config, series: Series, origin: Origin, origins: tuple[Origin, ...]) -> ForecastDataset:
    """The data up to the end of an origin's block, scaled by the training rows of the weights' first training.

    Weights that go on, or are kept, need the scaling they began with; a model trained anew gets its own.
    """
    known, rows = origin.split(series)
    if config.backtest.refit != "full":
        first = origins[0].split(series)[1]
        rows = {**first, "test": len(known) - first["train"] - first["val"]}
    return at_origin(build.dataset_of(config, known, rows), origin)


def _run(
    config: Config, series: Series, origin: Origin, origins: tuple[Origin, ...], folder: RunFolder
) -> dict[str, Any]:
    """Trains for one origin where it is due, scores its block, and leaves the figures in its folder."""
    from tsforecast.evaluation.scores import score_model

    began = time.monotonic()
    at = RunFolder.create(place(folder, origin).path)
    build.set_up_runtime(config)  # every origin starts alike, whether or not others ran before it
    dataset = _prepared(config, series, origin, origins)
    since = np.datetime_as_string(series.time[origin.row], "s")
    print(
        f"Origin {origin.number} of {len(origins)}: known until {since}, {origin.windows:,} forecasts",
        flush=True,
    )
    training = _learn(config, dataset, origin, origins, folder)
    keeper = origins[0] if training["how"] == "kept" else origin
    model = load_model(place(folder, keeper).best)
    scores = score_model(model, dataset, config.spike if config.report.spikes else None)
    evaluation = scores.test
    WindowErrors.from_forecasts(evaluation.ends, evaluation.truth, evaluation.forecast).save(at.path / ERRORS)
    save_forecasts(at.path / FORECASTS, scores)
    at.write_json(
        FIGURES,
        {
            "origin": origin.number,
            "known_until": since,
            "rows": {"train": list(origin.train), "val": list(origin.val), "test": list(origin.test)},
            "windows": origin.windows,
            "params": model.count_params(),
            "users_estimate": model.nominal_params,
            **scores.to_fields(),
            "training": training,
            "seconds": time.monotonic() - began,
        },
    )
    at.last.unlink(missing_ok=True)  # only of use inside this origin's training
    figures = read_origin(at.path)
    print(origin_line(figures, series.unit), flush=True)
    return figures


def _learn(
    config: Config, dataset: ForecastDataset, origin: Origin, origins: tuple[Origin, ...], folder: RunFolder
) -> dict[str, Any]:
    """Trains the origin's model into its folder, unless the first one's is kept; says how and for how long."""
    refit, at, loss = config.backtest.refit, place(folder, origin), instantiate(config.loss)
    if refit == "none" and origin.number > 1:
        return {"how": "kept"}
    if refit == "warm" and origin.number > 1:
        how, before = "warm", origins[origin.number - 2]
        model = load_model(place(folder, before).best)
        best = _best_so_far(config, dataset, model, loss, at)
        dataset = at_origin(dataset, origin, _rows_to_train(config, origin, before))
        config = _for_warm(config)
    else:
        how, best, model = "anew", math.inf, build.forecaster(config, dataset)
    progress = build.train(config, dataset, model, loss, at, NullTracker(), best=best)
    return {
        "how": how,
        "ended": progress.ended,
        "best_step": progress.best_step,
        "training_seconds": progress.elapsed(),
    }


def _best_so_far(config: Config, dataset: ForecastDataset, model: Any, loss: Any, at: RunFolder) -> float:
    """The validation loss of the weights that warm training starts from: they stay where it finds none better."""
    from tsforecast.evaluation.evaluate import validation_figures

    if not at.last.is_file():  # else training has begun, and its state knows the best
        save_model(model, at.best)
    return validation_figures(model, dataset, loss, config.training.validation_windows)["val/loss"]


def _for_warm(config: Config) -> Config:
    training = dataclasses.replace(config.training, max_steps=config.backtest.warm_steps, max_epochs=None)
    return dataclasses.replace(config, training=training)


def _finish(
    config: Config,
    series: Series,
    folder: RunFolder,
    tracked: Tracker,
    result: dict[str, Any],
    origins: tuple[Origin, ...],
) -> float:
    """Brings the origins together: ``backtest.json``, ``result.json``, ``errors.npz``, the page, the printed lines."""
    places = [place(folder, origin) for origin in origins]
    found = [read_origin(at.path) for at in places]
    mean, std = mean_and_spread(found)
    result |= {name: found[-1][name] for name in ("params", "users_estimate")} | mean
    result["seconds"] = sum(one["seconds"] for one in found)  # of all sittings
    WindowErrors.concatenate([WindowErrors.load(at.path / ERRORS) for at in places]).save(
        folder.path / ERRORS
    )
    shown = {"refit": config.backtest.refit, "mean": mean, "std": std, "origins": found}
    folder.write_json("backtest.json", {**result, **shown})
    backtest_report.write_page(
        config, series, folder.report, {**result, **shown}, [at.path / FORECASTS for at in places]
    )
    folder.write_json("result.json", {**result, "std": std})
    tracked.summary(
        {key: result[key] for key in ("status", "params", "seconds", "metrics", "baselines", "skill")}
    )
    tracked.page("report", folder.report)
    print("\n".join(closing_lines(mean, std, series.unit, len(found))))
    print(folder.path, flush=True)
    return mean["metrics"]["test/rmse"]
