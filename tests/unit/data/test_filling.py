"""Gaps are filled from earlier values only."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tsforecast.data.filling import carry_forward


@settings(deadline=None)
@given(
    column=st.lists(st.one_of(st.none(), st.floats(-5, 5)), min_size=1, max_size=40),
    cut=st.integers(0, 39),
)
def test_filling_carries_the_last_value_forward_and_never_looks_ahead(column, cut):
    column = np.array([np.nan if value is None else value for value in column])
    filled = carry_forward(column, before=7.0)
    last = 7.0
    for value, got in zip(column, filled, strict=True):
        last = last if np.isnan(value) else value
        assert got == last
    np.testing.assert_array_equal(carry_forward(column[: cut + 1], before=7.0), filled[: cut + 1])


def test_nothing_is_carried_from_one_series_into_the_next():
    column = np.array([1.0, np.nan, np.nan, 4.0, np.nan])
    filled = carry_forward(column, before=7.0, starts=np.array([0, 2]))
    assert filled.tolist() == [1.0, 1.0, 7.0, 4.0, 4.0]
