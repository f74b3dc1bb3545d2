"""Errors of each window: saved, joined and selected."""

import math

import numpy as np

from tsforecast.metrics.window_errors import WindowErrors

NAN = math.nan


def test_errors_survive_the_disk(tmp_path):
    made = WindowErrors.from_forecasts(
        np.array([3, 4, 9]), np.zeros((3, 2, 1)), np.random.default_rng(0).normal(size=(3, 2, 1))
    )
    made.save(tmp_path / "errors.npz")
    again = WindowErrors.load(tmp_path / "errors.npz")
    for name in ("ends", "squared", "absolute", "count"):
        np.testing.assert_array_equal(getattr(again, name), getattr(made, name))
    assert [path.name for path in tmp_path.iterdir()] == ["errors.npz"]


def test_parts_join_and_windows_are_selected():
    truth, forecast = np.zeros((4, 1, 1)), np.arange(4.0).reshape(4, 1, 1)
    whole = WindowErrors.from_forecasts(np.arange(4), truth, forecast)
    parts = [
        WindowErrors.from_forecasts(np.arange(i, i + 2), truth[i : i + 2], forecast[i : i + 2])
        for i in (0, 2)
    ]
    np.testing.assert_array_equal(WindowErrors.concatenate(parts).squared, whole.squared)
    assert whole.select(np.array([1, 3])).absolute.tolist() == [1, 3]
