"""Sample paths keep each step's distribution and how steps go together."""

import numpy as np
import pytest
from scipy import stats

from tsforecast.inference.dependence import GRID, Dependence, quantile_function

RNG = np.random.default_rng(0)
CORRELATION = 0.8
ERRORS = RNG.multivariate_normal([0, 0], [[1, CORRELATION], [CORRELATION, 1]], size=400)[..., None]
NORMAL = stats.norm.ppf(GRID)


def learned():
    return Dependence.fit(ERRORS, np.broadcast_to(NORMAL, (400, 2, 1, len(GRID))), GRID)


def test_levels_of_truths_are_those_of_the_distribution():
    inside = np.abs(ERRORS) < 2
    np.testing.assert_allclose(learned().levels[inside], stats.norm.cdf(ERRORS)[inside], atol=2e-3)


def test_windows_with_a_missing_truth_are_left_out_and_ties_are_spread():
    truth = np.array([[[0.0], [np.nan]], [[2.0], [2.0]]])
    levels = Dependence.fit(truth, np.tile([1.0, 2.0, 2.0, 3.0], (2, 2, 1, 1)), [0.1, 0.4, 0.6, 0.9]).levels
    assert levels.shape == (1, 2, 1)
    assert ((levels >= 0.1) & (levels <= 0.9)).all()


def test_paths_have_the_margins_of_the_forecast_and_the_correlation_of_the_errors():
    quantiles = np.stack([5 + NORMAL, 2 * NORMAL])[:, None]  # two steps of one target
    paths = learned().draw(quantiles, GRID, 400, np.random.default_rng(1))
    assert paths.shape == (400, 2, 1)
    for step, law in enumerate((stats.norm(5, 1), stats.norm(0, 2))):
        assert stats.kstest(paths[:, step, 0], law.cdf).statistic < 0.01  # each stratum has one sample
    assert stats.spearmanr(*paths[..., 0].T).statistic == pytest.approx(
        stats.spearmanr(*ERRORS[..., 0].T).statistic, abs=0.01
    )


def test_more_paths_than_windows_are_drawn_again():
    few = Dependence(learned().levels[:3])
    paths = few.draw(np.stack([NORMAL, NORMAL])[:, None], GRID, 50, np.random.default_rng(0))
    assert len(np.unique(paths[:, 0, 0])) == 50


def test_a_stored_dependence_is_the_same():
    again = Dependence.from_bytes(learned().to_bytes())
    np.testing.assert_array_equal(again.levels, learned().levels)


def test_the_quantile_function_has_tails_beyond_its_levels():
    at = np.array([0.001, 0.5, 0.999])
    found = quantile_function(NORMAL, GRID, at)
    np.testing.assert_allclose(found, stats.norm.ppf(at), atol=0.15)
    rising = quantile_function(NORMAL, GRID, np.linspace(1e-6, 1 - 1e-6, 2001))
    assert (np.diff(rising) > 0).all()
