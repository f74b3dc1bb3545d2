"""Tables of single forecasts, and of their errors by step and by hour, for trackers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tsforecast.data.series import Series
    from tsforecast.evaluation.evaluate import Evaluation
    from tsforecast.tracking.protocol import Tracker

WORST_WINDOWS = 20
SAMPLE_WINDOWS = 200
MAX_ROWS = 5_000  # of each of the two
FORECASTS = (
    "windows", "made at", "step", "time", "target", "truth", "forecast", "low", "high", "error", "spike",
)  # fmt: skip
ERRORS = ("rmse", "mae", "bias", "count")


def log_forecasts(
    tracker: Tracker, series: Series, test: Evaluation, lead: int, thresholds: Mapping[str, float]
) -> None:
    """Send the tables ``forecasts``, ``error_by_step`` and ``error_by_hour`` of a test split.

    Args:
        tracker: Receives them.
        series: Data of the run.
        test: Forecasts of its test split.
        lead: Steps from the last input to the first target.
        thresholds: Target -> rise above the last known value, in its unit, that is a spike.
    """
    if not len(test.ends):
        return
    columns = FORECASTS if series.panel is None else ("windows", "series", *FORECASTS[1:])
    tracker.table("forecasts", columns, list(forecast_rows(series, test, lead, thresholds)))
    rows = _target_rows(test, lead)
    error = test.forecast - test.truth
    steps = np.broadcast_to(np.arange(lead, lead + error.shape[1])[:, None], error.shape)
    tracker.table("error_by_step", ("step", *ERRORS), error_table(steps, error))
    clock = series.time[rows] - series.time[rows].astype("datetime64[D]")
    hours = np.broadcast_to(clock.astype("timedelta64[h]").astype(int)[:, :, None], error.shape)
    tracker.table("error_by_hour", ("hour", *ERRORS), error_table(hours, error))


def forecast_rows(
    series: Series, test: Evaluation, lead: int, thresholds: Mapping[str, float]
) -> Iterator[list[Any]]:
    """Yield the rows of the worst windows and of a regular sample, one per forecast value."""
    limit = max(1, MAX_ROWS // (test.truth.shape[1] * test.truth.shape[2]))
    squared = np.where(np.isnan(test.truth), 0.0, (test.forecast - test.truth) ** 2).mean((1, 2))
    worst = np.argsort(-squared, kind="stable")[: min(WORST_WINDOWS, limit)]
    count = min(SAMPLE_WINDOWS, limit, len(test.ends))
    sample = np.linspace(0, len(test.ends) - 1, count).astype(int)
    for kind, indices in (("worst", worst), ("sample", sample)):
        for index in indices:
            name = []
            if series.panel is not None:
                name = [series.panel.ids[int(series.series_of(test.ends[[index]])[0])]]
            for row in _window_rows(series, test, int(index), lead, thresholds):
                yield [kind, *name, *row]


def _window_rows(
    series: Series, test: Evaluation, index: int, lead: int, thresholds: Mapping[str, float]
) -> Iterator[list[Any]]:
    end, quantiles = int(test.ends[index]), test.quantiles
    for step in range(test.truth.shape[1]):
        for target, name in enumerate(series.targets):
            truth, forecast = (float(one[index, step, target]) for one in (test.truth, test.forecast))
            low, high = (
                (None, None) if quantiles is None else map(float, quantiles[index, step, target, [0, -1]])
            )
            rise = truth - float(series.values[end, series.features.index(name)])
            spike = bool(rise > thresholds[name]) if name in thresholds else None
            times = str(series.time[end]), lead + step, str(series.time[end + lead + step])
            yield [*times, name, truth, forecast, low, high, forecast - truth, spike]


def error_table(keys: np.ndarray, error: np.ndarray) -> list[list[Any]]:
    """Return one row per key with RMSE, MAE, bias and number of the errors that are not NaN.

    Args:
        keys: Integers, of the shape of ``error``.
        error: Forecast minus truth.

    Example:
        >>> error_table(np.array([3, 3, 7]), np.array([3.0, 4.0, np.nan]))
        [[3, 3.5355339059327378, 3.5, 3.5, 2]]
    """
    observed = ~np.isnan(error)
    names, groups = np.unique(keys[observed], return_inverse=True)
    values, count = error[observed].astype(float), np.bincount(groups)
    squared, absolute, total = (np.bincount(groups, one) / count for one in (values**2, abs(values), values))
    return [
        [int(name), *map(float, row), int(number)]
        for name, *row, number in zip(names, np.sqrt(squared), absolute, total, count, strict=True)
    ]


def _target_rows(test: Evaluation, lead: int) -> np.ndarray:
    """Return the rows ``[n, H]`` of the targets of all windows."""
    return test.ends[:, None] + lead + np.arange(test.truth.shape[1])
