"""Tables that are read again when they have changed: Parquet files, folders, and queries."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.errors import UserError
from tsforecast.feeds.batch import MAX_ROWS, Batch, Reader, Record
from tsforecast.tables.file_source import FileSource
from tsforecast.tables.frame import FrameTable
from tsforecast.tables.locations import find_files
from tsforecast.tables.query import QuerySource
from tsforecast.tables.table import Hints, Source

Signature = object
OPTIONS = {"data.connection": "serve.feed_connection", "data.query": "serve.feed", "data.path": "serve.feed"}
NO_ROW = "returns no row"  # says a query that may return some later


class TableFeed:
    """Reads a table again and again, and passes on the rows that are new.

    New are rows that are as late as the latest one before or later, and that have not been passed on. The newest time
    is stored with the rows, so that a restart neither loses nor repeats a row.

    Args:
        name: What messages call the table.
        source: Returns the table's source, given the newest time as the table writes it, or None for all rows.
        signature: Returns something that changes when the table does; None: it is always read.
        position: What an earlier feed of this table stored.
    """

    def __init__(
        self,
        name: str,
        source: Callable[[object, Hints], Source],
        signature: Callable[[], Signature] | None = None,
        position: str | None = None,
    ):
        self.name, self._source, self._signature = name, source, signature
        stored = {} if position is None else json.loads(position)
        self._newest: int | None = stored.get("time")
        self._written: object = stored.get("written")
        self._seen: set[Record] = {(time, content) for time, content in stored.get("seen", ())}
        self._read: Signature = None
        self._waiting: list[Record] = []

    def poll(self, reader: Reader) -> Batch | None:
        """Return new rows; None if the table has not changed or has none."""
        if not self._waiting:
            with service_options():
                signature = None if self._signature is None else self._signature()
                if signature is not None and signature == self._read:
                    return None
                self._waiting = self._new_rows(reader)
            self._read = signature
        records, self._waiting = self._waiting[:MAX_ROWS], self._waiting[MAX_ROWS:]
        if not records:
            return None
        newest = max(time for time, _ in records)
        if self._newest is None or newest > self._newest:
            self._newest, self._seen = newest, set()
        self._seen |= {record for record in records if record[0] == self._newest}
        stored = {"time": self._newest, "written": self._written, "seen": sorted(self._seen)}
        return Batch(records, json.dumps(stored))

    def confirm(self, batch: Batch) -> None:
        """Do nothing: the position is stored with the rows."""

    def close(self) -> None:
        """Do nothing: nothing stays open."""

    def _new_rows(self, reader: Reader) -> list[Record]:
        try:
            table = self._source(self._written, reader.hints).open(reader.hints)
        except UserError as error:
            if NO_ROW in str(error):
                return []
            raise
        pieces = [piece for piece in table.pieces() if piece.num_rows]
        if not pieces:
            return []
        rows = pa.concat_tables(pieces, promote_options="permissive")
        records = sorted(reader.read_table(FrameTable(rows)).records, key=lambda record: record[0])
        column = (*reader.hints.exact, "time")[0]
        if column in rows.column_names:
            self._written = _as_written(pc.max(rows[column]).as_py())
        if self._newest is None:
            return records[-MAX_ROWS:]
        return [record for record in records if record[0] >= self._newest and record not in self._seen]


def follow_files(path: str, position: str | None = None) -> TableFeed:
    """Return a feed of a Parquet file that is written again, or of a folder to which files are added.

    Args:
        path: File, folder, pattern or URL.
        position: What an earlier feed stored.
    """

    def signature() -> Signature:
        listing = find_files(path)
        listed = [file.system.get_file_info(file.path) for file in listing.files]
        return tuple((info.path, info.mtime_ns, info.size) for info in listed)

    return TableFeed(path, lambda written, hints: FileSource(path), signature, position)


def follow_query(connection: str, query: str, position: str | None = None) -> TableFeed:
    """Return a feed of a query; rows are asked for from the newest time on.

    Args:
        connection: URL of the database, or ``env:NAME``.
        query: The statement, which only reads.
        position: What an earlier feed stored.
    """

    def source(written: object, hints: Hints) -> Source:
        if written is None or not hints.order:
            return QuerySource(connection, query)
        column = hints.order[0].replace('"', '""')
        statement = query.strip().rstrip("; \n")
        later = f'SELECT * FROM (\n{statement}\n) AS feed WHERE "{column}" >= {_literal(written)}'
        return QuerySource(connection, later)

    return TableFeed("the query", source, None, position)


@contextmanager
def service_options() -> Iterator[None]:
    """Name the options of the service in messages about tables, which name those of the data."""
    try:
        yield
    except UserError as error:
        sentence = str(error)
        for key, option in OPTIONS.items():
            sentence = sentence.replace(key, option)
        raise UserError(sentence) from None


def _as_written(value: object) -> object:
    """Return a time as a database compares it: a number, or text in the order of time."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value if value is None or isinstance(value, int | float) else str(value)


def _literal(value: object) -> str:
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"
