"""Proper scores against scoringrules."""

import numpy as np
import pytest
import scoringrules
from scipy import stats

from tsforecast.layers.distributions.implicit_quantile import even_levels
from tsforecast.metrics.probabilistic import (
    crps_from_quantiles,
    pinball_loss,
    pit_counts,
    pit_deviation,
    weighted_quantile_loss,
    winkler_score,
)

RNG = np.random.default_rng(0)
TRUTH = RNG.normal(size=(40, 3, 2))
MEAN, SCALE = RNG.normal(size=TRUTH.shape), np.exp(RNG.normal(size=TRUTH.shape))
DENSE = even_levels(64).tolist()


def quantiles_of(law, levels):
    return np.stack([law.ppf(level) for level in levels], axis=-1)


def test_pinball_and_crps_of_quantiles_match_scoringrules():
    levels = [0.1, 0.5, 0.8]
    values = quantiles_of(stats.norm(MEAN, SCALE), levels)
    for index, level in enumerate(levels):
        expected = scoringrules.quantile_score(TRUTH, values[..., index], level)
        np.testing.assert_allclose(pinball_loss(TRUTH, values, levels)[..., index], expected)
    expected = scoringrules.crps_quantile(TRUTH, values, np.array(levels))
    np.testing.assert_allclose(crps_from_quantiles(TRUTH, values, levels), expected)


@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (stats.norm(MEAN, SCALE), scoringrules.crps_normal(TRUTH, MEAN, SCALE)),
        (stats.t(5.0, MEAN, SCALE), scoringrules.crps_t(TRUTH, 5.0, MEAN, SCALE)),
    ],
)
def test_crps_of_many_quantiles_is_the_exact_one(law, expected):
    found = crps_from_quantiles(TRUTH, quantiles_of(law, DENSE), DENSE)
    assert found.mean() == pytest.approx(expected.mean(), rel=5e-3)


def test_crps_of_counts():
    counts = RNG.poisson(6.0, size=(500, 1, 1)).astype(float)
    law = stats.nbinom(3.0, 1 / 3)
    found = crps_from_quantiles(counts, np.broadcast_to(law.ppf(DENSE), (500, 1, 1, 64)), DENSE)
    assert found.mean() == pytest.approx(scoringrules.crps_negbinom(counts, 3.0, 1 / 3).mean(), rel=5e-3)


def test_winkler_score_matches_scoringrules_and_skips_what_is_unobserved():
    lower, upper = MEAN - SCALE, MEAN + SCALE
    expected = scoringrules.interval_score(TRUTH, lower, upper, 0.2).mean()
    assert winkler_score(TRUTH, lower, upper, 0.8) == pytest.approx(expected)
    extra = [
        np.concatenate([part, np.full((1, 3, 2), fill)])
        for part, fill in ((TRUTH, np.nan), (lower, 0), (upper, 9))
    ]
    assert winkler_score(*extra, 0.8) == pytest.approx(expected)


def test_weighted_quantile_loss_by_a_loop():
    truth = TRUTH.copy()
    truth[0] = np.nan
    values, levels = quantiles_of(stats.norm(MEAN, SCALE), [0.2, 0.5]), [0.2, 0.5]
    sums = [
        2 * np.nansum(scoringrules.quantile_score(truth, values[..., i], level))
        for i, level in enumerate(levels)
    ]
    assert weighted_quantile_loss(truth, values, levels) == pytest.approx(
        np.mean(sums) / np.nansum(np.abs(truth))
    )


def test_pit_of_the_true_distribution_is_uniform_and_of_a_sharp_one_is_not():
    truth = RNG.normal(size=(20_000, 1, 1))
    levels = [0.1, 0.5, 0.9]
    for scale, low, high in ((1.0, 0.0, 0.02), (0.3, 0.3, 1.0)):
        values = np.broadcast_to(stats.norm(0, scale).ppf(levels), (20_000, 1, 1, 3))
        counts = pit_counts(truth, values, levels)
        assert counts.sum() == pytest.approx(20_000)
        assert low <= pit_deviation(counts, levels) <= high


def test_pit_spreads_a_count_over_the_quantiles_that_equal_it():
    # The count 2 is the quantile at 0.2 and at 0.6: it lies anywhere between levels 0 and 0.9.
    counts = pit_counts(np.array([[[2.0]]]), np.array([[[[2.0, 2.0, 3.0]]]]), [0.2, 0.6, 0.9])
    np.testing.assert_allclose(counts, np.array([0.2, 0.4, 0.3, 0.0]) / 0.9)
