"""Calendar features follow from the time alone, and those that change with the step are added."""

import numpy as np
import pytest

from tsforecast.data.calendar_features import CALENDAR, DAY_AND_WEEK, calendar, changing_features
from tsforecast.times.frequency import Frequency


def test_each_feature_is_the_sine_or_cosine_of_its_position():
    time = np.array(["2024-01-01T00:00:00", "2024-04-01T06:00:00", "1949-10-05T12:00:00"], "datetime64[s]")
    minute, weekday, month = np.array([0, 360, 720]), np.array([0, 0, 2]), np.array([0, 3, 9])
    columns = calendar(time)
    for index, (position, period) in enumerate(((minute, 1440), (weekday, 7), (month, 12))):
        angle = 2 * np.pi * position / period
        np.testing.assert_allclose(columns[:, 2 * index], np.sin(angle), atol=1e-6)
        np.testing.assert_allclose(columns[:, 2 * index + 1], np.cos(angle), atol=1e-6)
    np.testing.assert_array_equal(calendar(time, CALENDAR[3:1:-1]), columns[:, 3:1:-1])
    assert calendar(time, ()).shape == (3, 0)


@pytest.mark.parametrize(
    ("step", "names"),
    [
        ("1min", DAY_AND_WEEK),
        ("1h", DAY_AND_WEEK),
        ("1d", DAY_AND_WEEK[2:]),
        ("1bd", DAY_AND_WEEK[2:]),
        ("1w", ()),
        ("1mo", CALENDAR[4:]),
        ("1q", CALENDAR[4:]),
        ("1y", ()),
    ],
)
def test_features_that_change_from_row_to_row_are_added(step, names):
    assert changing_features(Frequency.parse(step)) == names
