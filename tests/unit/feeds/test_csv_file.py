"""A CSV file that grows, is rotated, cut, and read again after a restart."""

import os
from contextlib import ExitStack

import numpy as np
import pytest

from tests.helpers.serving_case import make_metadata, make_rows, make_task
from tsforecast.errors import UserError
from tsforecast.feeds import csv_file
from tsforecast.feeds.csv_file import CsvFileFeed
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.arrivals import RowReader

READER = RowReader(ModelMetadata.from_task(make_task(), make_metadata()))
TIME, COLUMNS = make_rows(500)
HEAD = "time,load,pressure\n"


def line(row):
    return f"{TIME[row]},{COLUMNS['load'][row]},{COLUMNS['pressure'][row]}\n"


def lines(rows):
    return "".join(line(row) for row in rows)


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


def poll(feed):
    """Return the numbers of all rows that are there, and the position."""
    numbers, position = [], None
    while (batch := feed.poll(READER)) is not None:
        times = np.array([time for time, _ in batch.records], np.int64).astype("datetime64[ns]")
        numbers += ((times - TIME[0]) // np.timedelta64(60, "s")).tolist()
        position = batch.position
    return numbers, position


@pytest.fixture
def follow():
    """Return a function that opens feeds, which are closed at the end."""
    with ExitStack() as stack:

        def open_feed(path, position=None):
            feed = CsvFileFeed(str(path), position)
            stack.callback(feed.close)
            return feed

        yield open_feed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.csv"


def test_a_file_that_appears_later_and_grows_is_followed(follow, path):
    feed = follow(path)
    assert poll(feed)[0] == []
    path.write_text("time,lo")
    assert poll(feed)[0] == []  # not even the header is complete
    path.write_text(HEAD)
    assert poll(feed)[0] == []
    append(path, lines(range(3)) + line(3)[:25])
    assert poll(feed)[0] == [0, 1, 2]  # the fourth line is not complete
    assert poll(feed)[0] == []
    append(path, line(3)[25:] + "\n" + lines([4]))
    assert poll(feed)[0] == [3, 4]


def test_a_rotated_file_is_read_to_its_end_first(follow, path):
    path.write_text(HEAD + lines(range(3)))
    feed = follow(path)
    assert poll(feed)[0] == [0, 1, 2]
    append(path, lines([3]) + line(4).rstrip("\n"))
    os.rename(path, path.with_suffix(".1"))
    path.write_text(HEAD + lines([5, 6]))
    assert poll(feed)[0] == [3, 4, 5, 6]
    append(path, lines([7]))
    assert poll(feed)[0] == [7]


@pytest.mark.parametrize("rows", [[3], [3, 4, 5, 6, 7, 8, 9]])
def test_a_truncated_file_is_read_from_its_start(follow, path, rows):
    path.write_text(HEAD + lines(range(3)))
    feed = follow(path)
    poll(feed)
    with open(path, "r+") as file:  # the same file, whatever its size is afterwards
        file.truncate()
        file.write("time,pressure,load\n")
        for row in rows:
            file.write(f"{TIME[row]},{COLUMNS['pressure'][row]},{COLUMNS['load'][row]}\n")
    assert poll(feed)[0] == rows


def test_a_restart_continues_at_the_stored_position(follow, path):
    path.write_text(HEAD + lines(range(5)))
    feed = follow(path)
    numbers, position = poll(feed)
    assert numbers == [0, 1, 2, 3, 4]
    append(path, lines([5, 6]))
    assert poll(follow(path, position))[0] == [5, 6]
    assert poll(follow(path))[0] == list(range(7))
    other = path.with_suffix(".new")
    other.write_text(HEAD + lines([7, 8]))
    os.rename(other, path)  # rotated while the service was stopped
    assert poll(follow(path, position))[0] == [7, 8]


def test_a_large_file_is_followed_from_its_last_part(follow, path, monkeypatch):
    monkeypatch.setattr(csv_file, "TAIL_BYTES", 1000)
    path.write_text(HEAD + lines(range(500)))
    numbers, _ = poll(follow(path))
    assert numbers == list(range(500 - len(numbers), 500))
    assert 10 < len(numbers) < 25


def test_lines_that_cannot_be_read_are_left_out(follow, path):
    path.write_text(HEAD + lines([0]) + "noon,1,2\n" + lines([1, 2]) + "2024-01-01 00:03,x,1\n" + lines([4]))
    batch = follow(path).poll(READER)
    assert len(batch.records) == 4
    assert len(batch.problems) == 2
    assert "the line 'noon,1,2' was left out" in batch.problems[0]


def test_a_file_in_two_byte_characters_is_refused(follow, path):
    path.write_bytes((HEAD + lines([0])).encode("utf-16"))
    with pytest.raises(UserError, match="not text in UTF-8"):
        follow(path).poll(READER)
