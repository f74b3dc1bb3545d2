import numpy as np

from tsforecast.monitoring.detectors.promise import PromiseDetector

ONES = np.ones((48, 1))


def test_an_error_above_the_promise_is_noticed_and_a_hard_week_is_not():
    assert PromiseDetector(np.array([0.8]), 0.25).update(1.1 * ONES, ONES, ONES).active[-1, 0]
    assert not PromiseDetector(np.array([0.8]), 0.25).update(0.8 * 5 * ONES, 5 * ONES, ONES).active.any()


def test_without_a_promise_or_without_an_error_of_persistence_nothing_is_said():
    assert not PromiseDetector(np.array([np.nan]), 0.25).update(9 * ONES, ONES, ONES).active.any()
    assert not PromiseDetector(np.array([0.8]), 0.25).update(ONES, 0 * ONES, ONES).active.any()


def test_a_restored_detector_continues():
    first, second = (PromiseDetector(np.array([0.8]), 0.25) for _ in range(2))
    first.update(1.1 * ONES, ONES, ONES)
    second.restore(first.to_dict())
    assert second.update(0.95 * ONES[:1], ONES[:1], ONES[:1]).active[0, 0]


def test_of_one_truth_per_block_a_hundred_are_needed():
    ones = np.ones((168, 1))
    active = PromiseDetector(np.array([0.8]), 0.25, rows=1).update(1.3 * ones, ones, ones).active
    assert (active[:99].any(), active[99:].all()) == (False, True)
