import numpy as np
import pytest

from tsforecast.monitoring.anomaly import MIN_RESIDUALS, AnomalyScorer


def test_p_values_are_uniform_while_nothing_is_wrong():
    p_values, _ = AnomalyScorer(rate=0.01).update(np.random.default_rng(0).normal(size=6000))
    known = p_values[2000:]
    for level in (0.01, 0.1, 0.5, 0.9):
        assert (known <= level).mean() == pytest.approx(level, abs=0.03)


def test_the_stated_share_is_flagged_even_if_residuals_grow_forever():
    rng = np.random.default_rng(1)
    residuals = rng.normal(size=30_000) * np.exp(np.linspace(0, 5, 30_000)) * (1 + rng.integers(0, 2, 30_000))
    _, flags = AnomalyScorer(rate=0.02).update(residuals)
    assert flags.mean() == pytest.approx(0.02, abs=0.006)


def test_the_largest_residual_has_the_smallest_p_value_and_few_residuals_have_none():
    scorer = AnomalyScorer(rate=0.01)
    p_values, _ = scorer.update(np.random.default_rng(2).normal(size=500))
    assert np.isnan(p_values[:MIN_RESIDUALS]).all()
    assert scorer.update(np.array([100.0]))[0][0] == pytest.approx(1 / 501)


def test_the_newest_residuals_count_and_missing_ones_do_not():
    scorer = AnomalyScorer(rate=0.01, memory=200)
    scorer.update(np.random.default_rng(3).normal(size=1000))
    before = scorer.to_dict()
    assert len(before["newest"]) == 200
    p_values, flags = scorer.update(np.array([np.nan]))
    assert np.isnan(p_values[0])
    assert not flags[0]
    assert scorer.to_dict() == before


def test_a_restored_scorer_continues():
    residuals = np.random.default_rng(4).normal(size=900)
    first, second = AnomalyScorer(0.05), AnomalyScorer(0.05)
    first.update(residuals[:600])
    second.restore(first.to_dict())
    np.testing.assert_array_equal(second.update(residuals[600:])[0], first.update(residuals[600:])[0])
