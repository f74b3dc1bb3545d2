"""What is recorded of a run's data, and what is said when they have changed."""

import json

import numpy as np
import pytest

from tests.helpers.series_factory import make_series
from tsforecast.data.dataset import build_dataset
from tsforecast.data.identity import DataIdentity, compare_data
from tsforecast.errors import UserError

SPLIT = {"train": 0.7, "val": 0.15, "test": 0.15}
VALUES = np.random.default_rng(0).standard_normal((400, 2))


def identity(values, split=SPLIT):
    dataset = build_dataset(make_series(values=values), lookback=4, lead=1, horizon=1, stride=1, split=split)
    return DataIdentity.from_series(dataset.series, dataset.borders)


def test_the_same_data_need_no_word():
    assert compare_data(identity(VALUES), identity(VALUES.copy()), scored="test") == ""


def test_a_grown_file_is_described_by_rows_and_hash():
    before, now = identity(VALUES[:300]), identity(VALUES)
    sentence = compare_data(before, now, scored="test")
    assert "300 rows then" in sentence
    assert "400 rows now" in sentence
    assert before.hash in sentence
    assert now.hash in sentence


def test_a_changed_value_is_described_though_the_rows_are_as_many():
    changed = VALUES.copy()
    changed[3, 0] += 1
    assert "400 rows then" in compare_data(identity(VALUES), identity(changed), scored="test")


def test_rows_that_were_trained_on_are_not_scored():
    before, now = identity(VALUES), identity(VALUES[:200])
    with pytest.raises(UserError, match=r"test rows .* were training rows of the run") as caught:
        compare_data(before, now, scored="test")
    assert "400 rows then" in str(caught.value)
    assert "200 rows now" in str(caught.value)
    assert "200 rows now" in compare_data(before, now)  # nothing is scored


def test_the_border_between_trained_and_scored_is_one_row():
    before = identity(VALUES[:200])  # trained on rows 0 to 139
    for first, refused in ((139, True), (140, False)):
        now = identity(VALUES[:300], {"train": first - 20, "val": 20, "test": 50})
        if refused:
            with pytest.raises(UserError, match="were training rows"):
                compare_data(before, now, scored="test")
        else:
            assert compare_data(before, now, scored="test")


def test_a_file_whose_oldest_rows_were_dropped_is_compared_by_time():
    before = identity(VALUES[:200])
    series = make_series(values=VALUES)
    rolled = build_dataset(
        type(series)(**{**series.__dict__, "time": series.time[150:], "values": series.values[150:]}),
        lookback=4,
        lead=1,
        horizon=1,
        stride=1,
        split=SPLIT,
    )
    now = DataIdentity.from_series(rolled.series, rolled.borders)
    assert compare_data(before, now, scored="test")  # row 0 of the new file is row 150 of the old one


def test_it_is_stored_as_json_and_read_back():
    now = identity(VALUES)
    stored = json.loads(json.dumps(now.to_dict()))
    series = make_series(values=VALUES)
    back = DataIdentity.from_dict(stored, series, SPLIT)
    assert (back.name, back.hash, back.rows) == (now.name, now.hash, now.rows)
    assert {name: tuple(times) for name, times in back.splits.items()} == now.splits


def test_results_of_the_first_version_are_completed_from_the_split():
    now = identity(VALUES)
    stored = {"name": now.name, "hash": now.hash, "rows": now.rows}
    back = DataIdentity.from_dict(stored, make_series(values=VALUES[:200]), SPLIT)
    assert back.splits == now.splits
