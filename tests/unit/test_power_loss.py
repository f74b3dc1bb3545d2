"""A disk after a power failure has what was flushed, and parts of what was not: no acknowledged record is lost."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from tests.helpers.learner_process import count_operations
from tsforecast.journal.database import open_journal
from tsforecast.journal.writer import GroupWriter

HELPERS = Path(__file__).parents[1] / "helpers"
COMPILER = shutil.which("cc") or shutil.which("gcc")
COMMITS, COUNT = 14, "SELECT COUNT(*) FROM meta"
FRAME, HEADER = 4096 + 24, 32  # bytes of a frame of the write-ahead log, and of the log's header


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """A journal that has not been closed, and the bytes of its log at each acknowledgment."""
    folder = tmp_path_factory.mktemp("journal")
    connection = open_journal(folder / "journal.db")
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    writer, acknowledged = GroupWriter(connection), []
    for number in range(COMMITS):
        values = [(f"{number} {part}", "value" * part) for part in range(1 + number % 7 * 8)]
        writer.put([("INSERT INTO meta VALUES(?,?)", value) for value in values])
        writer.flush()
        acknowledged.append((len(values), (folder / "journal.db-wal").stat().st_size))
    image = tmp_path_factory.mktemp("image")
    for name in ("journal.db", "journal.db-wal"):  # without journal.db-shm, which is only memory
        shutil.copy(folder / name, image)
    writer.close()
    return image, acknowledged


def count_after_failure(image, folder, log):
    """Return the records that a service finds which starts with this log."""
    folder.mkdir()
    shutil.copy(image / "journal.db", folder)
    (folder / "journal.db-wal").write_bytes(log)
    with closing(sqlite3.connect(folder / "journal.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        (count,) = connection.execute(COUNT).fetchone()
    shutil.rmtree(folder)
    return count


def cuts(size):
    """Lengths at which a log may end: around every frame, and anywhere else."""
    around = [HEADER + FRAME * frame + more for frame in range(size // FRAME + 1) for more in (-1, 0, 1)]
    return sorted({0, 1, 31, size, *random.Random(0).sample(range(size), 20), *around} & set(range(size + 1)))


def test_whatever_end_of_the_log_is_lost_what_was_acknowledged_before_is_there(journal, tmp_path):
    image, acknowledged = journal
    log = (image / "journal.db-wal").read_bytes()
    assert len(log) == acknowledged[-1][1]
    for cut in cuts(len(log)):
        expected = sum(records for records, end in acknowledged if end <= cut)
        assert count_after_failure(image, tmp_path / "cut", log[:cut]) == expected, cut


@pytest.mark.parametrize("tail", ["zeros", "noise", "old frames"])
def test_a_torn_end_of_the_log_is_not_taken_for_a_commit(journal, tmp_path, tail):
    image, acknowledged = journal
    log, rng = (image / "journal.db-wal").read_bytes(), random.Random(1)
    for cut in rng.sample(cuts(len(log))[4:], 15):
        missing = len(log) - cut
        torn = {
            "zeros": bytes(missing),
            "noise": rng.randbytes(missing),
            "old frames": log[HEADER : HEADER + missing],
        }[tail]
        count, whole = count_after_failure(image, tmp_path / "torn", log[:cut] + torn), [0]
        for records, _ in acknowledged:
            whole.append(whole[-1] + records)
        assert count in whole, cut  # a commit is there as a whole or not at all
        assert count >= sum(records for records, end in acknowledged if end <= cut), cut


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    """A library that copies files when they are flushed."""
    library = tmp_path_factory.mktemp("recorder") / "recorder.so"
    command = [COMPILER, "-shared", "-fPIC", "-O1", "-o", library, HELPERS / "fsync_recorder.c", "-ldl"]
    subprocess.run(command, check=True)
    return library


@pytest.mark.skipif(COMPILER is None or sys.platform != "linux", reason="no C compiler here")
def test_what_was_flushed_when_a_learning_service_dies_has_all_that_it_acknowledged(recorder, tmp_path):
    durable, journal = tmp_path / "durable", tmp_path / "live" / "journal.db"
    durable.mkdir()
    environment = {**os.environ, "LD_PRELOAD": str(recorder), "DURABLE": str(durable)}
    command = [sys.executable, str(HELPERS / "learner_process.py"), str(journal), "4000"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline()]  # it works now
        killer = threading.Timer(0.6, process.kill)
        killer.start()
        lines += process.stdout.readlines()
        killer.join()
    acknowledged = [int(line) for line in lines if line.endswith("\n") and line.strip().isdigit()]
    assert len(acknowledged) > 10
    assert not (durable / "journal.db-shm").exists()
    stored = count_operations(durable / "journal.db")
    assert stored >= max(acknowledged) + 1
    with sqlite3.connect(durable / "journal.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
