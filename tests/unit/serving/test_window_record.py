"""Forecasts of single windows, in memory and as bytes."""

import numpy as np

from tsforecast.serving.window_record import WindowRecord


def test_a_record_comes_back_from_its_bytes():
    arrays = {name: np.array([[1.5], [2.5]]) for name in ("values", "low", "high")}
    arrays |= {"lower": np.full((2, 1), np.nan), "upper": np.array([[3.0], [4.0]])}
    arrays |= {"times": np.array([60, 120]), "alarm": np.array([[True], [False]]), "last": np.array([1.0])}
    arrays["weights"] = np.array([0.25, 0.75], np.float32)
    record = WindowRecord("v0001", 0, arrays, ("a", "b"), 7)
    content = record.to_bytes()
    again = WindowRecord.from_bytes("v0001", 0, content, 7)
    assert list(again.points()) == list(record.points())
    assert again.weights == {"a": 0.25, "b": 0.75}
    point = next(again.points())
    assert (point.time, point.low, point.lower, point.upper, point.alarm, point.window) == (
        60, 1.5, None, 3.0, True, 7,
    )  # fmt: skip


def test_values_that_are_no_numbers_are_left_out():
    nothing = np.full((1, 1), np.nan)
    arrays = dict.fromkeys(("values", "low", "high", "lower", "upper"), nothing)
    arrays |= {"times": np.array([60]), "alarm": np.zeros((1, 1), bool), "last": np.zeros(1)}
    assert list(WindowRecord("v0001", 0, arrays).points()) == []
