"""Weights that follow the truths: what they may know, how they move, and their bound."""

import numpy as np
import pytest

from tsforecast.ensemble.delayed_errors import count_known_windows
from tsforecast.ensemble.online import choose_settings, online_weights

LEAD = 5


def errors(rows=600, members=3, seed=0, late_failure=None):
    """Signed errors; member 0 is the best, until it fails from a window on."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(rows, members, 1)) * np.array([0.5, 1.0, 1.5])[:members, None]
    if late_failure is not None:
        found[late_failure:, 0] += 4.0
    return found


def weights(signed, rate=0.3, share=0.01, scale=4.0):
    ends = np.arange(100, 100 + len(signed))
    return online_weights(signed, ends, lead=LEAD, horizon=1, rates=[rate], shares=[share], scale=scale)[:, 0]


def test_weights_are_on_the_simplex():
    found = weights(errors())
    assert found.min() >= 0
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("row", [0, 50, 300])
def test_a_truth_moves_no_weight_before_it_is_known(row):
    signed = errors()
    before = weights(signed)
    changed = signed.copy()
    changed[row:] += 3.0  # truths of this window and all later ones
    after = weights(changed)
    first = row + LEAD  # the first window that may know of it
    np.testing.assert_array_equal(after[:first], before[:first])
    assert np.abs(after[first:] - before[first:]).max() > 1e-3


def test_weights_leave_a_member_that_fails():
    found = weights(errors(late_failure=300))
    assert found[299, 0] > 0.5
    assert found[-1, 0] < 0.1


def test_a_member_that_failed_can_come_back():
    signed = errors(rows=1500)
    signed[300:600, 0] += 4.0
    found = weights(signed)
    assert found[600, 0] < 0.1
    assert found[-1, 0] > 0.5


def test_an_unobserved_truth_moves_nothing():
    signed = errors()
    signed[100:] = np.nan
    found = weights(signed, share=0.0)
    np.testing.assert_array_equal(found[100 + LEAD :], np.broadcast_to(found[100 + LEAD], (495, 3)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rate", [0.01, 0.05])
def test_regret_stays_under_its_bound(seed, rate):
    """Against the best fixed mixture, on errors whose order turns over again and again."""
    rng = np.random.default_rng(seed)
    signed = rng.uniform(-0.5, 0.5, size=(800, 2, 1))
    signed[:, 0] += np.where(np.arange(800) % 100 < 50, 0.45, -0.45)[:, None]
    scale = 2.0  # so that no loss is clipped: 2 * error * error / scale is at most 1
    found = weights(signed, rate=rate, share=0.0, scale=scale)
    ours = np.sum(np.einsum("nm,nmj->nj", found, signed) ** 2)
    mixtures = np.linspace(0, 1, 101)
    best = min(np.sum((a * signed[:, 0] + (1 - a) * signed[:, 1]) ** 2) for a in mixtures)
    bound = np.log(2) / rate + rate * len(signed) * (0.5 + 2 * LEAD)
    assert (ours - best) / scale <= bound
    assert len(signed) > count_known_windows(np.arange(len(signed)), LEAD, 1)[-1]


def test_settings_are_those_with_the_least_error():
    signed = errors(rows=300)
    ends = np.arange(300)
    reach = {"lead": LEAD, "horizon": 1, "scale": 4.0}
    rate, share = choose_settings(signed, ends, **reach)

    def score(rate, share):
        found = online_weights(signed, ends, rates=[rate], shares=[share], **reach)[:, 0]
        return np.mean(np.einsum("nm,nmj->nj", found, signed) ** 2)

    assert score(rate, share) <= min(score(0.01, 0.0), score(1.0, 1e-2), score(0.1, 1e-4))
