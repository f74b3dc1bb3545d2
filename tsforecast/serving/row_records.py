"""The rows of the journal: written as they arrive, and read back as a version's look-back."""

import json
import sqlite3
from collections.abc import Sequence

import numpy as np

from tsforecast.feeds.batch import Record
from tsforecast.feeds.records import clock_name, decode_rows
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.writer import Statement
from tsforecast.serving.look_back import LookBack

INSERT_ROW = "INSERT INTO rows VALUES(?,?,?,?,?)"
STORE_META = "INSERT INTO meta VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value"
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
    clock = clock_name(metadata)
    return [
        (INSERT_ROW, (first_id + index, now, time, clock, content))
        for index, (time, content) in enumerate(records)
    ]


def load_look_back(connection: sqlite3.Connection, metadata: ModelMetadata) -> LookBack:
    """Return the look-back of a version, from the rows of the journal.

    Args:
        connection: The journal.
        metadata: Metadata of the version.
    """
    look_back, clock = LookBack(metadata), clock_name(metadata)
    (newest,) = connection.execute("SELECT MAX(time) FROM rows WHERE clock=?", (clock,)).fetchone()
    if newest is None:
        return look_back
    made = connection.execute("SELECT value FROM meta WHERE key=?", (MADE,)).fetchone()
    latest = newest if made is None else min(newest, int(made[0]) * 10**9)
    span = np.arange(-metadata.input_rows - 2, 1)
    first = metadata.grid.shift(np.int64(latest).astype("datetime64[ns]"), span)[0] - np.timedelta64(2, "D")
    start = int(first.astype("datetime64[ns]").astype(np.int64))
    records = (
        _last_known(connection, clock, start)
        + connection.execute(
            "SELECT time, content FROM rows WHERE clock=? AND time>=? ORDER BY id", (clock, start)
        ).fetchall()
    )
    look_back.restore(decode_rows(records, metadata), None if made is None else int(made[0]))
    return look_back


def _last_known(connection: sqlite3.Connection, clock: str, start: int) -> list[Record]:
    """Return one record with the last known value of each feature before a time; none if there is no row."""
    rows = connection.execute(
        "SELECT time, content FROM rows WHERE clock=? AND time<? ORDER BY time DESC, id DESC LIMIT ?",
        (clock, start, MAX_SEARCHED),
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
