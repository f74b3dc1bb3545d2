"""Categories are those of the training rows, pass through scaling, and later ones are unknown."""

import json

import numpy as np
import pytest

from tests.helpers.series_factory import make_series
from tsforecast.data.categories import fit_categories, note_unused
from tsforecast.data.dataset import build_dataset
from tsforecast.data.scaling import Scaler
from tsforecast.errors import UserError
from tsforecast.models.task import Task
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.times.formats import TimeFormat

SHAPE = {"lookback": 6, "lead": 2, "horizon": 2, "stride": 1}
SPLIT = {"train": 0.6, "val": 0.2, "test": 0.2}  # 72 training rows of 120


def recipe(categories, **options):
    return ReadingRecipe(TimeFormat(("time",), "%Y"), ("load",), categories=categories, **options)


def make(codes, categories=("idle", "jam", "run"), **options):
    rng = np.random.default_rng(0)
    values = np.column_stack([rng.normal(5, 3, len(codes)), codes]).astype(float)
    return make_series(
        values=values,
        features=("load", "state"),
        known_ahead=("state",),
        recipe=recipe({"state": categories}, **options),
    )


def codes(rows=120):
    return np.tile([2.0, 4.0, 4.0, 2.0], rows // 4)


def test_codes_pass_through_unscaled_and_a_missing_one_is_a_category():
    values = codes()
    values[[3, 80]] = np.nan
    values[100] = 3
    dataset = build_dataset(make(values), **SHAPE, split=SPLIT)
    assert dataset.series.categories == {"state": ("idle", "run")}
    assert (dataset.scaler.mean[1], dataset.scaler.scale[1]) == (0, 1)
    expected = np.where(values == 4, 3, np.where(values == 2, 2, 0))
    expected[[3, 80]] = 1
    np.testing.assert_array_equal(dataset.inputs[:, 1], expected)
    assert dataset.number_channels == [0]
    notes = " ".join(dataset.series.notes)
    assert (
        "Unseen category of 'state' in 1 row, unknown to the model (first: 'jam' at 2024-01-01T01:40:00)."
        in notes
    )
    assert "Column 'state' is missing in 2 rows, which count as a category of their own." in notes


def test_the_data_of_a_saved_model_are_not_decided_again():
    series = make(codes())
    first = build_dataset(series, **SHAPE, split=SPLIT)
    assert first.series.categories == {"state": ("idle", "run")}
    stored = json.loads(json.dumps(first.series.recipe.to_dict()))
    restored = ReadingRecipe.from_dict(stored)
    assert restored == first.series.recipe
    only_idle = make(np.full(120, 2.0), ("idle", "run"))
    again = build_dataset(only_idle, **SHAPE, split=SPLIT, scaler=first.scaler)
    assert again.series.categories == {"state": ("idle", "run")}
    np.testing.assert_array_equal(again.inputs[:, 1], 2)


def test_later_categories_are_refused_if_asked_for():
    values = codes()
    values[100] = 3
    with pytest.raises(
        UserError, match="Column 'state' has 'jam' at 2024-01-01T01:40:00, which is not among"
    ):
        fit_categories(make(values, unknown_categories="refuse"), slice(0, 72))


def test_a_column_without_a_training_value_is_refused():
    values = codes()
    values[:72] = np.nan
    with pytest.raises(UserError, match="'state' has no value in the training rows"):
        fit_categories(make(values), slice(0, 72))


def test_future_covariates_share_the_categories_of_their_history():
    dataset = build_dataset(make(codes()), **SHAPE, split=SPLIT, future_covariates=["state"])
    assert dataset.channels == ("load", "state", "state@+2", "state@+3")
    task = Task.from_dataset(dataset)
    assert (task.category_of, task.category_counts) == ((-1, 0, 0, 0), (4,))
    assert (task.number_channels, task.category_channels) == ([0], [1, 2, 3])
    assert Task.from_dict(json.loads(json.dumps(task.__dict__))) == task
    np.testing.assert_array_equal(dataset.inputs[:118, 2], dataset.inputs[2:, 1])
    assert dataset.scaler.scale.tolist()[1:] == [1, 1, 1]


def test_equal_codes_of_other_categories_are_other_data():
    one, other = (make(codes(), names) for names in (("idle", "jam", "run"), ("idle", "jam", "stop")))
    assert one.data_hash() != other.data_hash()
    assert one.data_hash() == make(codes()).data_hash()


def test_the_scaler_leaves_codes_alone():
    rows = np.column_stack([np.arange(10.0), np.full(10, 7.0)])
    scaler = Scaler.fit(rows, ("load", "state"), (0,), categories={"state": ("a",)})
    np.testing.assert_array_equal(scaler.transform(rows)[:, 1], 7)


def test_a_model_that_ignores_the_context_says_so():
    note = "nlinear reads the window alone and does not use context=events."
    assert note_unused(make_series(), "nlinear", "events").notes == (note,)
    assert note_unused(make_series(), "gru", "events").notes == ()


def test_a_model_that_ignores_categories_says_so():
    assert note_unused(make(codes()), "persistence").notes == (
        "persistence does not use the categories of state.",
    )
    assert note_unused(make(codes()), "gru").notes == ()
