"""Naive forecasts against hand-calculated values, plain-loop oracles and properties that hold for any input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast import metrics

NAN = math.nan


def test_seasonal_scale_by_hand_and_loop():
    # Season 2: |3-1|, |5-2|, (unobserved), |9-5| -> mean of 2, 3, 4.
    values = np.array([[1.0], [2], [3], [5], [NAN], [9]])
    assert metrics.seasonal_scale(values, 2).tolist() == [3.0]
    rng = np.random.default_rng(1)
    values = rng.normal(size=(50, 2))
    values[rng.random(values.shape) < 0.2] = NAN
    for season in (1, 7):
        for target in range(2):
            steps = [abs(values[i, target] - values[i - season, target]) for i in range(season, 50)]
            steps = [step for step in steps if not math.isnan(step)]
            assert metrics.seasonal_scale(values, season)[target] == pytest.approx(sum(steps) / len(steps))


def test_seasonal_scale_without_a_pair_is_nan():
    assert np.isnan(metrics.seasonal_scale(np.ones((5, 2)), 5)).all()
    with pytest.raises(ValueError, match="season is 0"):
        metrics.seasonal_scale(np.ones((5, 2)), 0)


def test_mase_of_the_seasonal_naive_forecast_on_training_rows_is_one():
    values = np.random.default_rng(0).normal(size=(40, 2))
    ends = np.arange(6, 39)
    forecast = metrics.seasonal_naive_forecast(values, ends, lead=1, horizon=1, season=7)
    truth = values[ends + 1][:, None, :]
    scale = metrics.seasonal_scale(values, 7)
    assert metrics.point_metrics(truth, forecast, scale=scale)["mase"] == pytest.approx(1)


def test_skill():
    assert metrics.skill(0.6, 0.8) == pytest.approx(0.25)
    assert metrics.skill(1.6, 0.8) == -1
    assert math.isnan(metrics.skill(0.1, 0.0))
    assert math.isnan(metrics.skill(NAN, 0.8))


def test_persistence_repeats_the_last_input():
    filled = np.arange(20.0).reshape(10, 2)
    found = metrics.persistence_forecast(filled, np.array([3, 5]), horizon=3)
    assert found.shape == (2, 3, 2)
    assert found[:, :, 0].tolist() == [[6, 6, 6], [10, 10, 10]]


def test_seasonal_naive_reads_the_latest_known_season():
    filled = np.arange(40.0)[:, None]
    # Season 5, last input 20, lead 3, horizon 5: targets 23..27; 23..25 go back one season, 26 and 27 two.
    found = metrics.seasonal_naive_forecast(filled, np.array([20]), lead=3, horizon=5, season=5)
    assert found[0, :, 0].tolist() == [18, 19, 20, 16, 17]
    # Row 1 + 1 - 5 does not exist yet: the last input stands in.
    assert metrics.seasonal_naive_forecast(filled, np.array([1]), lead=1, horizon=1, season=5).item() == 1


@given(end=st.integers(0, 60), lead=st.integers(1, 30), horizon=st.integers(1, 20), season=st.integers(1, 25))
@settings(max_examples=60, deadline=None)
def test_seasonal_naive_never_reads_past_the_last_input(end, lead, horizon, season):
    filled = np.arange(200.0)[:, None]
    rows = metrics.seasonal_naive_forecast(filled, np.array([end]), lead, horizon, season)[0, :, 0]
    for step, row in enumerate(rows):
        candidates = [r for r in range(end + lead + step, -1, -season) if r <= end]
        assert row == (candidates[0] if candidates else end)
