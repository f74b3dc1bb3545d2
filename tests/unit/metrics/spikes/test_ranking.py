"""Scores that rank windows, against hand-calculated cases, loops and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.metrics import spikes

NAN = math.nan


def loop_average_precision(spike, score):
    """For every distinct level from the top: precision times the recall gained, counted by hand."""
    total, recall_before = 0.0, 0.0
    for level in sorted(set(score), reverse=True):
        chosen = [hit for hit, value in zip(spike, score, strict=True) if value >= level]
        recall = sum(chosen) / sum(spike)
        total += (recall - recall_before) * sum(chosen) / len(chosen)
        recall_before = recall
    return total


def test_average_precision_by_hand():
    # Ranked: hit, miss, hit, miss. Precision 1 at recall 1/2, 2/3 at recall 1.
    found = spikes.average_precision(np.array([True, False, True, False]), np.array([0.9, 0.8, 0.7, 0.1]))
    assert found == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_matches_the_loop(seed):
    rng = np.random.default_rng(seed)
    spike = rng.random(60) < 0.3
    score = rng.integers(0, 12, 60) / 4  # many ties
    assert spikes.average_precision(spike, score) == pytest.approx(loop_average_precision(spike, score))


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_matches_scikit_learn(ties):
    reference = pytest.importorskip("sklearn.metrics").average_precision_score
    rng = np.random.default_rng(0)
    for share in (0.02, 0.3, 0.9):
        spike = rng.random(2000) < share
        score = rng.normal(size=2000) + spike
        score = np.round(score) if ties else score
        assert spikes.average_precision(spike, score) == pytest.approx(reference(spike, score), rel=1e-12)


def test_average_precision_at_its_ends():
    spike = np.array([True, False, False, True])
    assert spikes.average_precision(spike, np.array([2.0, 1, 0, 3])) == 1
    assert spikes.average_precision(spike, np.zeros(4)) == 0.5  # the share of spikes
    assert math.isnan(spikes.average_precision(np.zeros(4, bool), np.arange(4.0)))
    assert spikes.average_precision(spike, np.array([NAN, 1, 0, 3])) == pytest.approx(0.5 + 0.5 * 2 / 4)


def test_exceedance_probability_by_hand():
    quantiles = np.array([0.0, 1.0, 3.0]).reshape(1, 1, 3)
    levels = [0.1, 0.5, 0.9]

    def at(bar):
        return spikes.exceedance_probability(quantiles, levels, np.zeros(1), bar).item()

    assert at(0.0) == pytest.approx(0.9)
    assert at(0.5) == pytest.approx(0.7)
    assert at(1.0) == pytest.approx(0.5)
    assert at(2.0) == pytest.approx(0.3)
    assert at(3.0) == pytest.approx(0.1)
    assert at(6.0) == pytest.approx(0.1 * math.exp(-1))  # the tail's scale is 3 - 0
    assert at(-3.0) == pytest.approx(1 - 0.1 * math.exp(-1))


@given(
    values=st.lists(st.floats(-5, 5), min_size=3, max_size=3),
    bars=st.lists(st.floats(-20, 20), min_size=2, max_size=2),
)
@settings(max_examples=80, deadline=None)
def test_exceedance_probability_falls_as_the_threshold_rises(values, bars):
    quantiles = np.sort(values).reshape(1, 1, 3)
    low, high = (
        spikes.exceedance_probability(quantiles, [0.1, 0.5, 0.9], np.zeros(1), bar).item()
        for bar in sorted(bars)
    )
    assert 0 <= high <= low + 1e-9 <= 1 + 1e-9


def test_the_likeliest_of_several_steps_counts():
    quantiles = np.array([[[0.0, 1.0], [2.0, 3.0]]])
    one = spikes.exceedance_probability(quantiles[:, 1:], [0.1, 0.9], np.zeros(1), 2.5)
    assert spikes.exceedance_probability(quantiles, [0.1, 0.9], np.zeros(1), 2.5) == one


def test_one_quantile_gives_no_probability():
    with pytest.raises(ValueError, match="1 levels for 1 quantiles"):
        spikes.exceedance_probability(np.zeros((1, 1, 1)), [0.5], np.zeros(1), 1.0)
