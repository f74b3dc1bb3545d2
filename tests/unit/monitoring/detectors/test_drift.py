import numpy as np
import pytest

from tsforecast.monitoring.detectors.drift import ChartReference, DriftDetector, DriftOptions

HOUR, DAY = 3600, 86_400
OPTIONS = DriftOptions(per_week=0.05)


def statistics(days, seed, shift=0.0):
    seconds = np.arange(0, days * DAY, HOUR)
    noise = np.random.default_rng(seed).normal(shift, 0.5, len(seconds))
    return seconds, (np.sin(seconds / DAY * 2 * np.pi) + noise)[:, None]


@pytest.fixture(scope="module")
def reference():
    seconds, values = statistics(200, 0)
    fitted = ChartReference.fit(seconds, values, 150 * 24, HOUR, OPTIONS)
    return ChartReference.from_dict(fitted.to_dict())


def test_a_quiet_half_year_raises_few_alarms(reference):
    active = DriftDetector(reference, OPTIONS).update(*statistics(180, 1)).active[:, 0]
    assert (np.diff(active.astype(int)) == 1).sum() <= 3


@pytest.mark.parametrize(("shift", "hours"), [(0.5, 150), (-0.5, 150), (2.0, 24), (20.0, 2)])
def test_shifts_are_found_the_sooner_the_larger(reference, shift, hours):
    active = DriftDetector(reference, OPTIONS).update(*statistics(20, 2, shift)).active[:, 0]
    assert active[: hours + 1].any()


def test_a_fall_of_a_rising_statistic_is_welcome(reference):
    detector = DriftDetector(reference, OPTIONS, rising=slice(0, 1))
    assert not detector.update(*statistics(20, 2, -2.0)).active.any()
    assert detector.update(*statistics(20, 2, 2.0)).active.any()
    assert np.isfinite(detector.level).all()
