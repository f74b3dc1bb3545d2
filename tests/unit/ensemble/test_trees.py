"""A fitted LightGBM as a graph forecasts what LightGBM does."""

import keras
import numpy as np
import pytest

pytest.importorskip("lightgbm")

from tests.unit.models.test_lightgbm import STATES, TASK, fit_spikes, fit_states, fitted, with_states
from tsforecast.ensemble.trees import _round_down, from_lightgbm
from tsforecast.inference.predict import forecast, predict
from tsforecast.losses import Quantile
from tsforecast.models.task import Task

QUANTILES = Task(**{**TASK.__dict__, "quantile_levels": (0.1, 0.5, 0.9)})


@pytest.mark.parametrize(("task", "loss"), [(TASK, None), (QUANTILES, Quantile([0.1, 0.5, 0.9]))])
def test_forecasts_are_the_same(task, loss, tmp_path):
    model, windows, _ = fitted(loss=loss, task=task)
    network = from_lightgbm(model)
    assert network.trainable_variables == []
    expected = model.forecast(windows)
    np.testing.assert_allclose(forecast(network, windows), expected, atol=1e-5)
    network.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_array_equal(forecast(again, windows), forecast(network, windows))
    assert again.metadata == model.metadata


def test_the_odds_of_a_spike_are_the_same(tmp_path):
    model, windows, _ = fit_spikes()
    network = from_lightgbm(model)
    expected = model.outputs(windows)
    for name, values in predict(network, windows).items():
        np.testing.assert_allclose(values, expected[name], atol=1e-4, err_msg=name)
    network.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_array_equal(predict(again, windows)["spike"], predict(network, windows)["spike"])


def test_categories_take_the_same_branches(tmp_path):
    rows = with_states()
    rows = np.column_stack([rows, np.append(rows[1:, 1], 2)]).astype("float32")
    model, windows = fit_states(STATES, rows)
    windows.rows[640:650, 1:] = 0  # unknown
    windows.rows[650:660, 1:] = 7  # a code that only few windows have
    windows.rows[660:670, 1:] = 99
    network = from_lightgbm(model)
    np.testing.assert_allclose(forecast(network, windows), model.forecast(windows), atol=1e-5)
    network.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_array_equal(forecast(again, windows), forecast(network, windows))


def test_a_threshold_parts_float32_as_it_parts_double():
    for threshold in (0.1, -0.1, 1 / 3, 1e-20):
        rounded = _round_down(threshold)
        above = np.nextafter(np.float32(rounded), np.float32(np.inf))
        assert np.float32(rounded) == rounded
        assert rounded <= threshold < float(above)
