"""What the tracker gets of a finished run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tsforecast.evaluation.result import RunResult
from tsforecast.models.io import saved_path
from tsforecast.stages import seconds_by_stage, stage, stage_rows
from tsforecast.tracking.forecast_plot import plot_newest

if TYPE_CHECKING:
    from tsforecast.data.series import Series
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.tracking.protocol import Tracker
    from tsforecast.tracking.run_folder import RunFolder


@stage("tracker")
def track_result(
    tracker: Tracker, folder: RunFolder, series: Series, result: RunResult, test: Evaluation
) -> None:
    """Give a tracker the figures, stages, newest forecasts, report and model of a run.

    Args:
        tracker: The tracker.
        folder: Folder of the run, with its report and best model.
        series: Data of the run.
        result: The run's result.
        test: Forecasts of the test split.
    """
    tracker.summary(result.summary())
    rows = stage_rows(seconds_by_stage())
    if rows:
        tracker.table("stages", list(rows[0]), [list(row.values()) for row in rows])
    plot_newest(tracker, test.ends, test.truth, test.forecast, target=series.targets[0], step=series.step)
    tracker.page("report", folder.report)
    tracker.artifact(saved_path(folder.best), name=folder.path.name, kind="model", metadata=result.metrics)
