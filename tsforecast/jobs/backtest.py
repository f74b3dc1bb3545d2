"""job=backtest: rolling origins over the test split, each forecast by a model that knows only the rows before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.evaluation.backtest import Backtest, plan_origins
from tsforecast.evaluation.provenance import Provenance, describe_provenance
from tsforecast.evaluation.summary import print_data
from tsforecast.files import display_path
from tsforecast.jobs import build
from tsforecast.jobs.build_backtest import create_backtest, set_up_origins
from tsforecast.jobs.lifecycle import ensure_not_finished, open_run
from tsforecast.jobs.stored_data import check_resumed_data
from tsforecast.reporting.backtest_report import write_backtest_report
from tsforecast.tracking.run_folder import RunFolder

if TYPE_CHECKING:
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
    series, parts, origins = plan_origins(whole, series, config.data["split"], config.backtest.origins)
    config, runtime = set_up_origins(config, series, origins)
    with open_run(config, path, whole) as (folder, tracker):
        backtest = create_backtest(config, series, origins, folder)
        for origin in backtest.pending_origins():
            build.set_up_runtime(config)  # every origin starts from the same state, whichever ran before it
            figures = backtest.run(origin)
            row = {f"origin/{name}": value for name, value in figures["metrics"].items()}
            tracker.log(row, step=origin.number)
        provenance = describe_provenance(series, parts, whole.window, config.seed, runtime)
        return finish(config, backtest, tracker, provenance)


def finish(config: Config, backtest: Backtest, tracker: Tracker, provenance: Provenance) -> float:
    """Write the results of all origins and their report, print mean and spread, and return the mean test RMSE."""
    folder, series = RunFolder(backtest.folder), backtest.series
    summary = backtest.summarize(stem(config.model), provenance)
    summary.errors.save(folder.path / "errors.npz")
    report = summary.to_json()
    folder.write_json("backtest.json", report)
    pictures = config.report.format
    write_backtest_report(folder.report, series, report, summary.forecasts, as_yaml(config), pictures)
    summary.result.write(folder.path)
    tracker.summary(summary.result.summary())
    tracker.page("report", folder.report)
    print("\n".join(summary.closing_lines(series.unit)))
    print(display_path(folder.path), flush=True)
    rmse: float = summary.mean["metrics"]["test/rmse"]
    return rmse
