"""The validation rows are split into those that fit the weights and those that judge them."""

import numpy as np
import pytest

from tests.helpers.panel_case import make_panel
from tests.helpers.scored_case import dataset
from tsforecast.data.dataset import build_dataset
from tsforecast.ensemble.validation import split_validation
from tsforecast.errors import UserError

WINDOW = {"lookback": 6, "lead": 1, "horizon": 6, "stride": 1}


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


def test_of_many_series_the_last_ones_are_held_out():
    data = build_dataset(make_panel(), **WINDOW, split={"train": 0.7, "val": 6, "test": 6})
    parts = split_validation(data, 0.3)
    series = data.series
    whole, holdout = data.windows("val"), parts.windows("val")
    assert series.series_of(whole.ends).tolist() == [0, 1, 2]
    assert series.series_of(holdout.ends).tolist() == [2]
    np.testing.assert_array_equal(parts.windows("test").ends, data.windows("test").ends)


def test_one_series_cannot_be_held_out():
    series = make_panel(lengths=(60,), levels=(1.0,), starts=(0,))
    data = build_dataset(series, **WINDOW, split={"train": 0.7, "val": 6, "test": 6})
    with pytest.raises(UserError, match="Too few series have validation rows"):
        split_validation(data, 0.3)
