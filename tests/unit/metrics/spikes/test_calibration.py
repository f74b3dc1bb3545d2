"""Calibration of spike probabilities."""

import numpy as np
import pytest
import scoringrules

from tsforecast.metrics.spikes.calibration import (
    brier_score,
    expected_calibration_error,
    reliability_curve,
)

RNG = np.random.default_rng(0)
PROBABILITY = RNG.beta(0.5, 5.0, size=20_000)
SPIKE = RNG.random(20_000) < PROBABILITY


def test_brier_score_matches_scoringrules():
    expected = scoringrules.brier_score(SPIKE.astype(float), PROBABILITY).mean()
    assert brier_score(SPIKE, PROBABILITY) == pytest.approx(expected)


def test_true_probabilities_are_calibrated_and_doubled_ones_are_not():
    assert expected_calibration_error(reliability_curve(SPIKE, PROBABILITY)) < 0.01
    doubled = np.minimum(2 * PROBABILITY, 1)
    assert expected_calibration_error(reliability_curve(SPIKE, doubled)) > 0.05


def test_bins_hold_equal_numbers_and_ties_stay_together():
    curve = reliability_curve(SPIKE, PROBABILITY, bins=8)
    assert curve["count"] == [2500] * 8
    assert sum(curve["count"]) == len(SPIKE)
    tied = reliability_curve(np.array([True, False, False]), np.array([0.2, 0.2, 0.2]))
    assert tied == {"probability": [pytest.approx(0.2)], "share": [pytest.approx(1 / 3)], "count": [3]}
    assert reliability_curve(np.array([], bool), np.array([]))["count"] == []
