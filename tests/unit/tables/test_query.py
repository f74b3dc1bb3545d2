"""Queries of DuckDB, SQLite and files: the same series as from a file, and nothing but reading."""

import datetime
import re
import sqlite3

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tsforecast.data.sources.sql import load
from tsforecast.errors import UserError
from tsforecast.tables import table
from tsforecast.tables.query import QuerySource
from tsforecast.tables.streaming import stream_rows
from tsforecast.tables.table import Hints

HOURS = [datetime.datetime(2024, 1, 1) + datetime.timedelta(hours=hour) for hour in range(300)]
LOAD = [hour % 24 + 0.25 for hour in range(300)]


@pytest.fixture(scope="module")
def databases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("databases")
    with duckdb.connect(str(folder / "plant.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE r AS SELECT TIMESTAMP '2024-01-01' + INTERVAL (i) HOUR AS time,"
            " CAST(i % 24 + 0.25 AS DECIMAL(10, 2)) AS load, i % 2 = 0 AS flag, 'x' AS note,"
            " CASE WHEN i % 50 > 0 THEN i END AS number FROM range(300) t(i) ORDER BY hash(i)"
        )
    connection = sqlite3.connect(folder / "plant.sqlite")
    connection.execute("CREATE TABLE r (time TEXT, load NUMERIC, flag BOOLEAN, note TEXT, number INTEGER)")
    rows = [
        (str(time), load, i % 2 == 0, "x", i if i % 50 else None)
        for i, (time, load) in enumerate(zip(HOURS, LOAD, strict=True))
    ]
    connection.executemany(
        "INSERT INTO r VALUES (?, ?, ?, ?, ?)", sorted(rows, key=lambda row: str(hash(row[:2])))
    )
    connection.commit()
    connection.close()
    return {
        "duckdb": f"duckdb:///{folder}/plant.duckdb",
        "sqlite": f"sqlite:///{folder}/plant.sqlite",
        "folder": folder,
    }


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_rows_become_a_series_in_the_order_of_time(databases, kind):
    series = load(databases[kind], "SELECT * FROM r;", "load", calendar=False)
    assert (series.name, series.features, len(series)) == ("plant", ("load", "flag", "number"), 300)
    np.testing.assert_array_equal(series.time, np.array(HOURS, "datetime64[s]"))
    np.testing.assert_array_equal(series.column("load"), LOAD)
    np.testing.assert_array_equal(series.column("flag"), [i % 2 == 0 for i in range(300)])
    np.testing.assert_array_equal(series.column("number"), [i if i % 50 else np.nan for i in range(300)])


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
def test_prediction_gets_sorted_pieces_of_the_needed_columns(databases, kind, monkeypatch):
    monkeypatch.setattr(table, "BATCH_ROWS", 64)
    recipe = load(databases[kind], "SELECT * FROM r", "load").recipe
    opened = QuerySource(databases[kind], "SELECT * FROM r -- all").open(Hints.from_recipe(recipe))
    assert all(piece.column_names == ["load"] for piece in opened.pieces(["load"]))
    rows = list(stream_rows(opened, ["load"], recipe.time, recipe))
    assert len(rows) > 1
    np.testing.assert_array_equal(np.concatenate([piece.columns["load"] for piece in rows]), LOAD)
    assert (np.diff(np.concatenate([piece.time for piece in rows]).astype(np.int64)) > 0).all()


def test_sqlite_columns_of_mixed_types_lose_nothing(tmp_path):
    connection = sqlite3.connect(tmp_path / "mixed.db")
    connection.execute("CREATE TABLE r (time INTEGER, load, flow)")
    rows = [(1_704_067_200 + 60 * i, i if i % 2 else i + 0.5, "7" if i == 5 else i) for i in range(100)]
    connection.executemany("INSERT INTO r VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    series = load(f"sqlite:///{tmp_path}/mixed.db", "SELECT * FROM r", "load", time="time", calendar=False)
    np.testing.assert_array_equal(series.column("load"), [row[1] for row in rows])
    np.testing.assert_array_equal(series.column("flow"), [7 if i == 5 else i for i in range(100)])
    assert series.step == 60


def test_duckdb_reads_files_without_a_database(tmp_path):
    pq.write_table(pa.table({"time": HOURS, "load": LOAD}), tmp_path / "a.parquet")
    query = f"SELECT time, load * 2 AS double FROM read_parquet('{tmp_path}/*.parquet') WHERE load > 0"
    series = load("duckdb://", query, "double", calendar=False)
    np.testing.assert_array_equal(series.column("double"), [2 * value for value in LOAD])


READING = "must be one statement that only reads"
REFUSED = {
    "drop": ("DROP TABLE r", READING),
    "delete": ("delete from r", READING),
    "insert": ("INSERT INTO r VALUES (1)", READING),
    "set": ("SET memory_limit = '1GB'", READING),
    "attach": ("ATTACH 'x.db'", READING),
    "copy": ("COPY r TO 'x.csv'", READING),
    "two": ("SELECT * FROM r; DROP TABLE r", "fails"),
    "close the parenthesis": ("SELECT * FROM r) AS x; DROP TABLE r; SELECT (1", "fails|reads"),
    "delete in a table expression": ("WITH w AS (DELETE FROM r RETURNING *) SELECT * FROM w", "fails"),
    "no such table": ("SELECT * FROM readings", "(?i)readings.*not exist|no such table: readings"),
    "no such column": ("SELECT lod FROM r", "lod"),
    "syntax": ("SELECT FROM WHERE", "data.query fails"),
    "empty": ("", READING),
    "no row": ("SELECT * FROM r WHERE load > 1000", "returns no row"),
}


@pytest.mark.parametrize("kind", ["duckdb", "sqlite"])
@pytest.mark.parametrize("case", REFUSED)
def test_queries_that_fail_or_write_are_refused_in_one_sentence(databases, kind, case):
    query, match = REFUSED[case]
    with pytest.raises(UserError, match=match) as caught:
        load(databases[kind], query, "load")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("data.query")
    assert len(load(databases[kind], "SELECT * FROM r", "load")) == 300


@pytest.mark.parametrize(
    ("connection", "match"),
    [
        ("plant.db", "must be the URL of a database"),
        ("mysql://host/plant", "must be the URL of a database"),
        ("duckdb:///missing.db", "there is no file missing.db"),
        ("sqlite:///missing.db", "there is no file missing.db"),
        ("sqlite://", "must be the URL"),
        ("env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE is not set"),
        ("postgresql://reader:top-secret@host/plant", "contains a password.*PGPASSWORD"),
        ("postgresql://host/plant?user=a&password=top-secret", "contains a password.*env:DATABASE_URL"),
        ("mqtt://reader:top-secret@host/rows", "contains a password.*env:FEED_URL"),
        (7, "is not a URL"),
    ],
)
def test_connections_that_lead_nowhere_are_refused_without_their_password(connection, match):
    with pytest.raises(UserError, match=match) as caught:
        load(connection, "SELECT 1 AS time", "load")
    assert not re.search("top-secret", str(caught.value))


def test_a_url_in_the_environment_is_read_when_it_is_needed(databases, monkeypatch):
    monkeypatch.setenv("PLANT", databases["sqlite"])
    series = load("env:PLANT", "SELECT * FROM r", "load")
    assert (series.name, len(series)) == ("query", 300)


def test_a_missing_driver_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(UserError, match="make setup EXTRAS=sql"):
        load("duckdb://", "SELECT 1 AS time", "load")
