"""What is known of past errors, against a slow reading of the definition."""

import numpy as np
import pytest

from tsforecast.ensemble.delayed_errors import count_known_windows, mean_squared_errors, recent_errors

ENDS = np.array([10, 11, 12, 15, 16, 30])


@pytest.mark.parametrize(("lead", "horizon"), [(1, 1), (3, 2), (10, 1)])
def test_a_window_is_known_once_its_last_truth_is(lead, horizon):
    found = count_known_windows(ENDS, lead, horizon)
    for place, end in enumerate(ENDS):
        assert found[place] == sum(other + lead + horizon - 1 <= end for other in ENDS)


def test_squared_errors_skip_what_was_not_observed():
    members = np.array([[[[1.0], [3.0]], [[2.0], [0.0]]]])  # one window, two members, two steps
    truth = np.array([[[1.5], [np.nan]]])
    np.testing.assert_allclose(mean_squared_errors(members, truth), [[0.25, 0.25]])
    assert np.isnan(mean_squared_errors(members, np.full_like(truth, np.nan))).all()


def slow_recent(errors, known, half_life):
    out = np.zeros((len(known), errors.shape[1]))
    for place, count in enumerate(known):
        seen = [e for e in errors[:count] if not np.isnan(e).any()]
        if not seen:
            continue
        weights = 0.5 ** (np.arange(len(seen))[::-1] / half_life)
        mean = weights @ np.array(seen) / weights.sum()
        logs = 0.5 * np.log(mean)
        out[place] = logs - logs.mean()
    return out


def test_recent_errors_are_weighted_means_of_the_known_ones():
    rng = np.random.default_rng(0)
    errors = rng.uniform(0.5, 2.0, size=(40, 3))
    errors[7] = np.nan
    known = count_known_windows(np.arange(40), 4, 1)
    found = recent_errors(errors, known, [5.0, 20.0])
    for place, half_life in enumerate((5.0, 20.0)):
        np.testing.assert_allclose(found[..., place], slow_recent(errors, known, half_life), atol=1e-5)
    assert not found[0].any()
