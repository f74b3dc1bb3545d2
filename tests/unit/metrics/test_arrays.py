"""Means over observed values."""

import math

import numpy as np

from tsforecast.metrics.arrays import divide, mean_observed, ratio


def test_only_observed_values_count():
    values, observed = np.array([[1.0, 9.0], [3.0, 9.0]]), np.array([[True, False], [True, False]])
    assert mean_observed(values, observed) == 2
    assert mean_observed(values, observed, axis=0)[0] == 2
    assert math.isnan(mean_observed(values, observed, axis=0)[1])


def test_float32_is_summed_in_float64():
    values = np.full(1_000_000, 0.1, np.float32)
    assert abs(mean_observed(values, np.ones_like(values, bool)) - np.float64(np.float32(0.1))) < 1e-12


def test_division_by_nothing_is_nan_without_a_warning():
    assert np.isnan(divide([1.0], [0.0])).all()
    assert math.isnan(ratio(1, 0))
    assert ratio(1, 2) == 0.5
