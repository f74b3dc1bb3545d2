"""The validation rows are split into those that fit the weights and those that judge them."""

import numpy as np
import pytest

from tests.helpers.scored_case import dataset
from tsforecast.ensemble.validation import split_validation
from tsforecast.errors import UserError


def test_the_newest_validation_rows_are_held_out():
    data = dataset()
    parts = split_validation(data, 0.2)
    (first, stop), test = data.borders[1:]
    assert parts.borders == ((first, stop - 150), (stop - 150, stop), test)
    assert stop - first == 750
    np.testing.assert_array_equal(parts.inputs, data.inputs)


def test_a_part_without_a_window_is_refused():
    with pytest.raises(UserError, match="validation split is too short"):
        split_validation(dataset(), 0.001)
