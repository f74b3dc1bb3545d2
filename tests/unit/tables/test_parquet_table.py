"""Parquet files as libraries write them: types, indexes and the order of rows."""

import decimal
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsforecast.data.sources.csv import load
from tsforecast.errors import UserError
from tsforecast.tables import parquet_table
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.streaming import stream_rows
from tsforecast.tables.table import Hints

HOURS = np.datetime64("2024-01-01T00", "s") + np.arange(120) * np.timedelta64(3600, "s")
LOAD = np.arange(120) % 24 + 0.25


def write(folder, metadata=None, **columns):
    path = folder / "plant.parquet"
    rows = pa.table({"time": pa.array(HOURS), "load": pa.array(LOAD)} | columns)
    pq.write_table(rows.replace_schema_metadata(metadata or rows.schema.metadata), path, row_group_size=50)
    return str(path)


def both(path, name, **options):
    """Return a column as training and as prediction read it."""
    series = load(path, "load", calendar=False, **options)
    opened = FileSource(path).open(Hints.from_recipe(series.recipe))
    pieces = list(stream_rows(opened, [name], series.recipe.time, series.recipe))
    return series.column(name), np.concatenate([piece.columns[name] for piece in pieces])


WHOLE = np.arange(120) % 7


def test_rows_that_a_file_cannot_have_are_refused_before_they_are_read(tmp_path, monkeypatch):
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"time": np.zeros(10**6, "datetime64[s]"), "load": np.zeros(10**6)}), path)
    FileSource(str(path)).open()
    monkeypatch.setattr(parquet_table, "SMALL_BYTES", 10**6)
    with pytest.raises(
        UserError, match=r"states 1,000,000 rows in [\d,]+ bytes, far more than any measured data"
    ):
        FileSource(str(path)).open()
    FileSource(write(tmp_path)).open()


def test_a_file_that_states_other_rows_than_its_parts_is_refused(tmp_path):
    path = tmp_path / "stated.parquet"
    path.write_bytes(Path(write(tmp_path)).read_bytes())
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    stated = content.index(b"\x16\xf0\x01", footer)  # 120 rows: a field of 64 bits, and 240 as a varint
    path.write_bytes(content[:stated] + b"\x16\xfe\x7f" + content[stated + 3 :])
    assert pq.ParquetFile(path).metadata.num_rows == 8191
    with pytest.raises(UserError, match="it states 8,191 rows, and its parts others"):
        FileSource(str(path)).open()


TYPES = {
    "decimal": pa.array([decimal.Decimal(int(value)) / 4 for value in WHOLE], pa.decimal128(10, 2)),
    "float16": pa.array(WHOLE / 4, pa.float16()),
    "float32": pa.array(WHOLE / 4, pa.float32()),
    "dictionary of text": pa.array([str(value / 4) for value in WHOLE]).dictionary_encode(),
    "large text": pa.array([str(value / 4) for value in WHOLE], pa.large_string()),
    "text view": pa.array([str(value / 4) for value in WHOLE], pa.string_view()),
}


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_of_number_is_read(tmp_path, kind):
    for values in both(write(tmp_path, extra=TYPES[kind]), "extra"):
        np.testing.assert_array_equal(values, WHOLE / 4)


def test_small_integers_may_have_nulls(tmp_path):
    column = pa.array([None if value == 3 else int(value) for value in WHOLE], pa.uint8())
    for values in both(write(tmp_path, extra=column), "extra"):
        np.testing.assert_array_equal(values, np.where(WHOLE == 3, np.nan, WHOLE))


@pytest.mark.parametrize(
    ("column", "first"),
    [
        (pa.array(HOURS).cast(pa.timestamp("us", "Europe/Paris")), "2024-01-01T00"),
        (pa.array(HOURS.astype(np.int64)), "2024-01-01T00"),
        (pa.array(HOURS.astype(np.int64) * 1000), "2024-01-01T00"),
        (pa.array(HOURS).cast(pa.timestamp("ns")), "2024-01-01T00"),
        (pa.array([str(time) for time in HOURS], pa.large_string()), "2024-01-01T00"),
    ],
    ids=["zone", "seconds", "milliseconds", "nanoseconds", "large text"],
)
def test_every_type_of_time_is_read(tmp_path, column, first):
    series = load(write(tmp_path, time=column), "load", calendar=False)
    assert series.time[0] == np.datetime64(first)
    assert (series.step, len(series)) == (3600, 120)


@pytest.mark.parametrize(
    "column", [pa.array([[1.0]] * 120), pa.array([{"x": 1.0}] * 120)], ids=["list", "struct"]
)
def test_nested_columns_are_left_out_and_refused_where_they_are_asked_for(tmp_path, column):
    path = write(tmp_path, nested=column)
    series = load(path, "load", calendar=False)
    assert series.features == ("load",)
    assert any("'nested' is not numeric" in note for note in series.notes)
    for options in ({"target": "nested"}, {"target": "load", "features": ["nested"]}):
        with pytest.raises(UserError, match="nested"):
            load(path, **options)


@pytest.mark.parametrize(
    ("index", "kept"), [(np.arange(120), False), (HOURS, True)], ids=["counter", "times"]
)
def test_the_nameless_index_of_pandas_counts_only_if_it_holds_times(tmp_path, index, kept):
    metadata = {"pandas": json.dumps({"index_columns": ["__index_level_0__"]})}
    columns = {"__index_level_0__": pa.array(index)} | ({"time": pa.array(["x"] * 120)} if kept else {})
    series = load(write(tmp_path, metadata, **columns), "load", calendar=False)
    assert series.features == ("load",)
    assert series.recipe.time.columns == (("index",) if kept else ("time",))
    assert any("index of the data frame" in note for note in series.notes) is not kept
    np.testing.assert_array_equal(series.time, HOURS)


def test_row_groups_may_be_in_any_order(tmp_path):
    order = np.concatenate([np.arange(50, 120), np.arange(50)])
    path = write(tmp_path, time=pa.array(HOURS[order]), load=pa.array(LOAD[order]))
    assert "The rows were not in order of time (1 steps back) and were sorted." in load(path, "load").notes
    for values in both(path, "load"):
        np.testing.assert_array_equal(values, LOAD)
