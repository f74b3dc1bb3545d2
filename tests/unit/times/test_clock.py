"""Times of a grid are read and shown by its clock."""

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.errors import UserError
from tsforecast.times.clock import Clock

NIGHT = np.array(["2024-10-27T00:30", "2024-10-27T01:30", "2024-01-01T12:00"], "datetime64[s]")
HOURLY, DAILY = Clock("Europe/Paris", is_utc=True), Clock("Europe/Paris")


def test_without_a_zone_times_are_shown_as_they_are():
    assert Clock().format(NIGHT[:1]) == ["2024-10-27T00:30:00"]
    assert Clock(is_utc=True).format(NIGHT[:1]) == ["2024-10-27T00:30:00Z"]
    assert Clock().to_arrow(NIGHT).type == pa.timestamp("s")
    shown = Clock(is_utc=True).to_arrow(NIGHT)
    assert shown.type == pa.timestamp("s", "UTC")
    np.testing.assert_array_equal(shown.cast(pa.int64()).to_numpy(), NIGHT.astype(np.int64))
    for clock in (Clock(), Clock(is_utc=True)):
        assert clock.to_grid(NIGHT) is clock.local(NIGHT) is NIGHT


def test_steps_below_a_day_are_shown_with_the_offset_of_their_moment():
    assert HOURLY.format(NIGHT) == [
        "2024-10-27T02:30:00+02:00",
        "2024-10-27T02:30:00+01:00",
        "2024-01-01T13:00:00+01:00",
    ]
    assert HOURLY.local(NIGHT).astype(str).tolist()[:2] == ["2024-10-27T02:30:00"] * 2
    assert HOURLY.to_grid(NIGHT) is NIGHT
    shown = HOURLY.to_arrow(NIGHT)
    assert shown.type == pa.timestamp("s", "Europe/Paris")
    np.testing.assert_array_equal(shown.cast(pa.int64()).to_numpy(), NIGHT.astype(np.int64))


def test_longer_steps_are_local_dates():
    dates = np.array(["2024-01-01", "2024-07-01"], "datetime64[s]")
    assert DAILY.format(dates) == ["2024-01-01T00:00:00+01:00", "2024-07-01T00:00:00+02:00"]
    np.testing.assert_array_equal(DAILY.to_grid(DAILY.utc(dates)), dates)
    assert DAILY.local(dates) is dates


def test_offsets_to_the_west_and_with_seconds_are_written():
    time = np.array(["1890-01-01T00:00", "2024-01-01T00:00"], "datetime64[s]")
    assert Clock("America/New_York", is_utc=True).format(time[1:]) == ["2023-12-31T19:00:00-05:00"]
    assert Clock("Europe/Paris", is_utc=True).format(time[:1])[0].endswith("+00:09:21")


def test_times_of_a_request_are_read_with_and_without_offset():
    noon = np.array(["2024-07-01T10:00"], "datetime64[s]")
    assert HOURLY.read(noon, True, "time") == noon
    assert HOURLY.read(noon + np.timedelta64(2, "h"), False, "time") == noon
    assert DAILY.read(noon, True, "time") == noon + np.timedelta64(2, "h")
    assert DAILY.read(noon, False, "time") == noon


@pytest.mark.parametrize(
    ("time", "why"),
    [("2024-03-31T02:30", "does not exist in Europe/Paris"), ("2024-10-27T02:30", "is repeated")],
)
def test_times_that_are_none_or_two_are_refused(time, why):
    with pytest.raises(UserError, match=rf"^windows\[0\].time: .*{why}.*add the offset"):
        HOURLY.read(np.array([time], "datetime64[s]"), False, "windows[0].time")
