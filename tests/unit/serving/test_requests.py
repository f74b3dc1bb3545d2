"""Bodies of requests: what is read, and the sentence for the first thing that is wrong."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.context_case import context_dataset, context_metadata
from tests.helpers.serving_case import LOOKBACK, make_metadata, make_rows, make_task, window_json
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.serving import requests
from tsforecast.serving.requests import ForecastRequest, ObserveRequest, RequestTooLarge, Truth
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

METADATA = ModelMetadata.from_task(make_task(), make_metadata())
TIME, COLUMNS = make_rows(40)
ROW = {"time": "2024-01-01T00:00:00", "values": {"load": 1.5}}


def test_windows_are_scaled_in_the_models_order():
    body = {"windows": [window_json(TIME, COLUMNS, end) for end in (20, 30)]}
    batch = requests.from_json(json.dumps(body).encode(), METADATA, max_windows=2)
    assert batch.past.shape == (2, LOOKBACK, 4)
    assert batch.made_at.tolist() == [TIME[20].item(), TIME[30].item()]
    np.testing.assert_allclose(batch.last[:, 0], COLUMNS["load"][[20, 30]])
    np.testing.assert_allclose(batch.past[0, -1, 0], (COLUMNS["load"][20] - 2.0) / 0.5, rtol=1e-6)


def _arrow(time, columns):
    sink = pa.BufferOutputStream()
    table = pa.table({"time": pa.array(time), **columns})
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("kind", ["events", "daily"])
def test_the_context_of_a_request_is_that_of_training_to_the_last_bit(kind):
    values = np.random.default_rng(0).normal(size=(300, 2))
    dataset = context_dataset(values, kind)
    metadata, time = context_metadata(dataset), dataset.series.time
    end, count = 250, metadata.input_rows
    assert count == LOOKBACK + dataset.scaler.context.history
    rows = slice(end - count + 1, end + 1)
    window = {"time": str(time[end]), "values": values[rows].tolist()}
    columns = {"load": values[rows, 0], "pressure": values[rows, 1]}
    for batch in (
        requests.from_json(json.dumps({"windows": [window]}).encode(), metadata, max_windows=2),
        requests.from_arrow(_arrow(time[rows], columns), metadata, max_windows=2),
    ):
        assert np.array_equal(batch.past, dataset.inputs[None, end - LOOKBACK + 1 : end + 1])
        assert batch.made_at.tolist() == [time[end].item()]
        assert batch.last.tolist() == [[values[end, 0]]]
    window["values"] = window["values"][1:]
    sentence = (
        rf"windows\[0\].values has {count - 1} rows, and the model needs exactly {count}: the {LOOKBACK} of its window"
        rf" and the {count - LOOKBACK} before"
    )
    with pytest.raises(UserError, match=sentence):
        requests.from_json(json.dumps({"windows": [window]}).encode(), metadata, max_windows=2)
    short = {name: column[1:] for name, column in columns.items()}
    with pytest.raises(
        UserError, match=f"Window 0 has {count - 1} rows, and the model needs exactly {count}: "
    ):
        requests.from_arrow(_arrow(time[rows][1:], short), metadata, max_windows=2)


def _with_recipe(pattern="iso", offset=False):
    time = TimeFormat(("time",), pattern, offset=offset)
    return replace(METADATA, recipe=ReadingRecipe(time, ("load",), TimeGrid(Frequency(60))))


@pytest.mark.parametrize(
    ("pattern", "offset", "time", "sentence"),
    [
        ("iso", False, "2024-01-01T00:00:00+02:00", "has an offset, but the training data had local times"),
        ("iso", False, "2024-01-01T00:00:00Z", "has an offset, but the training data had local times"),
        ("iso", True, "2024-01-01T00:00:00", "has no offset, but the training data had times in UTC"),
        ("unix_s", False, "2024-01-01T00:00:00", "has no offset, but the training data had times in UTC"),
    ],
)
def test_times_of_another_kind_than_in_training_are_refused(pattern, offset, time, sentence):
    metadata = _with_recipe(pattern, offset)
    window = {**window_json(TIME, COLUMNS, 20), "time": time}
    with pytest.raises(UserError, match=rf"windows\[0\].time {sentence}"):
        requests.from_json(json.dumps({"windows": [window]}).encode(), metadata, max_windows=2)
    with pytest.raises(UserError, match=rf"rows\[0\].time {sentence}"):
        requests.read_truths(json.dumps({"rows": [{**ROW, "time": time}]}).encode(), metadata, max_rows=2)
    zone = None if sentence.startswith("has no") else "UTC"
    columns = {name: values[:LOOKBACK] for name, values in COLUMNS.items()}
    stamps = pa.array(TIME[:LOOKBACK]).cast(pa.timestamp("s", zone))
    sink = pa.BufferOutputStream()
    table = pa.table({"time": stamps, **{name: columns[name] for name in metadata.features}})
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(UserError, match=f"Column 'time' {sentence}"):
        requests.from_arrow(sink.getvalue().to_pybytes(), metadata, max_windows=2)


@pytest.mark.parametrize(
    ("pattern", "offset", "time"),
    [
        ("iso", False, "2024-01-01T00:20:00"),
        ("iso", True, "2024-01-01T02:20:00+02:00"),
        ("unix_s", False, "2024-01-01T00:20:00Z"),
    ],
)
def test_times_of_the_same_kind_as_in_training_are_read(pattern, offset, time):
    window = {**window_json(TIME, COLUMNS, 20), "time": time}
    batch = requests.from_json(json.dumps({"windows": [window]}).encode(), _with_recipe(pattern, offset), 2)
    assert batch.made_at.astype(str).tolist() == ["2024-01-01T00:20:00"]


def test_truths_are_read_with_times_in_utc_and_other_features_are_ignored():
    rows = [ROW, {"time": "2024-01-01T02:01:00+02:00", "values": {"pressure": 1, "load": 2}}]
    count, truths = requests.read_truths(json.dumps({"rows": rows}).encode(), METADATA, max_rows=2)
    start = int(np.datetime64("2024-01-01", "s").astype(int))
    assert (count, truths) == (2, [Truth(start, 0, 1.5), Truth(start + 60, 0, 2.0)])


@pytest.mark.parametrize(
    ("model", "body", "sentence"),
    [
        (ObserveRequest, "3", "The body must be an object with rows."),
        (ObserveRequest, "{}", "rows must be a list of at least one row."),
        (ObserveRequest, '{"rows": [3]}', "rows[0] must be an object with time and values."),
        (
            ObserveRequest,
            '{"rows": [{"values": {"load": 1}}]}',
            "rows[0].time must be a time such as 2010-11-26T21:02:00.",
        ),
        (
            ObserveRequest,
            '{"rows": [{"time": "2024-01-01T00:00:00", "values": 3}]}',
            "rows[0].values must be an object such as {'load': 1.5}.",
        ),
        (
            ForecastRequest,
            '{"windows": [{"time": "2024-01-01T00:00:00", "values": []}]}',
            "windows[0].values must be a list of rows, each a list of numbers.",
        ),
        (
            ForecastRequest,
            '{"windows": [{"time": "2024-01-01T00:00:00", "values": [[1]]}], "features": [3]}',
            "features must be a list of names.",
        ),
        (
            ForecastRequest,
            '{"windows": [{"time": "2300-01-01T00:00:00", "values": [[1]]}]}',
            "windows[0].time must be between the years 1700 and 2200.",
        ),
        (ForecastRequest, '{"windows": [{"when": 1}]}', None),
    ],
)
def test_the_first_error_is_one_sentence(model, body, sentence):
    sentence = sentence or "windows[0] has an unknown key 'when': it takes time and values."
    key = "rows" if model is ObserveRequest else "windows"
    with pytest.raises(UserError) as error:
        requests.parse_body(model, body.encode(), key, 9)
    assert str(error.value) == sentence


def test_more_items_than_allowed_are_refused_before_they_are_read():
    body = json.dumps({"rows": [None] * 10}).encode()
    with pytest.raises(RequestTooLarge, match="10 rows are more than the 9 that one request may contain"):
        requests.parse_body(ObserveRequest, body, "rows", 9)


def test_values_near_1e9_give_the_windows_of_those_near_0():
    offset = 1e9
    scaler = {"mean": [offset + 2.0, 1.0, 0.0, 0.0], "scale": [0.5, 2.0, 0.7, 0.7], "target_indices": [0]}
    far = ModelMetadata.from_task(make_task(), make_metadata(scaler=scaler))
    high = {**COLUMNS, "load": COLUMNS["load"] + offset}
    near, there = (
        requests.from_json(json.dumps({"windows": [window_json(TIME, columns, 20)]}).encode(), metadata, 1)
        for columns, metadata in ((COLUMNS, METADATA), (high, far))
    )
    np.testing.assert_allclose(there.past, near.past, atol=1e-6)
    np.testing.assert_allclose(there.last - offset, near.last, atol=1e-6)
