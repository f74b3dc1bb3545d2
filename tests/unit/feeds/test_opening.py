"""Which feed an option names."""

import pytest

from tsforecast.errors import UserError
from tsforecast.feeds.csv_file import CsvFileFeed
from tsforecast.feeds.opening import check_feed, open_feed
from tsforecast.feeds.table import TableFeed


@pytest.mark.parametrize(
    ("feed", "kind"),
    [
        ("rows.csv", CsvFileFeed),
        ("/var/log/plant.log", CsvFileFeed),
        ("rows.parquet", TableFeed),
        ("rows/*.csv", TableFeed),
        ("s3://plant/rows/", TableFeed),
    ],
)
def test_files(feed, kind):
    assert isinstance(open_feed(feed, None, None), kind)


def test_a_folder_and_a_query(tmp_path):
    assert isinstance(open_feed(str(tmp_path), None, None), TableFeed)
    assert isinstance(open_feed("SELECT 1", "sqlite:///plant.db", None), TableFeed)


@pytest.mark.parametrize(
    ("feed", "connection", "sentence"),
    [
        ("SELECT 1", "oracle://plant", r"serve\.feed_connection must be the URL of a database"),
        ("SELECT 1", "sqlite:///none.db", r"serve\.feed_connection: there is no file none\.db"),
        ("DROP TABLE x", "duckdb://", r"serve\.feed must be one statement that only reads"),
        ("mqtt://broker.example", None, r"serve\.feed must be mqtt://HOST/TOPIC"),
        ("env:NO_SUCH_VARIABLE", None, "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_what_can_never_be_read_is_refused_before_anything_slow(feed, connection, sentence):
    with pytest.raises(UserError, match=sentence):
        check_feed(feed, connection)


@pytest.mark.parametrize(
    ("feed", "connection"),
    [("later.csv", None), ("later.parquet", None), ("mqtt://broker.example/plant", None)],
)
def test_what_may_be_readable_later_is_accepted(feed, connection):
    check_feed(feed, connection)
