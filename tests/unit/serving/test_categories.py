"""Categories in requests: texts, numbers and null, unknown ones with a note or refused, in JSON and in Arrow."""

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.serving_case import LOOKBACK, make_metadata, make_task
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.serving.requests import from_arrow, from_json, read_truths
from tsforecast.times.formats import TimeFormat

STATES, SHIFTS = ("idle", "run"), ("1", "2")


def make(unknown="note"):
    recipe = ReadingRecipe(
        TimeFormat(("time",), "iso"),
        ("load",),
        categories={"state": STATES, "shift": SHIFTS},
        unknown_categories=unknown,
    )
    stored = make_metadata(
        channels=["load", "state", "shift"],
        scaler={"mean": [2.0, 0.0, 0.0], "scale": [0.5, 1.0, 1.0], "target_indices": [0]},
        recipe=json.loads(json.dumps(recipe.to_dict())),
    )
    return ModelMetadata.from_task(make_task(channels=3), stored)


def request(rows):
    rows = [[1.0, "idle", 1]] * (LOOKBACK - len(rows)) + rows
    return json.dumps({"windows": [{"time": "2024-01-01T00:30:00", "values": rows}]}).encode()


def test_texts_numbers_and_null_are_codes():
    batch = from_json(request([[3.0, "run", "2"], [1.0, None, 2.0], [2.0, " run ", ""]]), make(), 1)
    np.testing.assert_array_equal(batch.past[0, -4:, 1], [2, 3, 1, 3])
    np.testing.assert_array_equal(batch.past[0, -4:, 2], [2, 3, 3, 1])
    np.testing.assert_array_equal(batch.past[0, -3:, 0], [2, -2, 0])
    assert batch.notes == ()


def test_an_unknown_category_is_noted_with_its_place():
    batch = from_json(request([[1.0, "jam", 1], [1.0, "Run", 3]]), make(), 1)
    np.testing.assert_array_equal(batch.past[0, -2:, 1:], [[0, 2], [0, 0]])
    assert batch.notes == (
        "2 unseen categories of 'state' in 2 rows, unknown to the model (first: 'jam' in windows[0].values[6]).",
        "Unseen category of 'shift' in 1 row, unknown to the model (first: '3' in windows[0].values[7]).",
    )


def test_an_unknown_category_is_refused_if_asked_for():
    with pytest.raises(UserError) as error:
        from_json(request([[1.0, "jam", 1]]), make("refuse"), 1)
    assert str(error.value) == (
        "column 'state' has 'jam' in windows[0].values[7], which is not among the categories of the training rows"
        " ('idle', 'run')."
    )


@pytest.mark.parametrize("value", [["run"], {"state": "run"}])
def test_what_is_not_a_category_is_refused(value):
    with pytest.raises(UserError, match=r"windows\[0\].values\[7\]: the value of 'state' must be one of its"):
        from_json(request([[1.0, value, 1]]), make(), 1)


def test_a_text_for_a_number_is_still_refused():
    with pytest.raises(UserError, match=r"values\[7\]: the value of 'load' is missing or not a number"):
        from_json(request([["run", "run", 1]]), make(), 1)


@pytest.mark.parametrize("dictionary", [True, False])
def test_arrow_tables_may_hold_dictionaries(dictionary):
    time = np.datetime64("2024-01-01T00:23:00", "s") + np.arange(LOOKBACK) * np.timedelta64(60, "s")
    state = pa.array(["idle"] * (LOOKBACK - 3) + ["run", None, "jam"])
    table = pa.table(
        {
            "time": pa.array(time),
            "load": np.ones(LOOKBACK),
            "state": state.dictionary_encode() if dictionary else state,
            "shift": np.full(LOOKBACK, 2),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    batch = from_arrow(sink.getvalue().to_pybytes(), make(), 1)
    np.testing.assert_array_equal(batch.past[0, -4:, 1], [2, 3, 1, 0])
    np.testing.assert_array_equal(batch.past[0, :, 2], 3)
    assert "'jam' in row 8" in batch.notes[0]


def test_truths_may_come_with_categories():
    body = {"rows": [{"time": "2024-01-01T00:00:00", "values": {"load": 1.5, "state": "run"}}]}
    count, truths = read_truths(json.dumps(body).encode(), make(), 5)
    assert (count, [truth.value for truth in truths]) == (1, [1.5])
