"""The rows of a query as a table."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.reading.dialect import clean_names
from tsforecast.tables.credentials import ENVIRONMENT, resolve
from tsforecast.tables.databases import Database, not_reading, open_database
from tsforecast.tables.table import NO_HINTS, REPEATED, Hints, Table, is_wanted, unique_names
from tsforecast.tables.types import join_pieces, plain_table

HEAD_ROWS = 1000
READS = re.compile(
    r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(?:select|with|from|table|values)\b", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class QuerySource:
    """A query of a database.

    Args:
        connection: URL of the database, or ``env:NAME`` for an environment variable that holds it.
        query: The statement, which only reads.
    """

    connection: str
    query: str

    @property
    def name(self) -> str:
        """Name of the series: that of the database."""
        if self.connection.startswith(ENVIRONMENT):
            return "query"
        return PurePosixPath(urlsplit(self.connection).path).stem or "query"

    def open(self, hints: Hints = NO_HINTS) -> Table:
        """Open the table.

        Raises:
            UserError: The connection or the query fails, or the query does more than read.
        """
        database, query = self.check()
        return QueryTable(database, query, hints.order)

    def check(self) -> tuple[Database, str]:
        """Return the database and the query without a semicolon; nothing is connected to yet.

        Raises:
            UserError: There is no such database, its driver is missing, or the query does more than read.
        """
        if not isinstance(self.connection, str):
            raise UserError("data.connection is not a URL, such as postgresql://user@host/database.")
        query = self.query.strip().rstrip("; \n") if isinstance(self.query, str) else ""
        if not READS.match(query):
            raise not_reading()
        return open_database(resolve(self.connection, "data.connection")), query


class QueryTable(Table):
    """The rows of a query, read in pieces.

    Args:
        database: Where the query runs.
        query: The statement without a semicolon.
        order: Columns to sort the rows by, if all are there.

    Raises:
        UserError: The query fails.
    """

    key, label, can_sort = "data.query", "the query", True

    def __init__(self, database: Database, query: str, order: Sequence[str] = ()):
        self._database, self._query = database, query
        head = list(database.batches(f"SELECT * FROM (\n{query}\n) AS source LIMIT {HEAD_ROWS}"))
        if not head:
            raise UserError("data.query returns no row: a series needs at least two.")
        self._raw = head[0].column_names
        self._names, self.repeated = unique_names(clean_names(self._raw))
        self.columns = tuple(name for name in self._names if REPEATED not in name)
        self._order = order if set(order) <= set(self.columns) else ()
        self._head = join_pieces([self._rename(piece, self._names) for piece in head]).select(
            list(self.columns)
        )

    def head(self) -> pa.Table:
        """Return the first rows."""
        return self._head

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        raw = {
            name: raw for name, raw in zip(self._names, self._raw, strict=True) if is_wanted(name, columns)
        }
        selected = ", ".join(_quote(name) for name in raw.values())
        query = f"SELECT {selected} FROM (\n{self._query}\n) AS source"
        if self._order:
            known = dict(zip(self._names, self._raw, strict=True))
            query += " ORDER BY " + ", ".join(_quote(known[name]) for name in self._order)
        for piece in self._database.batches(query):
            yield self._rename(piece, list(raw))

    def table(self) -> pa.Table:
        """Return all rows."""
        return join_pieces(list(self.pieces()))

    def _rename(self, piece: pa.Table, names: Sequence[str]) -> pa.Table:
        return plain_table(piece.rename_columns(list(names)))


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
