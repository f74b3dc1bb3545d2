"""New rows of many series: which are known, which series are damaged, and what is left."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tsforecast.data.identity import DataIdentity
from tsforecast.errors import UserError
from tsforecast.registry.new_rows import (
    change_notes,
    check_numbered,
    count_known_rows,
    describe_damage,
    find_faults,
    first_rows,
    leave_out,
    steps_after,
)

NEW = 30
SERIES = make_panel(lengths=(100, 120, 140), starts=(40, 20, 0))
KNOWN = SERIES.select(SERIES.time <= SERIES.time.max() - np.timedelta64(NEW, "h"))
DATA = DataIdentity.from_series(KNOWN).to_dict()


def damaged(*names):
    values = SERIES.values.copy()
    for name in names:
        stop = SERIES.bounds[SERIES.panel.ids.index(name) + 1]
        values[stop - 25 : stop] *= 1000
    return dataclasses.replace(SERIES, values=values)


def test_rows_after_the_champions_last_time_are_new():
    assert count_known_rows(SERIES, DATA) == len(SERIES) - 3 * NEW == len(KNOWN)
    assert change_notes(SERIES, "v0001", DATA) == ()


def test_a_changed_value_among_the_known_rows_is_noted():
    values = SERIES.values.copy()
    values[0] += 1
    (note,) = change_notes(dataclasses.replace(SERIES, values=values), "v0001", DATA)
    assert "have changed since" in note


def test_a_damaged_series_is_left_out_by_name():
    assert find_faults(SERIES, DATA) == {}
    series = damaged("b")
    faults = find_faults(series, DATA)
    assert list(faults) == ["b"]
    assert "the mean of load over" in faults["b"][0]
    sound = leave_out(series, faults)
    assert sound.panel.ids == ("a", "c")
    np.testing.assert_array_equal(sound.values, np.delete(SERIES.values, np.s_[100:220], axis=0))


def test_nothing_is_trained_on_if_most_series_are_damaged():
    series = damaged("a", "c")
    faults = find_faults(series, DATA)
    assert leave_out(series, faults) is None
    words = describe_damage(series, faults)
    assert words.startswith("2 of 3 series are damaged ('a', 'c'), and of 'a' the mean of load over")


def test_a_new_series_has_nothing_to_be_compared_with():
    newest = SERIES.time.max() - np.timedelta64(NEW, "h")
    data = DataIdentity.from_series(KNOWN.select(KNOWN.series_of(np.arange(len(KNOWN))) < 2)).to_dict()
    series = damaged("b")
    later = (SERIES.series_of(np.arange(len(SERIES))) < 2) | (SERIES.time > newest)
    assert list(find_faults(series.select(later), data)) == ["b"]


def make_numbered(known=0):
    """Series of 60, 80 and 100 numbered steps, each without the last ``known`` rows."""
    series = make_panel()
    numbers = np.concatenate([np.arange(1, length + 1) for length in series.panel.lengths])
    panel = dataclasses.replace(series.panel, has_clock=False)
    series = dataclasses.replace(series, time=(numbers * 3600).astype("datetime64[s]"), panel=panel)
    before_end = np.repeat(series.panel.lengths, series.panel.lengths) - numbers
    return series.select(before_end >= known)


def test_the_newest_rows_of_numbered_steps_are_those_with_the_highest_numbers_of_each_series():
    series, known = make_numbered(), make_numbered(10)
    data = DataIdentity.from_series(known).to_dict()
    assert data["ends"] == {"a": [50, 50], "b": [70, 70], "c": [90, 90]}
    assert count_known_rows(series, data) == len(known)
    assert change_notes(series, "v0001", data) == ()
    check_numbered(series, "v0001", data)
    assert steps_after(series, data)[series.panel.bounds[1:] - 1].tolist() == [10, 10, 10]
    assert len(first_rows(series, data, 4)) == len(known) + 3 * 4
    assert first_rows(series, data, 4).panel.ids == ("a", "b", "c")
    new = DataIdentity.from_series(known.select(known.series_of(np.arange(len(known))) < 2)).to_dict()
    assert count_known_rows(series, new) == 50 + 70


def test_a_champion_that_does_not_say_which_steps_it_had_is_refused():
    with pytest.raises(UserError, match="v0001 does not say with which steps of each series"):
        check_numbered(make_numbered(), "v0001", {"rows": 100, "last": "1970-01-05"})
    check_numbered(SERIES, "v0001", DATA)


def test_the_rows_of_a_replayed_day_end_at_the_same_time():
    rows = first_rows(SERIES, DATA, 24)
    assert rows.time.max() == KNOWN.time.max() + np.timedelta64(24, "h")
    assert len(rows) == len(KNOWN) + 3 * 24


def test_faults_of_numbered_steps_are_named_by_their_numbers():
    series, known = make_numbered(), make_numbered(30)
    values = series.values.copy()
    values[-20:] = np.nan
    faults = find_faults(
        dataclasses.replace(series, values=values), DataIdentity.from_series(known).to_dict()
    )
    assert faults["c"] == ["load has no value in 20 rows from step 81"]
