import json

import numpy as np
import pytest

from tsforecast.monitoring.anomaly import MIN_RESIDUALS, MIN_USUAL, REGROUP, AnomalyScorer, SeriesScorer


def normal(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


def test_p_values_are_uniform_while_nothing_is_wrong():
    scores = AnomalyScorer(rate=0.01).update(normal(8000), normal(8000, 9))
    known = scores.p_values[3000:]
    for level in (0.02, 0.1, 0.5, 0.9):
        assert (known <= level).mean() == pytest.approx(level, abs=0.04)


def test_the_stated_share_is_flagged_even_if_residuals_grow_forever():
    residuals = normal(30_000, 1) * np.exp(np.linspace(0, 5, 30_000))
    flags = AnomalyScorer(rate=0.02).update(residuals, np.zeros(30_000)).flags
    assert flags.mean() == pytest.approx(0.02, abs=0.006)


def test_a_residual_is_compared_with_those_of_similar_forecasts():
    forecasts = np.tile([0.0, 10.0], 3000)
    residuals = normal(6000, 2) * np.where(forecasts > 5, 10.0, 0.1)
    quiet, busy = AnomalyScorer(rate=0.01), AnomalyScorer(rate=0.01)
    quiet.update(residuals, forecasts), busy.update(residuals, forecasts)
    five = np.full(5, 3.0)
    assert quiet.update(five, np.zeros(5)).p_values[-1] < 0.001
    assert busy.update(five, np.full(5, 10.0)).p_values[-1] > 0.01


def test_few_residuals_have_no_p_value_and_missing_ones_change_nothing():
    scorer = AnomalyScorer(rate=0.01)
    scores = scorer.update(normal(500), np.zeros(500))
    assert np.isnan(scores.surprise[:MIN_RESIDUALS]).all()
    assert np.isnan(scores.p_values[: 2 * MIN_RESIDUALS]).all()
    assert np.isfinite(scores.p_values[2 * MIN_RESIDUALS :]).all()
    before = scorer.to_dict()
    scores = scorer.update(np.array([np.nan]), np.zeros(1))
    assert np.isnan(scores.p_values[0])
    assert scorer.to_dict() == before


def test_memory_is_bounded():
    scorer = AnomalyScorer(rate=0.01, memory=200)
    scorer.update(normal(3000), normal(3000, 5))
    stored = scorer.to_dict()
    assert len(stored["readings"]) == len(stored["surprises"]) == 200
    assert sum(map(len, scorer._groups)) == 200


def test_a_restored_scorer_continues():
    residuals, forecasts = normal(3 * REGROUP, 4), normal(3 * REGROUP, 6)
    first, second = AnomalyScorer(0.05, memory=1500), AnomalyScorer(0.05, memory=1500)
    first.update(residuals[:1700], forecasts[:1700])
    second.restore(json.loads(json.dumps(first.to_dict())))
    expected = first.update(residuals[1700:], forecasts[1700:])
    actual = second.update(residuals[1700:], forecasts[1700:])
    for name, values in expected._asdict().items():
        np.testing.assert_array_equal(getattr(actual, name), values, err_msg=name)


def readings(count, size, seed):
    return [np.array([value]) for value in size * normal(count, seed)]


def test_a_reading_is_compared_with_those_of_all_series_relative_to_what_is_usual_in_its_own():
    pool = AnomalyScorer(rate=0.01)
    small, large = SeriesScorer(pool, usual=0.08), SeriesScorer(pool, usual=80.0)
    for pair in zip(readings(2000, 0.1, 1), readings(2000, 100.0, 2), strict=True):
        small.update(pair[0], np.ones(1))
        large.update(pair[1], np.full(1, 1000.0))
    five = np.full(5, 3.0)
    assert large.update(five, np.full(5, 1000.0)).p_values[-1] > 0.5
    assert small.update(five, np.ones(5)).p_values[-1] < 0.001


def test_a_new_series_is_scored_after_few_readings_and_its_anomalies_do_not_become_usual():
    pool = AnomalyScorer(rate=0.01)
    known = SeriesScorer(pool, usual=1.0)
    known.update(normal(2000, 1), np.zeros(2000))
    new = SeriesScorer(pool)
    scores = new.update(50 * normal(60, 3), np.full(60, 7.0))
    assert np.isnan(scores.p_values[:MIN_USUAL]).all()
    assert np.isfinite(scores.p_values[MIN_USUAL:]).all()
    broken = new.update(np.full(30, 5000.0), np.full(30, 7.0)).p_values
    assert (broken[4:14] < 0.01).all()


def test_a_restored_series_continues():
    scores = []
    for is_restored in (False, True):
        pool = AnomalyScorer(rate=0.01)
        scorer = SeriesScorer(pool)
        scorer.update(normal(700, 4), normal(700, 5))
        if is_restored:
            stored = json.loads(json.dumps([pool.to_dict(), scorer.to_dict()], allow_nan=False))
            pool = AnomalyScorer(rate=0.01)
            scorer = SeriesScorer(pool)
            pool.restore(stored[0]), scorer.restore(stored[1])
        scores.append(scorer.update(normal(100, 6), normal(100, 7)).p_values)
    np.testing.assert_array_equal(*scores)
    assert json.dumps(SeriesScorer(AnomalyScorer(0.01)).to_dict(), allow_nan=False)


def test_the_stated_share_of_the_readings_of_all_series_is_flagged():
    pool, flags = AnomalyScorer(rate=0.02), []
    scorers = [SeriesScorer(pool) for _ in range(8)]
    sizes = 10.0 ** np.arange(8)
    for residuals in np.random.default_rng(8).normal(size=(1500, 8)):
        parts = zip(scorers, sizes, residuals, strict=True)
        flags.append(
            [scorer.update(np.array([size * value]), np.zeros(1)).flags[0] for scorer, size, value in parts]
        )
    shares = np.mean(flags, axis=0)
    assert shares.mean() == pytest.approx(0.02, abs=0.006)
    assert shares.max() < 0.04  # none of the series has most of them
