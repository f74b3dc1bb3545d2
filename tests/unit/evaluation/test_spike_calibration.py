"""Calibrated probabilities of spikes."""

import numpy as np
import pytest

from tsforecast.evaluation.spike_calibration import MIN_SPIKES, fit_platt


def outcomes(slope, shift, count=60_000, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-2.0, 2.0, count)
    return logits, rng.random(count) < 1 / (1 + np.exp(-(slope * logits + shift)))


@pytest.mark.parametrize(("slope", "shift"), [(1.0, 0.0), (0.4, -1.5), (3.0, 2.0)])
def test_the_fit_recovers_how_probabilities_were_distorted(slope, shift):
    fitted = fit_platt(*outcomes(slope, shift))
    assert fitted == pytest.approx((slope, shift), rel=0.06, abs=0.06)


def test_a_fitted_map_makes_the_mean_probability_the_share_of_spikes():
    logits, spike = outcomes(0.5, -1.0)
    slope, shift = fit_platt(logits, spike)
    probability = 1 / (1 + np.exp(-(slope * logits + shift)))
    assert probability.mean() == pytest.approx(spike.mean(), rel=1e-3)


def test_separated_and_extreme_logits_give_finite_values():
    logits = np.concatenate([np.full(500, -400.0), np.full(500, 400.0)])
    assert np.isfinite(fit_platt(logits, logits > 0)).all()


def test_too_few_spikes_or_a_reversed_ranking_leave_the_probabilities():
    logits, spike = outcomes(1.0, 0.0)
    few = np.zeros_like(spike)
    few[: MIN_SPIKES - 1] = True
    assert fit_platt(logits, few) == (1.0, 0.0)
    assert fit_platt(-logits, spike) == (1.0, 0.0)
