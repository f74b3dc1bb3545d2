"""Foundation models in folders are described without their libraries, and refused where they do not fit."""

import sys

import numpy as np
import pytest

from tests.helpers.foundation_model import CHRONOS, FRACAST, LEVELS, write_model
from tsforecast import pretrained
from tsforecast.errors import UserError
from tsforecast.pretrained import find_pretrained, interpolate_levels


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: object())


@pytest.mark.parametrize(("config", "library"), [(CHRONOS, "chronos"), (FRACAST, "fracast")])
def test_its_files_say_what_it_can_forecast(config, library, tmp_path):
    model = find_pretrained(write_model(tmp_path / "m", config))
    assert (model.library, model.context, model.steps) == (library, 64, 4)
    assert model.levels == tuple(LEVELS)
    assert model.count_params() == 2 * 3 + 5
    model.check(lookback=8, steps=64, quantile_levels=(0.1, 0.5, 0.9))


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"model\.weights=.*m does not exist: give model\.weights the folder"):
        find_pretrained(tmp_path / "m")
    (tmp_path / "m").mkdir()
    with pytest.raises(UserError, match=r"has no config\.json"):
        find_pretrained(tmp_path / "m")
    with pytest.raises(UserError, match="has a Chronos2Pipeline"):
        find_pretrained(write_model(tmp_path / "m", {"chronos_pipeline_class": "Chronos2Pipeline"}))
    with pytest.raises(UserError, match="is not that of a known model"):
        find_pretrained(write_model(tmp_path / "m", {"model_type": "bert"}))
    (write_model(tmp_path / "m") / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"has no model\.safetensors"):
        find_pretrained(tmp_path / "m")


def test_a_window_that_it_cannot_forecast_is_refused(tmp_path):
    model = find_pretrained(write_model(tmp_path / "m", FRACAST))
    with pytest.raises(UserError, match=r"ends 65 steps ahead, but .* reads 64"):
        model.check(lookback=8, steps=65, quantile_levels=None)
    with pytest.raises(UserError, match=r"has 0\.95, but .* from 0\.1 to 0\.9"):
        model.check(lookback=8, steps=4, quantile_levels=(0.05 + 0.05, 0.5, 0.95))
    with pytest.raises(UserError, match=r"needs window\.lookback=8 or more, not 7"):
        model.check(lookback=7, steps=4, quantile_levels=None)


def test_it_says_how_to_install_the_library(tmp_path, monkeypatch):
    model = find_pretrained(write_model(tmp_path / "m"))
    monkeypatch.setitem(sys.modules, "chronos", None)
    with pytest.raises(UserError, match="EXTRAS=zeroshot"):
        model.load()
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    for weights in (None, tmp_path / "m"):
        with pytest.raises(UserError, match="EXTRAS=zeroshot"):
            find_pretrained(weights)


def test_quantiles_between_levels_are_interpolated_and_in_order():
    values = np.random.default_rng(0).normal(size=(4, 3, len(LEVELS)))
    result = interpolate_levels(values, LEVELS, [0.1, 0.15, 0.5, 0.9])
    ordered = np.sort(values, axis=-1)
    np.testing.assert_allclose(result[..., [0, 2, 3]], ordered[..., [0, 4, 8]])
    np.testing.assert_allclose(result[..., 1], ordered[..., :2].mean(axis=-1))
