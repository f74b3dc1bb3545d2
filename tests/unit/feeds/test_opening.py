"""Which feed an option names."""

import pytest

from tsforecast.feeds.csv_file import CsvFileFeed
from tsforecast.feeds.opening import open_feed
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
