"""Local times that are there twice because the clock was put back are noted with the option that keeps both."""

import numpy as np
import pytest

from tsforecast.times.notes import autumn_note


def night(day):
    hours = np.datetime64(f"{day}T00:00", "ns") + np.arange(6) * np.timedelta64(1, "h")
    return np.sort(np.append(hours, hours[2]))


@pytest.mark.parametrize("day", ["2024-10-27", "2024-11-03", "2024-04-07"])
def test_an_hour_twice_in_the_night_of_the_change_is_noted(day):
    (note,) = autumn_note(night(day))
    assert note.startswith(f"1 rows repeat a time in the night of {day}")
    assert "data.timezone=" in note


def test_other_repeated_rows_are_not():
    assert autumn_note(night("2024-10-20")) == ()
    assert autumn_note(np.unique(night("2024-10-27"))) == ()
    assert autumn_note(np.array(["2024-10-27T12", "NaT", "2024-10-27T12"], "datetime64[ns]")) == ()
