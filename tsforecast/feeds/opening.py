"""Which feed an option names."""

from __future__ import annotations

from pathlib import Path

from tsforecast.feeds.batch import Feed
from tsforecast.feeds.csv_file import CsvFileFeed
from tsforecast.feeds.mqtt import PORTS, MqttFeed, parse_broker
from tsforecast.feeds.table import follow_files, follow_query, service_options
from tsforecast.tables.credentials import ENVIRONMENT, resolve
from tsforecast.tables.query import QuerySource

TABLES = (".parquet", ".pq")


def open_feed(feed: str, connection: str | None, position: str | None) -> Feed:
    """Open a feed.

    Args:
        feed: A CSV file that grows; a Parquet file, a folder, a pattern or URL of files; ``mqtt://host/topic``, or
            ``env:NAME`` for an environment variable with such a URL; or a query.
        connection: URL of the database of the query; None for the others.
        position: What an earlier feed of the same name stored.

    Raises:
        UserError: There is no such thing, or a package is missing.
    """
    if connection is not None:
        return follow_query(connection, feed, position)
    if _is_broker(feed):
        return MqttFeed(resolve(feed, "serve.feed"))
    is_table = feed.endswith(TABLES) or "*" in feed or "://" in feed or Path(feed).is_dir()
    return follow_files(feed, position) if is_table else CsvFileFeed(feed, position)


def check_feed(feed: str, connection: str | None) -> None:
    """Refuse a feed that can never be read; a file may appear later, and a server may be started.

    Args:
        feed: See ``open_feed``.
        connection: See ``open_feed``.

    Raises:
        UserError: The database or broker does not exist, a package is missing, or the query does more than read.
    """
    if connection is not None:
        with service_options():
            QuerySource(connection, feed).check()
    elif _is_broker(feed):
        parse_broker(resolve(feed, "serve.feed"))


def _is_broker(feed: str) -> bool:
    return feed.startswith((ENVIRONMENT, *(f"{scheme}://" for scheme in PORTS)))
