"""Numbers that float64 rounds."""

import numpy as np
import pytest

from tsforecast.columns.precision import rounded_note

LARGE = 2.0**53


@pytest.mark.parametrize("values", [[LARGE, LARGE + 2, 1.0], [-LARGE - 4] * 3, [np.nan, LARGE, LARGE]])
def test_different_numbers_beyond_all_exact_ones_are_noted(values):
    values = np.array(values)
    (note,) = rounded_note("id", values, np.nanmin(values), np.nanmax(values))
    assert "values of 'id' are beyond 9,007,199,254,740,992" in note


@pytest.mark.parametrize("values", [[1.0, 2.0], [1e20, 1e20, 3.0], [LARGE - 1, 0.0]])
def test_smaller_ones_and_a_single_mark_are_not(values):
    assert rounded_note("id", np.array(values), min(values), max(values)) == ()
