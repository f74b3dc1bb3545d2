"""Changes of many requests in common transactions."""

import asyncio
import sqlite3
import threading

import pytest

from tsforecast.journal import writer as module
from tsforecast.journal.writer import GroupWriter, NotStored

INSERT = "INSERT INTO numbers VALUES(?)"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "numbers.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE numbers(n INTEGER UNIQUE)")
    return path


def connect(path):
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def read(path):
    with sqlite3.connect(path) as connection:
        return [number for (number,) in connection.execute("SELECT n FROM numbers ORDER BY n")]


def test_changes_that_wait_together_are_one_transaction(path):
    blocker = connect(path)
    blocker.execute("BEGIN IMMEDIATE")
    writer = GroupWriter(connect(path))

    async def write():
        writer.put([(INSERT, (0,))])
        waiting = [asyncio.ensure_future(writer.committed())]
        await asyncio.sleep(0.05)  # the first transaction waits for the other writer
        for number in range(1, 100):
            writer.put([(INSERT, (number,))])
            waiting.append(asyncio.ensure_future(writer.committed()))
        await asyncio.sleep(0)
        assert read(path) == []
        assert not any(future.done() for future in waiting)
        blocker.execute("ROLLBACK")
        await asyncio.gather(*waiting)

    asyncio.run(write())
    assert read(path) == list(range(100))
    assert writer.commits == 2
    writer.close()


def test_what_fails_is_tried_again_and_reported_meanwhile(path, monkeypatch):
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    blocker = connect(path)
    blocker.execute("BEGIN IMMEDIATE")
    connection = connect(path)
    connection.execute("PRAGMA busy_timeout=1")
    writer = GroupWriter(connection)
    for number in range(4):
        writer.put([(INSERT, (number,))])
    with pytest.raises(NotStored, match="locked"):
        writer.flush()
    with pytest.raises(NotStored, match="locked"):
        writer.check()
    blocker.execute("ROLLBACK")
    writer.close()
    assert read(path) == [0, 1, 2, 3]


def test_a_change_is_never_divided(path):
    writer = GroupWriter(connect(path))
    writer.put([(INSERT, (1,)), (INSERT, (2,)), (INSERT, (1,))])  # the third one is refused
    with pytest.raises(sqlite3.IntegrityError):
        writer.flush()
    writer.put([(INSERT, (3,))])
    writer.flush()
    writer.close()
    assert read(path) == [3]


def test_tidying_runs_between_transactions(path):
    tidied = threading.Event()
    writer = GroupWriter(connect(path), tidy=lambda connection: tidied.set(), tidy_seconds=0.01)
    assert tidied.wait(5)
    writer.put([(INSERT, (1,))])
    writer.close()
    assert read(path) == [1]
