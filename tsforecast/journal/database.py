"""The SQLite file of the journal: its tables, and how it is opened so that no commit is lost."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from tsforecast.errors import UserError
from tsforecast.files import flush_folder

FILE = "journal.db"  # in the folder live/ of a registry
LOCK_SECONDS = 10  # for a service that is just ending
BUSY_SECONDS = 30  # to wait for a reader or a checkpoint
UNSAVED = "unsaved"  # key in meta of the oldest score that the stored intervals of many series lack
TABLES = ("rows", "truths", "forecasts", "scores")  # that grow, and that retention shortens
SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows(
  id INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, time INTEGER NOT NULL, clock TEXT NOT NULL,
  content TEXT NOT NULL, series TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS rows_by_time ON rows(time);
CREATE TABLE IF NOT EXISTS truths(
  id INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, time INTEGER NOT NULL, target INTEGER NOT NULL,
  value REAL, series TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS forecasts(
  id INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, version TEXT NOT NULL, shadow INTEGER NOT NULL,
  made_at INTEGER NOT NULL, pending INTEGER NOT NULL, content BLOB NOT NULL,
  series TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS pending_forecasts ON forecasts(version, made_at) WHERE pending;
CREATE TABLE IF NOT EXISTS scores(
  id INTEGER PRIMARY KEY, arrived INTEGER NOT NULL, version TEXT NOT NULL, forecast INTEGER NOT NULL,
  time INTEGER NOT NULL, step INTEGER NOT NULL, target INTEGER NOT NULL, value REAL,
  low REAL, high REAL, lower REAL, upper REAL, truth REAL, learned INTEGER NOT NULL,
  series TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS scores_by_forecast ON scores(forecast);
CREATE INDEX IF NOT EXISTS scores_by_version ON scores(version, id);
CREATE TABLE IF NOT EXISTS intervals(version TEXT PRIMARY KEY, score INTEGER NOT NULL, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS weights(version TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS levels(
  version TEXT NOT NULL, series TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY(version, series)) WITHOUT ROWID;
"""
# Of one series, whose name is empty, these have no entries, and so cost nothing.
INDEXES = """
CREATE INDEX IF NOT EXISTS rows_by_series ON rows(series, time) WHERE series<>'';
CREATE INDEX IF NOT EXISTS truths_by_series ON truths(series, id) WHERE series<>'';
CREATE INDEX IF NOT EXISTS forecasts_by_series ON forecasts(series, shadow, id) WHERE series<>'';
"""


def journal_path(registry: Path, named: str | None) -> Path:
    """Return the file of a service's journal.

    Args:
        registry: Folder of the registry.
        named: The file if an option names one; None: in the registry's folder.

    Example:
        >>> journal_path(Path("outputs/registry"), None).as_posix()
        'outputs/registry/live/journal.db'
    """
    return registry / "live" / FILE if named is None else Path(named)


def open_journal(path: Path) -> sqlite3.Connection:
    """Open the journal for writing, and create it if there is none.

    A commit is on the disk when it returns: the write-ahead log is flushed at each (``synchronous=FULL``), as
    ``NORMAL`` would lose the newest commits at a power failure.

    Args:
        path: The file; its folder is created.

    Raises:
        UserError: The file cannot be opened, or is not a journal.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # counts for a new file only
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(SCHEMA)
        _add_series(connection)
        connection.executescript(INDEXES)
        flush_folder(path.parent)
    except (sqlite3.Error, OSError) as error:
        raise _opening_error(path, error) from None
    return connection


def _add_series(connection: sqlite3.Connection) -> None:
    """Add the column with the name of the series to the tables of a journal that has been written without it."""
    for table in TABLES:
        if not has_series(connection, table):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN series TEXT NOT NULL DEFAULT ''")


def has_series(connection: sqlite3.Connection, table: str = "rows") -> bool:
    """Return whether a table says which series its records are of: those of older journals are of one series."""
    return any(column[1] == "series" for column in connection.execute(f"PRAGMA table_info({table})"))


def series_condition(name: str) -> str:
    """Return the SQL condition, with one parameter for the name, on the records of a series.

    Example:
        >>> series_condition(""), series_condition("north")
        ('series=?', "series=? AND series<>''")
    """
    return "series=? AND series<>''" if name else "series=?"


def state_key(key: str, name: str) -> str:
    """Return the key of what is stored of a series.

    Example:
        >>> state_key("v0001", ""), state_key("v0001", "north")
        ('v0001', 'v0001/north')
    """
    return f"{key}/{name}" if name else key


def read_journal(path: Path) -> sqlite3.Connection:
    """Open the journal for reading; it sees what has been committed.

    Raises:
        UserError: There is no journal.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("SELECT 1 FROM meta LIMIT 1")
    except sqlite3.Error as error:
        raise UserError(f"The journal {path} cannot be read ({error}).") from None
    return connection


@contextmanager
def lock_journal(path: Path, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Hold the lock of a journal, so that it has one writer.

    Args:
        path: The journal; the lock is next to it.
        seconds: Seconds to wait for another service to end.

    Raises:
        UserError: Another service has the journal, or its folder cannot be written.
    """
    lock = FileLock(path.with_suffix(".lock"), timeout=seconds)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"The journal {path} is that of another running service: stop it, or give this one a file of its"
            " own with serve.journal=FILE."
        ) from None
    except OSError as error:
        raise _opening_error(path, error) from None
    try:
        yield
    finally:
        lock.release()


def _opening_error(path: Path, error: Exception) -> UserError:
    return UserError(
        f"The journal {path} cannot be opened ({error}): move it away if it is damaged, or make its folder writable."
    )
