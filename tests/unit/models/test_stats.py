import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers.model_checks import LEVELS
from tsforecast.data.windows import Windows
from tsforecast.errors import UserError
from tsforecast.models.io import load_estimator
from tsforecast.models.stats import Stats
from tsforecast.models.task import Task

TASK = Task(lookback=48, channels=2, lead=2, horizon=3, target_indices=(1,), season=6)


def windows(values, ends):
    rows = np.stack([np.zeros_like(values), values], axis=1).astype("float32")
    return Windows(rows, rows[:, 1:], np.asarray(ends), 48, 2, 3, (0, len(rows)))


def wave(rows=80):
    return np.sin(2 * np.pi * np.arange(rows) / 6) + 0.01 * np.random.default_rng(0).normal(size=rows)


def test_an_unknown_method_is_refused():
    with pytest.raises(UserError, match="method=arima is not one of auto_ets, theta, mstl"):
        Stats(TASK, method="arima")


def test_it_says_how_to_install_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "statsforecast", None)
    with pytest.raises(UserError, match="EXTRAS=stats"):
        Stats(TASK).check(None)


def test_a_season_needs_two_of_them_in_the_window():
    assert Stats(TASK).season == 6
    assert Stats(replace(TASK, season=25)).season == 1
    assert Stats(TASK, season=12).season == 12


@pytest.mark.parametrize("method", ["auto_ets", "theta", "mstl"])
def test_a_wave_is_continued(method, tmp_path):
    pytest.importorskip("statsforecast")
    values = wave()
    model = Stats(replace(TASK, quantile_levels=LEVELS), method=method)
    part = windows(values, [60, 70])
    forecast = model.forecast(part)
    assert forecast.shape == (2, 3, 1, 3)
    assert (np.diff(forecast, axis=-1) >= 0).all()
    np.testing.assert_allclose(forecast[:, :, 0, 1], part.targets(part.ends)[..., 0], atol=0.15)
    model.save(tmp_path / "best.json")
    np.testing.assert_array_equal(load_estimator(tmp_path / "best.json").forecast(part), forecast)


def test_a_constant_window_stays():
    pytest.importorskip("statsforecast")
    np.testing.assert_array_equal(
        Stats(TASK).forecast(windows(np.full(80, 2.5), [60])), np.full((1, 3, 1), 2.5)
    )
