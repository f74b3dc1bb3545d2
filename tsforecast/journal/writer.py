"""One thread that commits what many requests wrote: all that is waiting becomes one transaction."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

Statement = tuple[str, tuple[object, ...]]  # SQL with the values of its parameters
MAX_WAITING = 50_000  # statements that may wait while the disk fails
RETRY_SECONDS = 0.5


class NotStored(Exception):
    """A change could not be written to the disk."""


class GroupWriter:
    """Commits groups of changes in the order in which they came.

    While one transaction is being flushed to the disk, further changes gather; they are the next transaction. A change
    is never divided. If a transaction fails, for instance on a full disk, its changes stay and are tried again; those
    who wait for them learn of the failure at once.

    Args:
        connection: Connection that only this object uses from now on.
        tidy: Called with the connection when ``tidy_seconds`` have passed, between two transactions.
        tidy_seconds: Seconds from one such call to the next.

    Example:
        >>> writer = GroupWriter(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
        >>> writer.put([("CREATE TABLE numbers(n)", ()), ("INSERT INTO numbers VALUES(?)", (1,))])
        >>> writer.flush()
        >>> writer.close()
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        tidy: Callable[[sqlite3.Connection], None] = lambda connection: None,
        tidy_seconds: float = 60.0,
    ):
        self._connection, self._tidy, self._tidy_seconds = connection, tidy, tidy_seconds
        self._changed = threading.Condition()
        self._changes: list[Sequence[Statement]] = []
        self._waiters: list[Future[None]] = []
        self._closing = False
        self.failure: str | None = None  # why the newest transaction failed; None if it did not
        self.commits = 0
        self._next_tidy = time.monotonic() + tidy_seconds
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Refuse further changes while too many wait for a disk that fails.

        Raises:
            NotStored: Saying why.
        """
        if self.failure is not None and len(self._changes) > MAX_WAITING:
            raise NotStored(self.failure)

    def put(self, statements: Sequence[Statement]) -> None:
        """Add a change, which is committed as a whole; it returns at once.

        Args:
            statements: The statements of the change.
        """
        if statements:
            with self._changed:
                self._changes.append(statements)
                self._changed.notify()

    async def committed(self) -> None:
        """Wait until everything that was put before is on the disk.

        Raises:
            NotStored: It could not be written; it is tried again.
        """
        await asyncio.wrap_future(self._wait())

    def flush(self) -> None:
        """Wait until everything that was put before is on the disk; for other threads than the event loop's.

        Raises:
            NotStored: It could not be written; it is tried again.
        """
        self._wait().result()

    def close(self) -> None:
        """Commit what is waiting, once more if it fails, and close the connection."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _wait(self) -> "Future[None]":
        future: Future[None] = Future()
        with self._changed:
            self._waiters.append(future)
            self._changed.notify()
        return future

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._changes or self._waiters or self._closing):
                    if not self._changed.wait(max(0.0, self._next_tidy - time.monotonic())):
                        break
                changes, waiters, is_last = self._changes, self._waiters, self._closing
                self._changes, self._waiters = [], []
            if changes or waiters:
                self._commit(changes, waiters)
            if is_last and (self.failure is not None or not self._changes):
                break
            self._tidy_when_due()
        self._connection.close()

    def _commit(self, changes: list[Sequence[Statement]], waiters: "list[Future[None]]") -> None:
        problem: Exception | None = None
        try:
            if changes:
                self._write(changes)
            self.failure = None
        except sqlite3.OperationalError as error:  # a full or damaged disk, or a lock: it may pass
            self.failure = f"The journal cannot be written ({error})."
            problem = NotStored(self.failure)
            with self._changed:
                self._changes = changes + self._changes
        except sqlite3.Error as error:  # these changes can never be written
            problem = error
        for waiter in waiters:
            if not waiter.set_running_or_notify_cancel():
                continue
            if problem is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(problem)
        if self.failure is not None and not self._closing:
            time.sleep(RETRY_SECONDS)

    def _write(self, changes: list[Sequence[Statement]]) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for statements in changes:
                for sql, values in statements:
                    execute(sql, values)
            execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise
        self.commits += 1

    def _tidy_when_due(self) -> None:
        if time.monotonic() < self._next_tidy:
            return
        try:
            self._tidy(self._connection)
        except sqlite3.Error as error:  # what could not be deleted now can be later
            self.failure = f"The journal cannot be shortened ({error})."
        self._next_tidy = time.monotonic() + self._tidy_seconds
