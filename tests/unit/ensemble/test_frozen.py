"""An estimator as a network forecasts what it does itself, alone and as a member."""

import keras
import numpy as np
import pytest

from tests.helpers.foundation_model import rising, write_model
from tsforecast import pretrained
from tsforecast.data.windows import Windows
from tsforecast.ensemble.frozen import as_network
from tsforecast.ensemble.model import Ensemble
from tsforecast.errors import UserError
from tsforecast.export.export import Original
from tsforecast.inference.predict import forecast, predict
from tsforecast.models.nlinear import NLinear
from tsforecast.models.task import Task
from tsforecast.models.zeroshot import ZeroShot

LEVELS = (0.1, 0.5, 0.9)
TASKS = [
    Task(lookback=24, channels=3, lead=2, horizon=3, target_indices=(2, 1)),
    Task(lookback=24, channels=3, lead=2, horizon=3, target_indices=(2, 1), quantile_levels=LEVELS),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: object())
    monkeypatch.setattr(pretrained, "_load_chronos", lambda folder: rising)
    return str(write_model(tmp_path / "model"))


def windows():
    rows = np.random.default_rng(0).normal(size=(80, 3)).astype("float32")
    return Windows(rows, rows[:, [2, 1]], np.arange(30, 70), 24, 2, 3, (0, len(rows)))


@pytest.mark.parametrize("task", TASKS, ids=["points", "quantiles"])
def test_forecasts_are_the_same(task, folder, tmp_path):
    model = ZeroShot(task, folder)
    model.describe(unit="kW")
    network = as_network(model)
    assert network.trainable_variables == []
    np.testing.assert_array_equal(forecast(network, windows()), model.forecast(windows()))
    network.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_array_equal(forecast(again, windows()), model.forecast(windows()))
    assert again.metadata == {"unit": "kW"}


def test_a_member_is_called_with_the_others(folder, tmp_path):
    frozen, linear = ZeroShot(TASKS[0], folder), NLinear(TASKS[0])
    ensemble = Ensemble(TASKS[0], [as_network(frozen), linear], ["zeroshot", "nlinear"], weighting="equal")
    ensemble.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    expected = (frozen.forecast(windows()) + forecast(linear, windows())) / 2
    for model in (ensemble, again):
        np.testing.assert_allclose(predict(model, windows())["forecast"], expected, rtol=1e-4, atol=1e-5)


def test_no_file_can_hold_it(folder):
    with pytest.raises(UserError, match="No file can hold zeroshot"):
        Original.from_model(as_network(ZeroShot(TASKS[0], folder)), "run", None, None)
