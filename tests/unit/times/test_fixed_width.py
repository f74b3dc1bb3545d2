"""Times of a fixed number of digits are those that the general reader finds, or are left to it."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.example_counts import profile
from tsforecast.times.fixed_width import read_fixed_width
from tsforecast.times.text import read_text

PATTERNS = ["%d.%m.%Y %H:%M", "%Y-%m-%d %H:%M:%S", "%m/%d/%Y", "%Y%m%d%H%M", "%d/%m/%Y %H"]


TIMES = st.datetimes(datetime(1700, 1, 1), datetime(2199, 12, 31))


@profile("ROUND_TRIPS", 30)
@given(st.sampled_from(PATTERNS), st.lists(TIMES, min_size=1, max_size=50), st.data())
def test_times_are_those_of_the_general_reader(pattern, times, data):
    values = [time.strftime(pattern) for time in times]
    cut = data.draw(st.integers(0, len(values)))
    text = pa.chunked_array([values[:cut], values[cut:]], pa.string()).slice(
        data.draw(st.integers(0, len(values) - 1))
    )
    expected = read_text(text, pattern)
    assert not expected.bad.any()
    np.testing.assert_array_equal(read_fixed_width(text, pattern), expected.time)


@pytest.mark.parametrize(
    "value",
    [
        "31.01.2024 24:00",
        "30.02.2024 00:00",
        "1.01.2024 00:000",
        "31.01.2024 2x:00",
        "31-01-2024 00:00",
        None,
        "",
    ],
)
def test_other_values_are_left_to_it(value):
    assert read_fixed_width(pa.chunked_array([["31.01.2024 13:45", value]], pa.string()), PATTERNS[0]) is None


@pytest.mark.parametrize("pattern", ["%d.%m.%y", "%d %b %Y", "%H:%M", "%Y-%m", "iso", "%d.%m.%Y %I:%M %p"])
def test_patterns_without_a_fixed_width_are_left_to_it(pattern):
    assert read_fixed_width(pa.chunked_array([["31.01.24"]]), pattern) is None
