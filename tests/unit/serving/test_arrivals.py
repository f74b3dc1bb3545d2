"""Rows of requests in three formats, read by the recipe of the model."""

import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tests.helpers.serving_case import make_metadata, make_panel_metadata, make_task
from tsforecast.errors import UserError
from tsforecast.feeds.records import decode_rows
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.reading.dialect import Dialect
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.serving import arrivals
from tsforecast.serving.arrivals import ARROW, CSV, RowReader, read_body
from tsforecast.serving.requests import RequestTooLarge
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

JSON = "application/json"
PLAIN = ModelMetadata.from_task(make_task(), make_metadata())
GERMAN = ReadingRecipe(
    TimeFormat(("Datum", "Uhr"), "%d.%m.%Y", "%H:%M"),
    ("load", "pressure"),
    TimeGrid(Frequency(60)),
    Dialect("utf-8", ";", ","),
    missing_values=(-9999.0, "?"),
)
TIME = "2024-01-31T13:45:00"


def body(*rows):
    return json.dumps({"rows": [{"time": time, "values": values} for time, values in rows]}).encode()


def contents(result):
    return [json.loads(content) for _, content in result.records]


def times(result):
    return [str(np.int64(time).astype("datetime64[ns]"))[:19] for time, _ in result.records]


def arrow(**columns):
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def test_json_rows_may_lack_features():
    sent = body((TIME, {"load": 1.5}), ("2024-01-31T13:46:00", {"pressure": 2, "load": None}))
    result = read_body(sent, JSON, PLAIN)
    assert contents(result) == [{"load": 1.5, "pressure": None}, {"load": None, "pressure": 2.0}]
    assert times(result) == [TIME, "2024-01-31T13:46:00"]


def test_csv_is_written_as_the_training_data_were_or_has_iso_times():
    metadata = replace(PLAIN, recipe=GERMAN)
    written = b"Datum;Uhr;load;pressure;other\n31.01.2024;13:45;1,5;-9999;x\n31.01.2024;13:46;?;2;y\n"
    expected = [{"load": 1.5, "pressure": None}, {"load": None, "pressure": 2.0}]
    result = read_body(written, CSV, metadata)
    assert (contents(result), times(result)[0]) == (expected, TIME)
    iso = b"time;load;pressure\n2024-01-31T13:45:00;1,5;\n2024-01-31 13:46;;2\n"
    assert contents(read_body(iso, CSV, metadata)) == expected
    sent = body(
        (TIME, {"load": 1.5, "pressure": -9999}), ("2024-01-31T13:46:00", {"load": "?", "pressure": 2})
    )
    assert contents(read_body(sent, JSON, metadata)) == expected


def test_arrow_has_timestamps():
    stamps = pa.array([np.datetime64(TIME, "ns")])
    result = read_body(arrow(time=stamps, load=[1.5], pressure=[2]), ARROW, replace(PLAIN, recipe=GERMAN))
    assert (contents(result), times(result)) == ([{"load": 1.5, "pressure": 2.0}], [TIME])


def test_times_with_an_offset_are_read_as_the_training_data_were():
    utc = replace(PLAIN, recipe=replace(GERMAN, time=TimeFormat(("time",), "iso", offset=True)))
    sent = body(("2024-01-31T14:45:00+01:00", {"load": 1}))
    assert times(read_body(sent, JSON, utc)) == [TIME]
    with pytest.raises(UserError, match="has an offset, but the training data had local times"):
        read_body(sent, JSON, PLAIN)


def test_categories_are_kept_as_texts_also_unknown_ones():
    recipe = replace(GERMAN, time=TimeFormat(("time",), "iso"), categories={"state": ("off", "on")})
    about = make_metadata(channels=["load", "pressure", "state", "minute_of_day_sin"])
    metadata = replace(ModelMetadata.from_task(make_task(), about), recipe=recipe)
    rows = [(TIME, {"load": 1, "state": state}) for state in ("on", "jam", None, "jam")]
    result = read_body(body(*rows), JSON, metadata)
    assert [row["state"] for row in contents(result)] == ["on", "jam", None, "jam"]
    assert "Unseen category of 'state' in 2 rows" in result.notes[0]
    codes = decode_rows(result.records, metadata).columns["state"]
    np.testing.assert_array_equal(codes, [3.0, 0.0, np.nan, 0.0])
    later = replace(metadata, recipe=replace(recipe, categories={"state": ("jam", "on")}))
    np.testing.assert_array_equal(
        decode_rows(result.records, later).columns["state"], [3.0, 2.0, np.nan, 2.0]
    )


