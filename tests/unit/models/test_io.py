"""Saved models: atomic files, and messages for what cannot be loaded."""

import keras
import pytest

from tsforecast.errors import UserError
from tsforecast.models.io import load_model, save_model


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
