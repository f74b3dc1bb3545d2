"""New rows of many series: which are known, which series are damaged, and what is left."""

import dataclasses

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tsforecast.data.identity import DataIdentity
from tsforecast.errors import UserError
from tsforecast.registry.new_rows import (
    change_notes,
    check_clock,
    count_known_rows,
    describe_damage,
    find_faults,
    leave_out,
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


def test_steps_without_a_clock_have_no_newest_rows():
    panel = dataclasses.replace(SERIES.panel, has_clock=False)
    with pytest.raises(UserError, match="train with times of a clock"):
        check_clock(dataclasses.replace(SERIES, panel=panel))
