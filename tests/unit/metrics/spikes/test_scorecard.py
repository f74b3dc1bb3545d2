"""The scorecard and its floors, against hand-calculated cases."""

import math

import numpy as np
import pytest

from tests.helpers.spike_cases import rule, spiky_case
from tsforecast.metrics import spikes

NAN = math.nan


@pytest.mark.parametrize("seed", range(4))
def test_perfect_knowledge_reaches_the_top(seed):
    truth, origin, ends = spiky_case(seed)
    score = spikes.forecast_rise(truth, origin)
    card = spikes.scorecard(truth, truth, origin, ends, score, alarm_level=1.0, rule=rule(lead=3, min_gap=10))
    model = card["model"]
    assert model["average_precision"] == pytest.approx(1, rel=1e-12)
    assert (model["event_f1"], model["false_alarms_per_day"]) == (1, 0)
    assert model["lead_time_minutes"] >= 3
    assert (model["mae_on"], model["rmse_off"]) == (0, 0)
    assert card["random"]["event_f1"] < 0.7
    assert card["always"]["event_f1"] < 0.7


def test_floors_by_hand():
    # Ten windows, always alarmed: onsets at 0, 3, 6, 9; the one spike at 4 is hit by 3. AP is the share of spikes.
    truth = np.zeros((10, 1))
    truth[4] = 2.0
    score = np.zeros(10)
    card = spikes.scorecard(
        truth, truth, np.zeros(10), np.arange(10), score, alarm_level=0.5, rule=rule(rows_per_day=10)
    )
    always = card["always"]
    assert always["average_precision"] == pytest.approx(0.1)
    assert always["event_f1"] == pytest.approx(2 / 5)
    assert always["false_alarms_per_day"] == 3
    assert card["model"]["prevalence"] == pytest.approx(0.1)
    assert card["model"]["event_f1"] == 0  # it never alarms


def test_the_random_floor_is_near_the_share_of_spikes_and_repeats():
    truth, origin, ends = spiky_case(5, n=4000)
    score = spikes.forecast_rise(truth, origin)

    def card(seed):
        return spikes.scorecard(
            truth, truth, origin, ends, score, alarm_level=1.0, rule=rule(lead=3), seed=seed
        )

    assert card(0) == card(0)
    assert card(0)["random"] != card(1)["random"]
    assert card(0)["random"]["average_precision"] == pytest.approx(card(0)["model"]["prevalence"], abs=0.03)


def test_a_lagging_forecast_is_found_out():
    # Persistence forecasts no rise at all: its score is constant and no better than the floor.
    truth, origin, ends = spiky_case(6)
    forecast = np.repeat(origin[:, None], truth.shape[1], axis=1)
    score = spikes.forecast_rise(forecast, origin)
    card = spikes.scorecard(truth, forecast, origin, ends, score, alarm_level=0.0, rule=rule(lead=3))
    assert card["model"]["average_precision"] == pytest.approx(card["model"]["prevalence"])
    assert card["model"]["alarms"] == 0
    assert card["model"]["mae_on"] > 1 > card["model"]["mae_off"]


def test_spike_step_errors_by_hand():
    truth = np.array([[3.0], [0.5], [NAN]])
    forecast = np.array([[1.0], [0.0], [7.0]])
    found = spikes.spike_step_errors(truth, forecast, np.zeros(3), 1.0)
    assert found == {"rmse_on": 2.0, "mae_on": 2.0, "rmse_off": 0.5, "mae_off": 0.5}


def test_windows_out_of_order_are_refused():
    with pytest.raises(ValueError, match="ends must rise"):
        spikes.scorecard(
            *[np.zeros((2, 1))] * 2, np.zeros(2), np.array([1, 1]), np.zeros(2), alarm_level=0, rule=rule()
        )
