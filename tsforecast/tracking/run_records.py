"""What trackers get of a finished run: its figures, forecasts, report, files and model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.data.calendar_features import CALENDAR
from tsforecast.stages import seconds_by_stage, stage, stage_rows
from tsforecast.tracking.artifacts import Artifact, artifact_name, run_files
from tsforecast.tracking.forecast_plot import plot_newest
from tsforecast.tracking.forecast_tables import log_forecasts

if TYPE_CHECKING:
    from tsforecast.data.series import Series
    from tsforecast.evaluation.result import RunResult
    from tsforecast.evaluation.scores import TestScores
    from tsforecast.tracking.protocol import Tracker
    from tsforecast.tracking.run_folder import RunFolder

SCORE = "val/rmse"  # decides which version is the best: never a figure of the test split


@stage("tracker")
def report_run(
    tracker: Tracker,
    folder: RunFolder,
    result: RunResult,
    scores: TestScores,
    series: Series,
    models: Sequence[Path],
) -> None:
    """Send a finished run.

    Args:
        tracker: Receives it.
        folder: Folder of the run.
        result: Its result.
        scores: Its scores and forecasts of the test split.
        series: Its data.
        models: Files of its best model.
    """
    test, stored = scores.test, result.to_json()
    tracker.summary(result.summary())
    rows = stage_rows(seconds_by_stage())
    if rows:
        tracker.table("stages", list(rows[0]), [list(row.values()) for row in rows])
    if series.panel is None:  # else the newest windows are those of the last series alone
        plot_newest(tracker, test.ends, test.truth, test.forecast, target=series.targets[0], step=series.step)
    thresholds = {name: spikes["threshold"] for name, spikes in scores.spikes.items()}
    log_forecasts(tracker, series, test, int(stored["window"]["lead"]), thresholds)
    tracker.page("report", folder.report)
    tracker.artifact(model_artifact(stored, models, example=example_rows(series, stored["window"])))
    tracker.artifact(run_artifact(stored, folder.path))


def model_artifact(
    result: Mapping[str, Any],
    models: Sequence[Path],
    champion: str | None = None,
    example: Mapping[str, Any] | None = None,
) -> Artifact:
    """Return a model as an artifact named ``DATA-MODEL``.

    Args:
        result: Content of the run's ``result.json``.
        models: Files of the model.
        champion: Version of the registry, if this is its champion.
        example: Rows that the model can forecast from; None if they are not at hand.
    """
    metrics = result.get("metrics") or {}
    return Artifact(
        name=_name(result),
        kind="model",
        files=tuple(models),
        metadata=metrics,
        question=question(result),
        score=metrics.get(SCORE),
        champion=champion,
        example=example,
    )


def example_rows(series: Series, window: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the newest rows of a series, two more than a window has.

    Returns:
        None for a panel, and with categories, which are codes there.
    """
    if series.categories or series.panel is not None:
        return None
    values = series.values[-(int(window["lookback"]) + 2) :]
    computed = {*CALENDAR, *series.derived}  # from the time and from other columns
    columns = {name: values[:, number] for number, name in enumerate(series.features) if name not in computed}
    return {"time": series.time[-len(values) :], **columns}


def run_artifact(result: Mapping[str, Any], folder: Path) -> Artifact:
    """Return everything in a run's folder but its models as an artifact."""
    return Artifact(
        artifact_name(_name(result), "run"), "run", run_files(folder), result.get("metrics") or {}
    )


def question(result: Mapping[str, Any]) -> str:
    """Return what a run was asked: only errors of runs with the same question can be compared.

    Example:
        >>> question({"data": {"hash": "a1"}, "window": {"lead": 1, "horizon": 60}, "unit": "kW"})
        '["a1", 1, 60, "kW"]'
    """
    window, data = result.get("window") or {}, result.get("data") or {}
    return json.dumps([data.get("hash"), window.get("lead"), window.get("horizon"), result.get("unit")])


def _name(result: Mapping[str, Any]) -> str:
    data = result.get("data") or {}
    return artifact_name(str(data.get("name") or "data"), str(result.get("model") or "model"))
