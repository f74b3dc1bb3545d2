"""Saved models: atomic files, and messages for what cannot be loaded."""

import keras
import numpy as np
import pytest

from tsforecast.errors import UserError
from tsforecast.models.gru import GRU
from tsforecast.models.io import load_model, save_model
from tsforecast.models.task import Task


def test_a_model_is_saved_whole_or_not_at_all(tmp_path, monkeypatch):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    path = tmp_path / "best.keras"
    save_model(model, path)
    whole = path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["best.keras"]

    def torn(target, *arguments, **options):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(model, "save", torn)
    with pytest.raises(UserError, match="disk full"):
        save_model(model, path)
    assert path.read_bytes() == whole
    assert [file.name for file in tmp_path.iterdir()] == ["best.keras"]


def test_a_run_without_a_model_is_reported(tmp_path):
    with pytest.raises(UserError, match=r"contains no best.keras: the run has not reached"):
        load_model(tmp_path / "best.keras")


def test_best_weights_are_restored_into_the_trained_network_and_give_the_same_forecasts(tmp_path):
    task = Task(lookback=6, channels=2, lead=1, horizon=2, target_indices=(0,))
    trained = GRU(task, units=(3,))
    past = np.random.default_rng(0).normal(size=(4, 6, 2)).astype("float32")
    save_model(trained, tmp_path / "best.keras")
    best = trained.predict_on_batch(past)
    trained.set_weights([weight + 0.5 for weight in trained.get_weights()])
    restored = load_model(tmp_path / "best.keras", like=trained)
    assert restored is trained
    assert np.array_equal(restored.predict_on_batch(past), best)
    assert np.array_equal(load_model(tmp_path / "best.keras").predict_on_batch(past), best)
