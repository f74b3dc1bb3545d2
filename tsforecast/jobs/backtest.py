"""job=backtest: rolling origins over the test split, each forecast by a model that knows only the rows before it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.config import Config, instantiate, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.origins import Origin, rolling_origins
from tsforecast.data.series import Series
from tsforecast.evaluation.backtest import Backtest, build_origin_dataset, check_refit
from tsforecast.evaluation.backtest_result import (
    ERRORS,
    FORECASTS,
    closing_lines,
    mean_and_spread,
    read_origin,
)
from tsforecast.evaluation.provenance import Provenance, describe_provenance
from tsforecast.evaluation.result import RunResult
from tsforecast.evaluation.summary import print_data, print_model
from tsforecast.jobs import build, build_model, build_training
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.stored_data import check_resumed_data
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.reporting.backtest_report import write_backtest_report
from tsforecast.runtime import RuntimeInfo
from tsforecast.tracking.null_tracker import NullTracker
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.models.protocol import Model
    from tsforecast.tracking.protocol import Tracker


def main(config: Config, path: Path) -> float:
    """Train and score at each origin, write ``backtest.json`` and the report, and return the mean test RMSE.

    If ``config.resume`` names the folder of an interrupted backtest, it is resumed; finished origins are kept.
    """
    ensure_not_finished(config, RunFolder(path))
    series = build.load_series(config)
    whole = build.prepare_dataset(config, series, config.data["split"])
    check_resumed_data(config, RunFolder(path), whole)
    print_data(whole)
    val_rows = whole.borders[1][1] - whole.borders[1][0]
    origins = rolling_origins(whole.windows("test"), config.backtest.origins, val_rows)
    runtime = build.set_up_runtime(config)
    config = check_origins(config, series, origins, runtime)
    with open_run(config, path, whole) as (folder, tracker):
        backtest = create_backtest(config, series, origins, folder)
        for origin in backtest.pending_origins():
            build.set_up_runtime(config)  # every origin starts from the same state, whichever ran before it
            figures = backtest.run(origin)
            row = {f"origin/{name}": value for name, value in figures["metrics"].items()}
            tracker.log(row, step=origin.number)
        provenance = describe_provenance(series, whole.borders, whole.window, config.seed, runtime)
        return finish(config, backtest, tracker, provenance)


def check_origins(
    config: Config, series: Series, origins: tuple[Origin, ...], runtime: RuntimeInfo
) -> Config:
    """Return the config with a batch size that fits, after refusing what any origin would refuse."""
    refit = config.backtest.refit
    dataset = build_origin_dataset(
        series, origins, origins[0], refit, lambda *arguments: build.prepare_dataset(config, *arguments)
    )
    model = build_model.forecaster(config, dataset)
    config = build_training.fit_batch_size(config, dataset, model, runtime.device)
    print_model(model, runtime)
    check_refit(model, dataset, origins, refit, config.training.batch_size)
    return config


def create_backtest(
    config: Config, series: Series, origins: tuple[Origin, ...], folder: RunFolder
) -> Backtest:
    """Return the backtest that a config describes."""
    from tsforecast.evaluation.evaluate import validation_figures

    loss = instantiate(config.loss)

    def train(
        dataset: ForecastDataset, model: Model, folder: RunFolder, *, best: float, max_steps: int | None
    ) -> dict[str, Any]:
        changed = config
        if max_steps is not None:
            training = dataclasses.replace(config.training, max_steps=max_steps, max_epochs=None)
            changed = dataclasses.replace(config, training=training)
        progress = build_training.train(changed, dataset, model, loss, folder, NullTracker(), best=best)
        return progress.outcome()

    def validate(model: Model, dataset: ForecastDataset) -> float:
        limit = config.training.validation_windows
        return validation_figures(model, dataset, loss, limit)["val/loss"]

    return Backtest(
        series=series,
        origins=origins,
        refit=config.backtest.refit,
        warm_steps=config.backtest.warm_steps,
        folder=folder.path,
        build_dataset=lambda *arguments: build.prepare_dataset(config, *arguments),
        build_model=lambda dataset: build_model.forecaster(config, dataset),
        train=train,
        validate=validate,
        spikes=config.spike if config.report.spikes else None,
    )


def finish(config: Config, backtest: Backtest, tracker: Tracker, provenance: Provenance) -> float:
    """Write the results of all origins and their report, print mean and spread, and return the mean test RMSE."""
    folder, series = RunFolder(backtest.folder), backtest.series
    folders = [backtest.origin_folder(origin).path for origin in backtest.origins]
    origins = [read_origin(origin) for origin in folders]
    mean, spread = mean_and_spread(origins)
    result = RunResult(
        status="done",
        model=stem(config.model),
        params=origins[-1]["params"],
        users_estimate=origins[-1]["users_estimate"],
        seconds=sum(origin["seconds"] for origin in origins),  # over all interruptions
        **mean,
        **provenance,
        more={"std": spread},
    )
    WindowErrors.concatenate([WindowErrors.load(origin / ERRORS) for origin in folders]).save(
        folder.path / ERRORS
    )
    report = result.to_json() | {"refit": backtest.refit, "mean": mean, "origins": origins}
    folder.write_json("backtest.json", report)
    forecasts = [origin / FORECASTS for origin in folders]
    write_backtest_report(folder.report, series, report, forecasts, as_yaml(config))
    result.write(folder.path)
    tracker.summary(result.summary())
    tracker.page("report", folder.report)
    print("\n".join(closing_lines(mean, spread, series.unit, len(origins))))
    print(folder.path, flush=True)
    rmse: float = mean["metrics"]["test/rmse"]
    return rmse
