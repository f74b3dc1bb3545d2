"""Tables that are read again when they have changed."""

import sqlite3

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers.serving_case import make_metadata, make_rows, make_task
from tsforecast.errors import UserError
from tsforecast.feeds import table as module
from tsforecast.feeds.table import follow_files, follow_query
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.serving.arrivals import RowReader
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

METADATA = ModelMetadata.from_task(
    make_task(),
    make_metadata(
        recipe=ReadingRecipe(
            TimeFormat(("time",), "iso"), ("load", "pressure"), TimeGrid(Frequency(60))
        ).to_dict()
    ),
)
READER = RowReader(METADATA)
TIME, COLUMNS = make_rows(60)


def poll(feed):
    numbers, position = [], None
    while (batch := feed.poll(READER)) is not None:
        times = np.array([time for time, _ in batch.records], np.int64).astype("datetime64[ns]")
        numbers += ((times - TIME[0]) // np.timedelta64(60, "s")).tolist()
        position = batch.position
    return numbers, position


def rows(first, last):
    return pa.table(
        {"time": TIME[first:last], **{name: values[first:last] for name, values in COLUMNS.items()}}
    )


def test_a_parquet_file_that_is_written_again(tmp_path):
    path = tmp_path / "rows.parquet"
    feed = follow_files(str(path))
    with pytest.raises(UserError, match="there is no file"):
        feed.poll(READER)
    pq.write_table(rows(0, 10), path)
    numbers, position = poll(feed)
    assert numbers == list(range(10))
    assert poll(feed)[0] == []
    pq.write_table(rows(0, 13), path)
    assert poll(feed)[0] == [10, 11, 12]
    assert poll(follow_files(str(path), position))[0] == [10, 11, 12]


def test_a_folder_to_which_files_are_added(tmp_path):
    pq.write_table(rows(0, 10), tmp_path / "a.parquet")
    feed = follow_files(str(tmp_path))
    assert poll(feed)[0] == list(range(10))
    pq.write_table(rows(10, 12), tmp_path / "b.parquet")
    assert poll(feed)[0] == [10, 11]


@pytest.fixture
def database(tmp_path):
    with sqlite3.connect(tmp_path / "plant.db") as connection:
        connection.execute("CREATE TABLE readings(time TEXT, load REAL, pressure REAL)")
    return tmp_path / "plant.db"


def insert(database, numbers, load=None):
    with sqlite3.connect(database) as connection:
        for row in numbers:
            time = str(TIME[row]).replace("T", " ")
            values = (time, COLUMNS["load"][row] if load is None else load, COLUMNS["pressure"][row])
            connection.execute("INSERT INTO readings VALUES(?,?,?)", values)


def test_a_query_is_asked_for_rows_from_the_newest_time_on(database, monkeypatch):
    feed = follow_query(f"sqlite:///{database}", "SELECT * FROM readings;")
    assert poll(feed)[0] == []
    insert(database, range(5))
    assert poll(feed)[0] == [0, 1, 2, 3, 4]
    insert(database, [5, 6])
    asked = []
    monkeypatch.setattr(
        module,
        "QuerySource",
        lambda connection, query, make=module.QuerySource: asked.append(query) or make(connection, query),
    )
    numbers, position = poll(feed)
    assert numbers == [5, 6]
    assert all('WHERE "time" >= \'2024-01-01 00:0' in query for query in asked)
    insert(database, [6], load=2.5)  # another row of the newest time
    insert(database, [7])
    assert poll(feed)[0] == [6, 7]
    assert poll(follow_query(f"sqlite:///{database}", "SELECT * FROM readings", position))[0] == [6, 7]


def test_a_first_poll_takes_the_newest_rows_only(database, monkeypatch):
    monkeypatch.setattr(module, "MAX_ROWS", 4)
    insert(database, range(20))
    feed = follow_query(f"sqlite:///{database}", "SELECT * FROM readings")
    assert poll(feed)[0] == [16, 17, 18, 19]
    insert(database, range(20, 30))
    assert poll(feed)[0] == list(range(20, 30))  # in several batches
