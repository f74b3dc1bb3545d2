"""Databases that a query reads from: DuckDB, SQLite and PostgreSQL, each opened for reading only."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import pyarrow as pa

from tsforecast.errors import UserError, install_hint
from tsforecast.tables import table as limits
from tsforecast.tables.credentials import first_line, redact

CONNECT_SECONDS = "15"
EXAMPLES = "postgresql://user@host/database, sqlite:///file.db, duckdb:///file.db or duckdb:// for files"
REASON = re.compile(r"(?:ERROR|FATAL|Error|failed|connect): +(.*)")


class Database(Protocol):
    """A database of one kind."""

    def batches(self, query: str) -> Iterator[pa.Table]:
        """Yield the rows of a query, some at a time.

        Raises:
            UserError: It cannot be connected to, or the query fails or does more than read.
        """


def open_database(url: str) -> Database:
    """Return the database of a URL; nothing is connected to yet.

    Args:
        url: URL without a key of the config; its password, if any, is never repeated.

    Raises:
        UserError: There is no such kind of database, its file is missing, or its driver is not installed.
    """
    scheme, mark, rest = url.partition("://")
    if scheme in ("postgresql", "postgres") and mark:
        return PostgreSql(url)
    if scheme == "duckdb" and mark:
        return DuckDb(_file(rest) if rest.strip("/") else None)
    if scheme == "sqlite" and mark and rest.strip("/"):
        return Sqlite(_file(rest))
    raise UserError(f"data.connection must be the URL of a database: {EXAMPLES}.")


class PostgreSql:
    """A PostgreSQL server; libpq takes what the URL leaves out from PGPASSWORD, ~/.pgpass and so on."""

    def __init__(self, url: str):
        try:
            from adbc_driver_manager import Error
            from adbc_driver_postgresql import dbapi
        except ImportError:
            raise UserError(
                f"data.connection: the driver of PostgreSQL is missing: {install_hint('sql')}."
            ) from None
        parts = urlsplit(url)
        options = {"connect_timeout": CONNECT_SECONDS, **dict(parse_qsl(parts.query))}
        self._url = urlunsplit(parts._replace(query=urlencode(options, quote_via=quote)))
        self._driver, self._errors = dbapi, Error

    def batches(self, query: str) -> Iterator[pa.Table]:
        """Yield the rows of a query, some at a time, in a transaction that only reads."""
        try:
            connection = self._driver.connect(self._url)
        except self._errors as error:
            raise self._failure("data.connection: the server does not let the query in", error) from None
        with closing(connection), closing(connection.cursor()) as cursor:
            try:
                cursor.execute("SET TRANSACTION READ ONLY")
                cursor.execute(query)
                for batch in cursor.fetch_record_batch():
                    yield pa.Table.from_batches([batch])
            except (self._errors, pa.ArrowException) as error:
                raise self._failure("data.query fails", error) from None

    def _failure(self, what: str, error: Exception) -> UserError:
        return UserError(f"{what}: {redact(_reason(error), self._url)}.")


class DuckDb:
    """DuckDB: a database of its own, or local files such as ``read_parquet('*.parquet')`` without one."""

    def __init__(self, path: Path | None):
        try:
            import duckdb
        except ImportError:
            raise UserError(f"data.connection: DuckDB is missing: {install_hint('sql')}.") from None
        self._duckdb, self._path = duckdb, path

    def batches(self, query: str) -> Iterator[pa.Table]:
        """Yield the rows of a query, some at a time."""
        try:
            connection = self._connect()
        except self._duckdb.Error as error:
            raise UserError(f"data.connection: {self._path} cannot be opened ({_reason(error)}).") from None
        with closing(connection):
            try:
                kinds = [statement.type for statement in self._duckdb.extract_statements(query)]
                if kinds != [self._duckdb.StatementType.SELECT]:
                    raise not_reading()
                rows = connection.sql(query)
                read = getattr(rows, "to_arrow_reader", None) or rows.fetch_arrow_reader  # up to version 1.3
                for batch in read(limits.BATCH_ROWS):
                    yield pa.Table.from_batches([batch])
            except (self._duckdb.Error, pa.ArrowException) as error:
                raise UserError(f"data.query fails: {_reason(error)}.") from None

    def _connect(self) -> Any:
        if self._path is None:
            return self._duckdb.connect()
        return self._duckdb.connect(str(self._path), read_only=True)


class Sqlite:
    """A SQLite file."""

    def __init__(self, path: Path):
        self._path = path

    def batches(self, query: str) -> Iterator[pa.Table]:
        """Yield the rows of a query, some at a time; a column that holds numbers and text is text."""
        try:
            connection = sqlite3.connect(f"file:{quote(str(self._path.absolute()))}?mode=ro", uri=True)
            with closing(connection):
                cursor = connection.execute(query)
                names = [column[0] for column in cursor.description or ()]
                while rows := cursor.fetchmany(limits.BATCH_ROWS):
                    columns = [_to_arrow(list(values)) for values in zip(*rows, strict=True)]
                    yield pa.Table.from_arrays(columns, names=names)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise UserError(f"data.query fails: {_reason(error)}.") from None


def _to_arrow(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _file(rest: str) -> Path:
    """Return the file of a URL: ``/file.db`` is in the current folder, or absolute if it is only there."""
    path = Path(rest.removeprefix("/")).expanduser()
    if not path.is_file() and Path(rest).is_file():
        path = Path(rest)
    if not path.is_file():
        raise UserError(f"data.connection: there is no file {path}.")
    return path


def _reason(error: Exception) -> str:
    """Return what a driver says, without the query and the name of the function that failed."""
    match = REASON.search(str(error))
    return (match[1][:200] if match else first_line(error)).rstrip(". ")


def not_reading() -> UserError:
    """Return the refusal of a query that does more than read."""
    return UserError(
        "data.query must be one statement that only reads, such as SELECT time, load FROM readings."
    )
