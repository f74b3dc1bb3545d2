"""Local times that are there twice because the clock was put back are noted with the option that keeps both."""

import numpy as np
import pytest

from tsforecast.times.formats import TimeFormat
from tsforecast.times.notes import autumn_note, spring_note


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


def numbered(day, count):
    """Rows of three days, of which the middle one ends an hour early."""
    start, step = np.datetime64(day, "ns") - np.timedelta64(1, "D"), np.timedelta64(86400 // count, "s")
    time = start + np.arange(3 * count) * step
    return np.delete(time, np.arange(2 * count - count // 24, 2 * count))


@pytest.mark.parametrize("day", ["2024-03-31", "2024-03-10", "2024-10-06", "2024-09-29"])
@pytest.mark.parametrize(
    ("clock", "count"), [("period_48_from_1", 48), ("hour_ending", 24), ("period_96_from_0", 96)]
)
def test_numbers_that_end_an_hour_early_on_the_day_of_the_change_are_noted(day, clock, count):
    (note,) = spring_note(TimeFormat(("day", "number"), "iso", clock), numbered(day, count))
    assert f"On {day}" in note
    assert "data.timezone=" in note


def test_other_short_days_are_not():
    written = TimeFormat(("day", "number"), "iso", "period_48_from_1")
    assert spring_note(written, numbered("2024-03-24", 48)) == ()
    assert spring_note(TimeFormat(("time",), "iso"), numbered("2024-03-31", 48)) == ()
    assert spring_note(written, numbered("2024-03-31", 48)[:94]) == ()  # the rows end on that day
