"""Rows of totals and repeated headers are refused with the condition that leaves them out."""

import re

import numpy as np
import pyarrow as pa
import pytest

from tsforecast.errors import UserError
from tsforecast.reading.selection import Condition
from tsforecast.times.refusals import explain
from tsforecast.times.search import find_time

HOURS = [str(time) for time in np.datetime64("2024-01-01T00", "m") + 60 * np.arange(60)]


@pytest.mark.parametrize("value", ["Summe", "Total", "end"])
@pytest.mark.parametrize("name", ["Zeit", "time, local", "time (UTC)"])
def test_the_advised_condition_leaves_totals_out(name, value):
    table = pa.table({name: [*HOURS, value], "load": np.arange(61.0)})
    with pytest.raises(UserError) as error:
        find_time(table, name)
    (condition,) = re.findall('data.where="(.*?)"', str(error.value))
    assert len(find_time(Condition.parse(condition).select(table), name).time) == 60


def test_a_repeated_header_is_recognized():
    table = pa.table({"Zeit": [*HOURS[:30], "Zeit", *HOURS[30:]], "load": np.arange(61.0)})
    with pytest.raises(UserError, match=re.escape("data.where=\"Zeit != 'Zeit'\"")):
        find_time(table)


def test_other_words_get_no_condition():
    table = pa.table({"Zeit": [*HOURS[:30], "noon", *HOURS[30:]], "load": np.arange(61.0)})
    with pytest.raises(UserError, match="'noon' in row 31") as error:
        find_time(table)
    assert "data.where" not in str(error.value)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("'2024-01-31 13:45 CET'", "CET is short for several zones"),
        ("'2010-13'", "month 13 does not exist"),
        ("'2024-13-01'", r"set data\.time=COLUMN and data\.time_format=%Y-%d-%m"),
        ("'2000.0833'", "a year with a fraction"),
        ("'0.5'", "hours with a fraction are not read"),
    ],
)
def test_what_to_do_about_known_values_is_said(value, advice):
    assert re.search(advice, explain(value))


@pytest.mark.parametrize(
    "value", ["'2024-01-31 1:45 PM'", "'noon'", "'2024-01-31 13:45 UTC'", "'2024-02-30'"]
)
def test_nothing_is_said_about_others(value):
    assert explain(value) == ""
