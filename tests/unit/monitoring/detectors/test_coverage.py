import numpy as np
import pytest

from tsforecast.monitoring.detectors.coverage import CoverageDetector

ONES = np.ones((24, 1))


@pytest.mark.parametrize(("share", "expected"), [(0.9, False), (0.85, False), (0.78, True), (1.0, False)])
def test_coverage_that_is_off_by_more_than_the_tolerance(share, expected):
    active = CoverageDetector(1, 0.9, 0.11).update(np.full((24, 1), share), ONES).active
    assert active[-1, 0] == expected
    assert not active[:11].any()  # half a day


def test_the_condition_ends_at_half_of_the_tolerance():
    detector = CoverageDetector(1, 0.9, 0.1)
    assert detector.update(np.full((24, 1), 0.7), ONES).active[-1, 0]
    assert detector.update(np.full((24, 1), 0.84), ONES).active[-1, 0]
    assert not detector.update(np.full((24, 1), 0.88), ONES).active[-1, 0]


def test_without_truths_nothing_is_said():
    assert not CoverageDetector(1, 0.9, 0.1).update(np.full((24, 1), np.nan), 0 * ONES).active.any()


def test_a_share_of_few_truths_that_is_off_by_chance_is_no_condition():
    rng = np.random.default_rng(0)
    inside = (rng.uniform(size=(24 * 7 * 50, 1)) < 0.9).astype(float)
    ones = np.ones_like(inside)

    def count(**options):
        active = CoverageDetector(1, 0.9, 0.1, **options).update(inside, ones).active[:, 0]
        return int((np.diff(active.astype(int)) == 1).sum())

    assert count() > 25  # in fifty weeks
    assert count(chance=0.25 / 7) <= 15
    assert count(chance=0.00025 / 7) == 0
    half = CoverageDetector(1, 0.9, 0.1, chance=0.00025 / 7).update(0.5 * ONES, ONES)
    assert half.active[-1, 0]


def test_of_many_truths_the_tolerance_decides():
    options = {"rows": 60, "chance": 0.25 / 7}
    assert CoverageDetector(1, 0.9, 0.1, **options).update(np.full((24, 1), 0.79), ONES).active[-1, 0]
    assert not CoverageDetector(1, 0.9, 0.1, **options).update(np.full((24, 1), 0.81), ONES).active[-1, 0]
