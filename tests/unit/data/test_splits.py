import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.series_factory import START
from tsforecast.data.splits import borders
from tsforecast.errors import UserError

TIME = START + np.arange(1000) * np.timedelta64(3600, "s")


@given(
    rows=st.integers(30, 5000),
    train=st.floats(0.1, 0.8),
    share=st.floats(0.2, 0.8),
    left=st.floats(0, 0.05),
)
def test_parts_are_disjoint_ordered_and_within_the_series(rows, train, share, left):
    rest = 1 - train - left
    split = {"train": train, "val": rest * share, "test": rest * (1 - share)}
    time = START + np.arange(rows) * np.timedelta64(60, "s")
    (a, b), (c, d), (e, f) = borders(split, time)
    assert a == 0 < b == c < d == e < f <= rows
    for start, stop, size in ((a, b, "train"), (c, d, "val"), (e, f, "test")):
        assert abs((stop - start) - split[size] * rows) <= 1


def test_default_fractions_use_every_row():
    assert borders({"train": 0.7, "val": 0.15, "test": 0.15}, TIME) == ((0, 700), (700, 850), (850, 1000))


def test_counts_may_leave_rows_over():
    assert borders({"train": 500, "val": 200, "test": 100}, TIME) == ((0, 500), (500, 700), (700, 800))


def test_dates_end_their_part():
    split = {"train": "2024-01-11", "val": datetime.date(2024, 1, 21), "test": "2024-01-26 12:00"}
    assert borders(split, TIME) == ((0, 240), (240, 480), (480, 612))
    assert borders({**split, "test": None}, TIME)[2] == (480, 1000)


def test_the_last_rows_are_for_validation_and_test():
    for train in (0.7, None):
        split = {"train": train, "val": 48, "test": 24}
        assert borders(split, TIME) == ((0, 928), (928, 976), (976, 1000))


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (None, "data.split is None"),
        ({"train": 0.7, "valid": 0.15, "test": 0.15}, "no part 'valid'.*Did you mean 'val'"),
        ({"train": 0.7, "val": 0.15}, "data.split.test is None"),
        ({"train": 0.7, "val": 0.3, "test": 0.15}, "at most 1"),
        ({"train": 0.7, "val": 0.15, "test": -0.15}, "data.split.test is -0.15"),
        ({"train": 0.7, "val": 0, "test": 0.15}, "data.split.val is 0"),
        ({"train": float("nan"), "val": 0.1, "test": 0.15}, "data.split.train is nan"),
        ({"train": True, "val": 0.1, "test": 0.15}, "data.split.train is True"),
        ({"train": 700, "val": 0.15, "test": 0.15}, "only whole numbers"),
        (
            {"train": 0.7, "val": 800, "test": 200},
            "data.split.train holds no row: .*take the last 1,000: ask for fewer",
        ),
        ({"train": 700, "val": 200, "test": 200}, "1,100 rows, but there are 1,000"),
        ({"train": 0.9995, "val": 0.0002, "test": 0.0002}, "data.split.val holds no row"),
        ({"train": "2024-01-11", "val": "2024-01-05", "test": "2024-01-26"}, "data.split.val holds no row"),
        (
            {"train": "last year", "val": "2024-01-05", "test": "2024-01-26"},
            "data.split.train is 'last year'",
        ),
        ({"train": 0.7, "val": "2024-01-05", "test": "2024-01-26"}, "data.split.train is 0.7"),
        ({"train": "2030-01-01", "val": "2031-01-01", "test": None}, "data.split.val holds no row"),
    ],
)
def test_wrong_splits_are_refused(split, message):
    with pytest.raises(UserError, match=message):
        borders(split, TIME)
