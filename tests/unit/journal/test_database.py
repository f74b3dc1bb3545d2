"""The file of the journal."""

import sqlite3

import pytest

from tsforecast.errors import UserError
from tsforecast.journal.database import SCHEMA, has_series, lock_journal, open_journal, read_journal


def test_each_commit_is_flushed_to_the_disk(tmp_path):
    connection = open_journal(tmp_path / "live/journal.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    connection.close()


def test_a_reader_sees_what_was_committed_and_cannot_write(tmp_path):
    writer = open_journal(tmp_path / "journal.db")
    writer.execute("INSERT INTO meta VALUES('a', 'b')")
    reader = read_journal(tmp_path / "journal.db")
    assert reader.execute("SELECT value FROM meta").fetchone() == ("b",)
    with pytest.raises(Exception, match="readonly"):
        reader.execute("DELETE FROM meta")
    reader.close()
    writer.close()


def test_unusable_files_are_refused_in_one_sentence(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"no database, but long enough to be read as one" * 100)
    with pytest.raises(UserError, match="cannot be opened"):
        open_journal(tmp_path / "journal.db")
    with pytest.raises(UserError, match="cannot be read"):
        read_journal(tmp_path / "missing.db")


def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(UserError, match="cannot be opened"), lock_journal(tmp_path / "file/journal.db"):
        pass


def test_a_journal_has_one_writer(tmp_path):
    path = tmp_path / "live/journal.db"
    message = r"another running service.*serve\.journal=FILE"
    with lock_journal(path), pytest.raises(UserError, match=message), lock_journal(path, seconds=0):
        pass
    with lock_journal(path, seconds=0):
        pass


def test_a_journal_without_names_of_series_is_continued(tmp_path):
    path = tmp_path / "journal.db"
    before = SCHEMA.replace(", series TEXT NOT NULL DEFAULT ''", "").replace(
        ",\n  series TEXT NOT NULL DEFAULT ''", ""
    )
    assert "series TEXT NOT NULL DEFAULT" not in before
    with sqlite3.connect(path) as connection:
        connection.executescript(before)
        connection.execute("INSERT INTO rows VALUES(1, 0, 5, 'local', '{}')")
    open_journal(path).close()
    connection = open_journal(path)  # a second time changes nothing
    assert connection.execute("SELECT id, time, series FROM rows").fetchall() == [(1, 5, "")]
    assert has_series(connection, "scores")
    connection.close()
