"""The table of metrics: what is read from it, and that one entry is all that a new metric takes."""

import math

import numpy as np
import pytest

from tests.helpers.metric_cases import column
from tsforecast.metrics import (
    METRICS,
    Metric,
    best_value,
    find_metric,
    mean_over_runs,
    metric_keys,
    metric_label,
)
from tsforecast.metrics.table import point_metrics


@pytest.mark.parametrize(
    ("key", "label"),
    [
        ("test/rmse", "RMSE (kW)"),
        ("val/rmse", "RMSE (kW)"),
        ("test/mse", "MSE (kW²)"),
        ("test/r2", "R²"),
        ("test/rmse_scaled", "RMSE, scaled"),
        ("test/coverage_q10", "Coverage, q10"),
        ("test/width_80", "Width, 80 (kW)"),
        ("rmse_on", "RMSE on spikes (kW)"),
        ("skill/persistence", "Skill"),
        ("peak_memory_mb", "Peak memory mb"),
    ],
)
def test_labels_with_units(key, label):
    assert metric_label(key, "kW") == label


def test_labels_without_a_unit():
    assert metric_label("test/rmse") == "RMSE"
    assert metric_label("test/mse") == "MSE"


def test_keys_that_are_not_metrics():
    for key in ("test/rmsee", "seconds", "test/coverage_of", "test/rmse_q10", "coverage_q10x"):
        assert find_metric(key) is None


def test_the_better_of_two_figures():
    assert best_value("test/mase", [1.0, 0.5]) == 0.5
    assert best_value("skill/persistence", [0.1, 0.2]) == 0.2
    assert best_value("test/coverage_q10", [0.1, 0.2]) is None
    assert best_value("seconds", [0.1, 0.2]) is None
    assert best_value("test/rmse", []) is None


def test_the_keys_of_a_run():
    keys = metric_keys()
    assert {"val/rmse", "val/loss", "test/rmse", "test/spike_f1", "skill/seasonal_naive"} <= set(keys)
    assert not {"test/coverage", "test/loss", "val/r2", "test/event_f1"} & set(keys)


def test_every_metric_is_named_once_and_labeled():
    assert all(name == metric.name and metric.label for name, metric in METRICS.items())


def test_one_entry_is_all_that_a_metric_takes(monkeypatch):
    def largest(errors):
        return float(np.max(np.abs(errors.error)))

    entry = Metric(
        name="max_error",
        label="Largest error",
        source="values",
        unit="target",
        better="lower",
        compute=largest,
    )
    monkeypatch.setitem(METRICS, "max_error", entry)
    assert point_metrics(column(1, 2), column(1, 5))["max_error"] == 3
    assert "max_error" not in point_metrics(column(1, 2), column(1, 5), source="scaled")
    assert metric_label("test/max_error", "kW") == "Largest error (kW)"
    assert "test/max_error" in metric_keys()


def test_scaled_figures_have_names_of_their_own():
    assert set(point_metrics(column(1, 2), column(1, 5), source="scaled")) == {"rmse_scaled", "mae_scaled"}


def test_a_metric_without_its_scale_is_left_out():
    assert "mase" not in point_metrics(column(1, 2), column(1, 5))


def test_mean_and_spread_over_runs():
    assert mean_over_runs([1.0, 3.0]) == (2.0, math.sqrt(2))
    assert mean_over_runs([1.0, None, math.nan]) == (1.0, None)
    assert mean_over_runs([None]) == (None, None)
