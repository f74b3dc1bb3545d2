import numpy as np
import pytest

from tsforecast.monitoring.profile import Profile

HOUR, DAY = 3600, 86_400


def test_the_rhythm_of_the_day_and_of_weekends_is_taken_out():
    seconds = np.arange(0, 80 * DAY, HOUR)
    weekend = (seconds // DAY + 3) % 7 >= 5
    rng = np.random.default_rng(0)
    values = np.sin(seconds / DAY * 2 * np.pi) + 5 * weekend + rng.normal(0, 0.1, len(seconds))
    profile = Profile.fit(seconds, values[:, None])
    normalized = profile.normalize(seconds, values[:, None])
    assert profile.slots == 48
    assert abs(normalized.mean()) < 0.1
    assert normalized.std() < 1.5


@pytest.mark.parametrize(
    ("days", "step", "slots"), [(80, HOUR, 48), (12, HOUR, 24), (200, DAY, 7), (5, DAY, 1)]
)
def test_slots_are_those_that_have_enough_blocks(days, step, slots):
    seconds = np.arange(0, days * DAY, step)
    assert Profile.fit(seconds, np.arange(len(seconds), dtype=float)[:, None]).slots == slots


def test_a_constant_feature_has_a_scale():
    seconds = np.arange(0, 80 * DAY, HOUR)
    profile = Profile.fit(seconds, np.full((len(seconds), 2), [7.0, 0.0]))
    assert (profile.scale > 0).all()
    assert profile.normalize(seconds[:1], np.array([[8.0, 0.0]]))[0, 0] > 5


def test_a_feature_without_values_stays_unknown():
    seconds = np.arange(0, 80 * DAY, HOUR)
    profile = Profile.fit(seconds, np.full((len(seconds), 1), np.nan))
    assert np.isnan(profile.normalize(seconds[:2], np.ones((2, 1)))).all()
    assert np.isnan(Profile.from_dict(profile.to_dict()).scale).all()
