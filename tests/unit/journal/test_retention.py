"""What the journal forgets."""

import time

import pytest

from tsforecast.journal import retention as module
from tsforecast.journal.database import open_journal
from tsforecast.journal.retention import Retention


@pytest.fixture
def connection(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT", 10)
    monkeypatch.setattr(module, "CHUNK", 7)
    connection = open_journal(tmp_path / "journal.db")
    yield connection
    connection.close()


def fill(connection, arrived, count, size=10):
    connection.execute("BEGIN")
    for _ in range(count):
        connection.execute("INSERT INTO rows VALUES(NULL,?,0,'',?,'')", (int(arrived * 1000), "x" * size))
    connection.execute("COMMIT")


def count(connection):
    return connection.execute("SELECT COUNT(*) FROM rows").fetchone()[0]


def test_records_beyond_an_age_are_deleted(connection):
    fill(connection, time.time() - 3 * 86_400, 50)
    fill(connection, time.time(), 30)
    Retention(days=2, megabytes=1000).apply(connection)
    assert count(connection) == 73  # a few at a time
    for _ in range(10):
        Retention(days=2, megabytes=1000).apply(connection)
    assert count(connection) == 30


def test_the_newest_records_stay_however_old_they_are(connection):
    fill(connection, 0, 50)
    for _ in range(10):
        Retention(days=2, megabytes=1000).apply(connection)
    assert count(connection) == 10


def test_the_oldest_records_of_a_large_file_are_deleted_and_the_file_shrinks(connection, tmp_path):
    fill(connection, time.time(), 1000, size=4000)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    path = tmp_path / "journal.db"
    assert path.stat().st_size > 4e6
    Retention(days=2, megabytes=2).apply(connection)
    assert path.stat().st_size < 2.1e6
    assert count(connection) > 100
    assert connection.execute("SELECT MAX(id) FROM rows").fetchone() == (1000,)


def test_rows_stay_longer_than_forecasts(connection):
    fill(connection, time.time(), 300, size=4000)
    connection.execute("BEGIN")
    for _ in range(300):
        connection.execute("INSERT INTO forecasts VALUES(NULL,0,'v0001',0,0,0,?,'')", (b"x" * 4000,))
    connection.execute("COMMIT")
    Retention(days=1e5, megabytes=1.5).apply(connection)
    assert count(connection) == 300
    assert 10 < connection.execute("SELECT COUNT(*) FROM forecasts").fetchone()[0] < 100


def test_scores_that_stored_intervals_lack_are_kept(connection):
    for _ in range(60):
        connection.execute("INSERT INTO scores VALUES(NULL,0,'v0001',0,0,0,0,1,1,1,1,1,1,1,'north')")
    connection.execute("INSERT INTO meta VALUES('unsaved','31')")
    for _ in range(10):
        Retention(days=1, megabytes=1000).apply(connection)
    assert connection.execute("SELECT MIN(id) FROM scores").fetchone() == (31,)
