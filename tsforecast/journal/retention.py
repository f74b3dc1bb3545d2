"""What the journal forgets: records beyond an age, and the oldest ones of a file that is too large."""

import sqlite3
import time
from dataclasses import dataclass

from tsforecast.journal.database import TABLES, UNSAVED

CHUNK = 20_000  # records to delete in one transaction
LARGE = ("forecasts", "scores")  # tables that are shortened first: rows are small, and retraining needs them
SHARE = 0.1  # of each table, to delete at once from a file that is too large
KEPT = 20_000  # newest records of each table that are never deleted: the service continues from them


@dataclass(frozen=True)
class Retention:
    """How long records are kept.

    Args:
        days: Days after their arrival.
        megabytes: Size of the file; the oldest forecasts and scores are deleted first, and rows if that is not enough.
    """

    days: float
    megabytes: float

    def apply(self, connection: sqlite3.Connection) -> None:
        """Delete what need not be kept, and give its room back to the file system.

        Args:
            connection: Connection that may write, without an open transaction.

        Example:
            >>> from tsforecast.journal.database import SCHEMA
            >>> connection = sqlite3.connect(":memory:", isolation_level=None)
            >>> _ = connection.executescript(SCHEMA)
            >>> Retention(days=30, megabytes=100).apply(connection)
        """
        oldest = int((time.time() - self.days * 86_400) * 1000)
        deleted = 0
        for table in TABLES:
            # Only some at a time, so that a clock that jumps ahead for a while costs little.
            deleted += _delete(connection, table, _older(connection, table, oldest))
        deleted += sum(self._shorten(connection, tables) for tables in (LARGE, TABLES))
        if deleted:
            connection.executescript("PRAGMA incremental_vacuum")  # execute would free a single page
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _shorten(self, connection: sqlite3.Connection, tables: tuple[str, ...]) -> int:
        """Delete the oldest records of some tables while the file is too large; return how many."""
        deleted = 0
        while _megabytes(connection) > self.megabytes:
            count = sum(_delete(connection, table, _oldest_share(connection, table)) for table in tables)
            deleted += count
            if not count:
                break
        return deleted


def _megabytes(connection: sqlite3.Connection) -> float:
    """Return the size of what the file holds, without free pages."""
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return float((pages - free) * size / 1e6)


def _oldest_share(connection: sqlite3.Connection, table: str) -> int | None:
    first, last = connection.execute(f"SELECT MIN(id), MAX(id) FROM {table}").fetchone()
    return None if first is None else int(first + (last - first) * SHARE)


def _older(connection: sqlite3.Connection, table: str, oldest: int) -> int | None:
    """Return the last of the oldest records that arrived before a time, in milliseconds since 1970."""
    head = f"SELECT id, arrived FROM {table} ORDER BY id LIMIT {CHUNK}"
    (end,) = connection.execute(f"SELECT MAX(id) FROM ({head}) WHERE arrived < ?", (oldest,)).fetchone()
    return None if end is None else int(end)


def _delete(connection: sqlite3.Connection, table: str, end: int | None) -> int:
    """Delete the records up to an id, at most ``CHUNK`` and none of the newest; return how many."""
    (last,) = connection.execute(f"SELECT MAX(id) FROM {table}").fetchone()
    if end is None or last is None:
        return 0
    unsaved = connection.execute("SELECT value FROM meta WHERE key=?", (UNSAVED,)).fetchone()
    if table == "scores" and unsaved is not None:
        end = min(end, int(unsaved[0]) - 1)
    oldest = f"SELECT id FROM {table} WHERE id <= ? ORDER BY id LIMIT {CHUNK}"
    deleted = connection.execute(f"DELETE FROM {table} WHERE id IN ({oldest})", (min(end, last - KEPT),))
    return deleted.rowcount
