import numpy as np
import pytest

from tsforecast.metrics.bootstrap import MIN_BLOCKS, block_length, rmse_difference, rmse_interval
from tsforecast.metrics.window_errors import WindowErrors


def errors(values, first=0):
    values = np.asarray(values, float)
    truth = np.zeros((len(values), 1, 1))
    return WindowErrors.from_forecasts(np.arange(first, first + len(values)), truth, values[:, None, None])


def noise(n=4000, seed=0):
    return np.random.default_rng(seed).normal(size=n)


def test_the_figure_is_the_pooled_rmse():
    truth = np.array([[[1.0, np.nan]], [[2.0, 3.0]]] * 50)
    made = WindowErrors.from_forecasts(np.arange(100), truth, truth.copy() + np.array([1.0, 3.0]))
    expected = np.sqrt((2 * 1 + 1 * 9) / 3)  # the unobserved value is never scored
    assert rmse_interval(made, 1).value == pytest.approx(expected)


def test_the_interval_covers_the_true_rmse_about_as_often_as_it_says():
    hits = sum(
        found.low <= 1.0 <= found.high
        for found in (rmse_interval(errors(noise(1000, seed)), 1) for seed in range(100))
    )
    assert hits / 100 >= 0.88


def test_errors_that_hang_together_widen_the_interval():
    loose = rmse_interval(errors(noise()), 10)
    held = rmse_interval(errors(np.repeat(noise(80), 50)), 10)
    assert held.high - held.low > 3 * (loose.high - loose.low)


def test_pairing_finds_a_small_difference_that_the_single_intervals_hide():
    base = noise()
    reference, other = errors(base), errors(base * 1.02)
    apart = rmse_difference(other, reference, 10)
    alone = rmse_interval(other, 10), rmse_interval(reference, 10)
    assert apart.excludes_zero
    assert apart.value == pytest.approx(0.02, rel=0.1)
    assert alone[0].low < alone[1].high


def test_equal_runs_do_not_differ():
    assert not rmse_difference(errors(noise()), errors(noise()), 10).excludes_zero


def test_only_shared_windows_count():
    base = noise()
    first, shifted = errors(base), errors(np.r_[base[1000:], 100 * np.ones(500)], first=1000)
    assert rmse_difference(shifted, first, 10).value == 0.0


def test_without_enough_shared_windows_there_is_no_interval():
    assert rmse_difference(errors(noise()), errors(noise(), first=3995), 10) is None
    assert rmse_interval(errors(noise(MIN_BLOCKS * 10 - 1)), 10) is None


def test_a_block_is_never_shorter_than_the_reach():
    assert block_length(100_000, 10) == 2000
    assert block_length(200, 10) == 10
