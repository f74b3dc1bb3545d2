import numpy as np
import pytest

from tests.helpers.series_factory import make_series
from tsforecast.evaluation.evaluate import Evaluation
from tsforecast.tracking.forecast_tables import FORECASTS, SAMPLE_WINDOWS, WORST_WINDOWS, log_forecasts
from tsforecast.tracking.null_tracker import NullTracker

LEAD, HORIZON = 2, 3


class TableTracker(NullTracker):
    def __init__(self):
        self.tables = {}

    def table(self, name, columns, rows):
        self.tables[name] = [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def series():
    return make_series(rows=500)


@pytest.fixture(scope="module")
def tables(series):
    ends = np.arange(20, 450)
    rows = ends[:, None] + LEAD + np.arange(HORIZON)
    truth = series.values[rows][:, :, [series.features.index(name) for name in series.targets]]
    forecast = truth + 1.0
    forecast[7, 1] += 99.0
    quantiles = np.stack([forecast - 2, forecast, forecast + 3], axis=-1)
    tracker = TableTracker()
    test = Evaluation({}, ends, truth, forecast, quantiles)
    log_forecasts(tracker, series, test, LEAD, {series.targets[0]: -1e9})
    return tracker.tables


def test_the_worst_windows_and_a_sample_with_times_and_band(series, tables):
    rows = tables["forecasts"]
    assert tuple(rows[0]) == FORECASTS
    per_window = HORIZON * len(series.targets)
    kinds = [row["windows"] for row in rows]
    assert kinds.count("worst") == WORST_WINDOWS * per_window
    assert kinds.count("sample") == SAMPLE_WINDOWS * per_window
    worst = next(row for row in rows if row["step"] == LEAD + 1)
    assert worst["made at"] == str(series.time[27])
    assert worst["time"] == str(series.time[27 + LEAD + 1])
    assert worst["error"] == pytest.approx(100.0)
    assert worst["low"] == pytest.approx(worst["forecast"] - 2)
    assert worst["high"] == pytest.approx(worst["forecast"] + 3)
    assert worst["spike"] is True


def test_errors_by_step_and_by_hour(tables):
    steps = {row["step"]: row for row in tables["error_by_step"]}
    assert list(steps) == [2, 3, 4]
    assert steps[2]["rmse"] == pytest.approx(1.0)
    assert steps[3]["rmse"] > steps[2]["rmse"]
    hours = tables["error_by_hour"]
    assert all(0 <= row["hour"] < 24 for row in hours)
    assert sum(row["count"] for row in hours) == sum(row["count"] for row in steps.values())
