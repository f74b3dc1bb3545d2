"""A saved model asked through fixed batch sizes says what the model itself says, whatever its kind."""

import keras
import numpy as np
import pytest

from tests.helpers.serving_case import CHANNELS, LOOKBACK, make_metadata, make_model, make_task
from tsforecast.inference.predictor import Predictor
from tsforecast.inference.sliding import Segment
from tsforecast.models.estimator import Estimator
from tsforecast.models.forecaster import Forecaster


def windows(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, LOOKBACK, len(CHANNELS))).astype(np.float32)


class Ensemble(Forecaster):
    """A dict of outputs as an ensemble gives it: weights of two members, and the odds of a spike."""

    def __init__(self, task):
        past = task.input_tensor()
        last = past[:, -1, :1]
        weights = keras.layers.Softmax()(keras.layers.Concatenate()([last, -last]))
        members = keras.layers.Reshape((2, task.horizon, 1))(
            keras.layers.RepeatVector(2 * task.horizon)(last)
        )
        forecast = keras.layers.Reshape((task.horizon, 1))(keras.layers.RepeatVector(task.horizon)(last))
        outputs = {"forecast": forecast, "weights": weights, "members": members, "spike": 3 * forecast}
        super().__init__(task=task, past=past, forecast=outputs)


class Scripted(Estimator):
    """No network: the mean of the window's load."""

    def forecast(self, windows):
        return np.repeat(windows.inputs(windows.ends)[..., :1].mean(axis=1, keepdims=True), 2, axis=1)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_any_number_of_windows_gives_the_models_own_forecasts_in_its_unit(count):
    from tsforecast.models.lstm import LSTM

    keras.utils.set_random_seed(0)
    model = LSTM(make_task(), units=[4], dense_units=[4])
    model.describe(**make_metadata())
    past = windows(count)
    found = Predictor(model, sizes=(1, 5))(past)
    wanted = keras.ops.convert_to_numpy(model(past)) * 0.5 + 2.0
    assert np.allclose(found.values, wanted, atol=1e-5)
    assert np.array_equal(found.low, found.values)
    assert found.quantiles is None
    assert found.spike is None
    assert found.weights is None


def test_quantiles_give_the_median_and_a_band():
    model = make_model(task=make_task(quantile_levels=(0.1, 0.5, 0.9)))
    past = windows(3)
    found = Predictor(model, sizes=(4,))(past)
    raw = keras.ops.convert_to_numpy(model(past)) * 0.5 + 2.0
    assert np.allclose(found.quantiles, raw, atol=1e-5)
    assert np.allclose(found.values, raw[..., 1], atol=1e-5)
    assert np.allclose(found.low, raw[..., 0], atol=1e-5)
    assert np.allclose(found.high, raw[..., 2], atol=1e-5)


def test_weights_and_spikes_of_a_dict_come_through():
    model = Ensemble(make_task())
    model.describe(**make_metadata(members=["one", "two"]))
    past = windows(4)
    predictor = Predictor(model, sizes=(1, 3))
    found = predictor(past)
    last = past[:, -1, 0]
    assert np.allclose(found.weights[:, 0], 1 / (1 + np.exp(-2 * last)), atol=1e-6)
    assert np.allclose(found.weights.sum(axis=1), 1)
    assert np.allclose(found.spike[:, 0, 0], 1 / (1 + np.exp(-3 * last)), atol=1e-6)
    assert predictor.metadata.members == ("one", "two")


def test_a_model_that_is_no_network_is_asked_window_by_window():
    model = Scripted(make_task(), {})
    model.describe(**make_metadata())
    past = windows(7)
    found = Predictor(model, sizes=(1, 4))(past)
    assert np.allclose(found.values[:, 0, 0], past[..., 0].mean(axis=1) * 0.5 + 2.0, atol=1e-5)


def segment(count, gaps=()):
    """Rows in one piece, whose windows are those that do not end in a gap."""
    values = np.random.default_rng(1).normal(size=(count, len(CHANNELS))).astype(np.float32)
    time = np.datetime64("2024-01-01", "s") + 60 * np.arange(count)
    ends = np.setdiff1d(np.arange(LOOKBACK - 1, count), gaps)
    return Segment(time, np.arange(count), values, np.zeros((count, 1)), ends, LOOKBACK)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("gaps", [(), (30,), range(10, 60, 3)])
def test_windows_of_a_stream_are_forecast_from_their_rows(stride, gaps):
    from tsforecast.models.lstm import LSTM

    keras.utils.set_random_seed(0)
    model = LSTM(make_task(), units=[4], dense_units=[4])
    model.describe(**make_metadata())
    rows = segment(75, gaps)
    ends = rows.ends[::stride]
    sharing = Predictor(model, sizes=(32,), stride=stride)
    expected = Predictor(model, sizes=(32,))(rows.windows(ends))
    assert np.allclose(sharing.forecast_segment(rows, ends).values, expected.values, atol=1e-5)


def test_a_model_of_another_kind_forecasts_a_stream_window_by_window():
    model = Scripted(make_task(), {})
    model.describe(**make_metadata())
    rows = segment(75)
    forecasts = Predictor(model, sizes=(32,), stride=1).forecast_segment(rows, rows.ends)
    assert np.allclose(forecasts.values, Predictor(model, sizes=(32,))(rows.windows(rows.ends)).values)