def test_features_of_a_shadow_are_kept():
    result = read_body(body((TIME, {"load": 1, "wind": 7})), JSON, PLAIN, more=("wind", "sun"))
    assert contents(result) == [{"load": 1.0, "pressure": None, "wind": 7.0}]


@pytest.mark.parametrize(
    ("sent", "kind", "sentence"),
    [
        (body((TIME, {"lod": 1})), JSON, r"rows\[0\].values: unknown feature 'lod'. Did you mean"),
        (body((TIME, {"load": "1"})), JSON, r"rows\[0\].values.load must be a number or null."),
        (body((TIME, {"load": True})), JSON, "must be a number or null"),
        (body((TIME, {"load": 10**400})), JSON, "is not a finite number: write null"),
        (body((TIME, {"load": float("nan")})), JSON, "is not a finite number: write null"),
        (body((TIME, {})), JSON, r"rows\[0\].values must be an object such as"),
        (body(("yesterday", {"load": 1})), JSON, r"rows\[0\].time must be a time such as"),
        (body(("2199-01-01T00:00:00", {"load": 1})), JSON, "more than two days ahead of the clock"),
        (body(), JSON, "rows must be a list of at least one row"),
        (b"time,load\n2024-01-31 13:45,1\n", CSV, "The body: feature 'pressure' is missing"),
        (b"time,load,pressure\n2024-01-31 13:45,1,x\n", CSV, "contains 'x'.*is not a number"),
        (b"time,load,pressure\nnoon,1,2\n", CSV, "'noon' in column 'time'.*is not a time"),
        (b"", CSV, "body"),
        (b"\x1f\x8bcompressed", CSV, "compressed or is not CSV"),
        (b"PAR1....", CSV, "compressed or is not CSV"),
        (b"no arrow", ARROW, "not a valid Arrow stream"),
        (arrow(time=["x"], load=[1.0], pressure=[1.0]), ARROW, "is not a time"),
    ],
)
def test_wrong_rows_are_refused_in_one_sentence_without_keys_of_the_config(sent, kind, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        read_body(sent, kind, PLAIN)
    assert "\n" not in str(error.value)
    assert not str(error.value).startswith(("data", "predict"))
    assert "/tmp" not in str(error.value)


def test_the_number_of_rows_is_limited(monkeypatch):
    monkeypatch.setattr(arrivals, "MAX_ROWS", 2)
    with pytest.raises(RequestTooLarge):
        read_body(body(*[(TIME, {"load": 1})] * 3), JSON, PLAIN)
    with pytest.raises(RequestTooLarge):
        read_body(b"time,load,pressure\n" + b"2024-01-31 13:45,1,2\n" * 3, CSV, PLAIN)


def test_rows_that_follow_the_newest_are_taken_whatever_the_clock_says():
    newest = np.datetime64("2150-01-01T00:00:00", "ns")
    sent = body(("2150-01-01T00:01:00", {"load": 1}))
    assert len(read_body(sent, JSON, PLAIN, newest=newest).records) == 1
    with pytest.raises(UserError, match="more than two days ahead of the clock"):
        read_body(sent, JSON, PLAIN)


def test_a_single_row_of_a_broker_names_its_series():
    reader = RowReader(make_panel_metadata())
    row = {"series": "north", "time": "2024-01-01T00:00:00", "values": {"load": 1.5, "pressure": None}}
    ((time, content),) = reader.read_json(json.dumps(row).encode()).records
    assert json.loads(content) == {"load": 1.5, "pressure": None, "series": "north"}
    among_values = {"time": row["time"], "values": {**row["values"], "series": "north"}}
    assert reader.read_json(json.dumps(among_values).encode()).records == [(time, content)]
