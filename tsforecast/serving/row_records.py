"""The rows of the journal: written as they arrive, and read back as the look-backs of a version."""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from tsforecast.feeds.batch import Record
from tsforecast.feeds.records import clock_name, decode_rows
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.database import series_condition, state_key
from tsforecast.journal.writer import Statement
from tsforecast.serving.look_backs import LookBacks
from tsforecast.serving.series_book import SeriesBook
from tsforecast.serving.series_names import series_columns, series_of

INSERT_ROW = "INSERT INTO rows VALUES(?,?,?,?,?,?)"
STORE_META = "INSERT INTO meta VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value"
STORE_LEVEL = "INSERT OR IGNORE INTO levels VALUES(?,?,?)"
MADE = "made_at"  # time of the newest row from which the rows have been forecast
MAX_SEARCHED = 100_000  # rows in which the last known values are searched for


def insert_rows(
    records: Sequence[Record], first_id: int, now: int, metadata: ModelMetadata
) -> list[Statement]:
    """Return the statements that add rows to the journal.

    Args:
        records: The rows.
        first_id: Id of the first.
        now: Time of arrival, in milliseconds since 1970.
        metadata: Metadata of the model that read them.
    """
    clock, columns = clock_name(metadata), series_columns(metadata)
    return [
        (INSERT_ROW, (first_id + index, now, record[0], clock, record[1], series_of(record, columns)))
        for index, record in enumerate(records)
    ]


def load_look_backs(
    connection: sqlite3.Connection, book: SeriesBook
) -> tuple[LookBacks, dict[str, ModelMetadata]]:
    """Return the look-backs of a version, from the rows of the journal, and the series whose levels they tell.

    Args:
        connection: The journal.
        book: The series of the version.
    """
    look_backs, started = LookBacks(book), dict[str, ModelMetadata]()
    clock, names = clock_name(book.metadata), [""]
    if book.is_panel:
        distinct = "SELECT DISTINCT series FROM rows WHERE series<>'' AND clock=?"
        names = [name for (name,) in connection.execute(distinct, (clock,))]
    for name in names:
        if name and book.metadata_of(name) is None:
            series = _first_level(connection, book, name, clock)
            if series is not None:
                started[name] = series
        _load_rows(connection, look_backs, name, clock, started.get(name))
    return look_backs, started


def _first_level(
    connection: sqlite3.Connection, book: SeriesBook, name: str, clock: str
) -> ModelMetadata | None:
    """Return the metadata of an unknown series with the level of its first window; None if it is not complete."""
    first = (
        f"SELECT time, content FROM rows WHERE clock=? AND {series_condition(name)} ORDER BY time, id LIMIT ?"
    )
    records = connection.execute(first, (clock, name, book.metadata.lookback)).fetchall()
    if len(records) < book.metadata.lookback:
        return None
    return book.first_level(name, decode_rows(records, book.metadata).columns)


def _load_rows(
    connection: sqlite3.Connection,
    look_backs: LookBacks,
    name: str,
    clock: str,
    started: ModelMetadata | None,
) -> None:
    metadata, one = look_backs.book.metadata, series_condition(name)
    (newest,) = connection.execute(
        f"SELECT MAX(time) FROM rows WHERE clock=? AND {one}", (clock, name)
    ).fetchone()
    if newest is None:
        return
    made = connection.execute("SELECT value FROM meta WHERE key=?", (state_key(MADE, name),)).fetchone()
    latest = newest if made is None else min(newest, int(made[0]) * 10**9)
    span = np.arange(-metadata.input_rows - 2, 1)
    first = metadata.grid.shift(np.int64(latest).astype("datetime64[ns]"), span)[0] - np.timedelta64(2, "D")
    start = int(first.astype("datetime64[ns]").astype(np.int64))
    records = (
        _last_known(connection, clock, name, start)
        + connection.execute(
            f"SELECT time, content FROM rows WHERE clock=? AND time>=? AND {one} ORDER BY id",
            (clock, start, name),
        ).fetchall()
    )
    rows = decode_rows(records, metadata)
    look_backs.restore(name, rows, None if made is None else int(made[0]), started)


def _last_known(connection: sqlite3.Connection, clock: str, name: str, start: int) -> list[Record]:
    """Return one record with the last known value of each feature before a time; none if there is no row."""
    rows = connection.execute(
        f"SELECT time, content FROM rows WHERE clock=? AND time<? AND {series_condition(name)}"
        " ORDER BY time DESC, id DESC LIMIT ?",
        (clock, start, name, MAX_SEARCHED),
    )
    known: dict[str, float | str | None] = {}
    last = None
    for time, content in rows:
        last = time if last is None else last
        for name, value in json.loads(content).items():
            if known.get(name) is None:
                known[name] = value
        if all(value is not None for value in known.values()):
            break
    return [] if last is None else [(last, json.dumps(known))]
