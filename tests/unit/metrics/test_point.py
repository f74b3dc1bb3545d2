"""Errors of point forecasts against hand-calculated values, loops and properties that hold for any input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.metric_cases import column, loop_mae, loop_r2, loop_rmse, observed_pairs, random_case
from tsforecast import metrics

NAN = math.nan


def test_point_metrics_by_hand():
    # Errors 1, -1, 3, (unobserved): MSE 11/3, MAE 5/3, bias 1; truth has mean 3 and squares 4 + 1 + 9.
    found = metrics.point_metrics(column(1, 2, 6, NAN), column(2, 1, 9, 50), scale=np.array([2.0]))
    assert found["mse"] == pytest.approx(11 / 3)
    assert found["rmse"] == pytest.approx(math.sqrt(11 / 3))
    assert found["mae"] == pytest.approx(5 / 3)
    assert found["bias"] == pytest.approx(1)
    assert found["r2"] == pytest.approx(1 - 11 / 14)
    assert found["mase"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("seed", range(5))
def test_point_metrics_match_loops(seed):
    truth, forecast = random_case(seed)
    scale = np.array([0.5, 2.0])
    found = metrics.point_metrics(truth, forecast, scale=scale)
    pairs = observed_pairs(truth, forecast)
    by_target = [observed_pairs(truth, forecast, lambda i, h, t, k=k: t == k) for k in range(2)]
    assert found["rmse"] == pytest.approx(loop_rmse(pairs))
    assert found["mae"] == pytest.approx(loop_mae(pairs))
    assert found["bias"] == pytest.approx(sum(f - y for y, f in pairs) / len(pairs))
    assert found["r2"] == pytest.approx(sum(map(loop_r2, by_target)) / 2)
    assert found["mase"] == pytest.approx((loop_mae(by_target[0]) / 0.5 + loop_mae(by_target[1]) / 2) / 2)


def test_nothing_observed_is_nan_without_warning():
    found = metrics.point_metrics(column(NAN, NAN), column(1, 2), scale=np.array([1.0]))
    assert set(found) == {"rmse", "mae", "mse", "bias", "r2", "mase"}
    assert all(math.isnan(value) for value in found.values())
    empty = metrics.point_metrics(np.empty((0, 2, 1)), np.empty((0, 2, 1)))
    assert all(math.isnan(value) for value in empty.values())
    assert np.isnan(metrics.errors_per_step(np.empty((0, 2, 1)), np.empty((0, 2, 1)))["rmse"]).tolist() == [
        True,
        True,
    ]


def test_a_failed_forecast_is_not_hidden():
    found = metrics.point_metrics(column(1, 2, 3), column(1, NAN, 3), scale=np.array([1.0]))
    assert all(math.isnan(value) for value in found.values())
    # ... but at an unobserved truth it does no harm.
    assert metrics.point_metrics(column(1, NAN, 3), column(1, NAN, 4))["mae"] == 0.5


def test_targets_without_a_defined_ratio_are_left_out():
    truth = np.stack([np.array([1.0, 2, 3]), np.array([5.0, 5, 5])], axis=-1)[:, None, :]
    found = metrics.point_metrics(truth, truth + 1, scale=np.array([2.0, 0.0]))
    assert found["mase"] == 0.5  # the constant second target has scale 0
    assert found["r2"] == pytest.approx(1 - 3 / 2)


def test_float32_input_is_summed_in_float64():
    truth = np.zeros((200_000, 1, 1), np.float32)
    assert metrics.point_metrics(truth, truth + np.float32(0.1))["mae"] == pytest.approx(
        float(np.float32(0.1)), rel=1e-12
    )


def test_errors_per_step_matches_loops():
    truth, forecast = random_case(5)
    truth[:, 1] = NAN
    found = metrics.errors_per_step(truth, forecast)
    for step in range(3):
        pairs = observed_pairs(truth, forecast, lambda i, h, t, s=step: h == s)
        assert found["rmse"][step] == pytest.approx(loop_rmse(pairs), nan_ok=True)
        assert found["mae"][step] == pytest.approx(loop_mae(pairs), nan_ok=True)


def test_errors_per_group_matches_loops():
    truth, forecast = random_case(6, n=20)
    group = np.random.default_rng(0).integers(0, 4, (20, 3)) * 2
    group[0, 0] = 99
    truth[0, 0] = NAN  # the only member of group 99
    found = metrics.errors_per_group(truth, forecast, group)
    assert found["group"].tolist() == [0, 2, 4, 6, 99]
    for index, name in enumerate(found["group"]):
        pairs = observed_pairs(truth, forecast, lambda i, h, t, g=name: group[i, h] == g)
        assert found["count"][index] == len(pairs)
        assert found["rmse"][index] == pytest.approx(loop_rmse(pairs), nan_ok=True)
        assert found["mae"][index] == pytest.approx(loop_mae(pairs), nan_ok=True)


def test_errors_per_group_takes_one_group_per_window():
    truth, forecast = random_case(7)
    group = np.array([0, 0, 1, 1, 1, 2, 2])
    once = metrics.errors_per_group(truth, forecast, group)
    spread = metrics.errors_per_group(truth, forecast, np.repeat(group[:, None], 3, axis=1))
    for key in once:
        np.testing.assert_array_equal(once[key], spread[key])


@given(seed=st.integers(0, 10_000), shift=st.floats(-100, 100), factor=st.floats(0.01, 100))
@settings(max_examples=40, deadline=None)
def test_errors_scale_with_the_unit(seed, shift, factor):
    truth, forecast = random_case(seed, missing=0.1)
    before = metrics.point_metrics(truth, forecast, scale=np.ones(2))
    after = metrics.point_metrics(truth * factor + shift, forecast * factor + shift, scale=np.full(2, factor))
    for key in ("rmse", "mae", "bias"):
        assert after[key] == pytest.approx(before[key] * factor, rel=1e-6, abs=1e-9)
    for key in ("r2", "mase"):
        assert after[key] == pytest.approx(before[key], rel=1e-6, abs=1e-6)
    assert before["mae"] <= before["rmse"] * (1 + 1e-12)
    assert abs(before["bias"]) <= before["mae"] * (1 + 1e-12)


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="windows, horizon, targets"):
        metrics.point_metrics(np.zeros((3, 1)), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="windows, horizon, targets"):
        metrics.errors_per_step(np.zeros((3, 1, 2)), np.zeros((3, 1, 1)))
    with pytest.raises(ValueError, match="one value per target"):
        metrics.point_metrics(column(1), column(1), scale=np.ones(2))
    with pytest.raises(ValueError, match="group has shape"):
        metrics.errors_per_group(column(1, 2), column(1, 2), np.zeros(3, int))
    with pytest.raises(ValueError, match="forecast has shape"):
        metrics.quantile_metrics(column(1), np.zeros((1, 1, 1, 2)), [0.5])
