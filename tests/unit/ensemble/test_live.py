"""An ensemble in service learns from single truths what its own pass over all windows finds."""

import json

import numpy as np
import pytest

from tests.helpers.ensemble_case import (
    GAP,
    METADATA,
    ONLINE,
    make_ensemble,
    make_series,
    make_windows,
)
from tests.helpers.serving_case import HORIZON, LEAD, LOOKBACK
from tsforecast.ensemble.live import LiveEnsemble
from tsforecast.ensemble.online import online_weights
from tsforecast.inference.predict import forward, predict
from tsforecast.inference.predictor import Predictor


@pytest.mark.parametrize("weighting", ["gating", "online"])
def test_in_service(weighting):
    time, columns = make_series()
    windows, model = make_windows(time, columns), make_ensemble(weighting)
    expected = predict(model, windows, in_time=True)
    assert expected["weights"].std(axis=0).max() > 0.01  # they do move
    predictor = Predictor(model, sizes=(1, 16))
    live, weights = LiveEnsemble(model, predictor.metadata), []
    for end in windows.ends:
        if not np.isnan(columns["load"][end]):
            live.observe(int(time[end].astype(int)), 0, columns["load"][end])
        answer = predictor(windows.inputs(np.array([end])))
        live.add_forecasts(time[end : end + 1], answer.members, answer.weights)
        weights.append(answer.weights[0])
    again = LiveEnsemble(model, predictor.metadata)
    again.restore(json.loads(json.dumps(live.to_dict())))
    assert again.to_dict() == live.to_dict()
    # The same until a truth is missing; windows whose last truth never comes are left out in service.
    before_gap = GAP.start - LOOKBACK
    assert np.allclose(np.array(weights)[:before_gap], expected["weights"][:before_gap], atol=1e-4)
    assert np.abs(np.array(weights) - expected["weights"]).mean() < 0.02


def test_training_and_service_update_online_weights_alike_to_the_last_digit():
    time, columns = make_series()
    rows = GAP.start  # no truth is missing up to there
    windows, model = make_windows(time, columns), make_ensemble("online")
    known = model.window_outputs(windows, forward(model, windows)).slice(0, rows - LOOKBACK + 1)
    settings = {"rates": [ONLINE["rate"]], "shares": [ONLINE["share"]], "scale": ONLINE["scale"]}
    expected = online_weights(known.errors, known.windows.ends, lead=LEAD, horizon=HORIZON, **settings)[:, 0]
    live = LiveEnsemble(model, METADATA)
    for index, end in enumerate(known.windows.ends):
        live.observe(int(time[end].astype(int)), 0, columns["load"][end])
        weights = live.state["weights"]
        np.testing.assert_array_equal(weights, expected[index])
        live.add_forecasts(time[end : end + 1], known.outputs["members"][index : index + 1], weights[None])
    assert live.learned > 40
    assert np.abs(expected - 0.5).max() > 0.05  # they do move


def test_nothing_is_learned_before_the_last_truth_is_in():
    live = LiveEnsemble(make_ensemble("gating"), METADATA)
    made_at = np.array(["2024-01-01T00:00:00"], "datetime64[s]")
    live.add_forecasts(made_at, np.zeros((1, 2, HORIZON, 1)), np.full((1, 2), 0.5))
    start = int(made_at[0].astype(int))
    live.observe(start + 60 * LEAD, 0, 2.5)
    assert live.learned == 0
    live.observe(start + 60 * (LEAD + HORIZON - 1), 0, 2.5)
    assert live.learned == 1
    assert live.state["means"][:, 0] == pytest.approx([1 - 0.5 ** (1 / 3)] * 2)


@pytest.mark.parametrize("weighting", ["gating", "online"])
def test_what_version_0_1_learned_is_resumed(weighting):
    stored = {"means": [[0.1, 0.2], [0.3, 0.4]], "weights": [0.25, 0.75], "learned": 7}
    live = LiveEnsemble(make_ensemble(weighting), METADATA)
    live.restore(stored)
    assert live.learned == 7
    assert {name: values.tolist() for name, values in live.state.items()}.items() <= stored.items()


def test_what_other_half_lives_learned_is_ignored():
    live = LiveEnsemble(make_ensemble("gating"), METADATA)
    live.restore({"means": [[0.1], [0.3]], "learned": 7})
    assert live.learned == 0
