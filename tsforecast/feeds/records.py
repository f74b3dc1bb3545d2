"""Rows of the journal as a model reads them."""

import json
import sqlite3
from collections.abc import Iterator, Sequence

import numpy as np

from tsforecast.columns.categories import FIRST, UNKNOWN
from tsforecast.feeds.batch import Record
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.database import has_series, series_condition
from tsforecast.tables.streaming import Rows

BLOCK = 50_000  # rows read at once


def clock_name(metadata: ModelMetadata) -> str:
    """Return what the times of rows mean to a model; rows of another clock are not its own."""
    clock = metadata.clock
    return f"{clock.timezone}|{'utc' if clock.is_utc else 'local'}"


def decode_rows(records: Sequence[Record], metadata: ModelMetadata) -> Rows:
    """Return records as the rows that a model reads.

    Args:
        records: The records.
        metadata: Features and categories of the model.

    Example:
        >>> from tsforecast.models.task import Task
        >>> task = Task(lookback=8, channels=1, lead=1, horizon=1, target_indices=(0,))
        >>> scaler = {"mean": [2.0], "scale": [0.5], "target_indices": [0]}
        >>> about = {"channels": ["load"], "targets": ["load"], "step_seconds": 60, "scaler": scaler}
        >>> metadata = ModelMetadata.from_task(task, about)
        >>> decode_rows([(60 * 10**9, '{"load": 1.5, "state": "on"}')], metadata).columns
        {'load': array([1.5])}
    """
    contents = [json.loads(content) for _, content in records]
    time = np.array([time for time, _ in records], np.int64).astype("datetime64[ns]")
    columns = {}
    for name in metadata.all_features:
        if not any(name in content for content in contents):
            continue
        values = [content.get(name) for content in contents]
        if name in metadata.categories:
            codes = {text: FIRST + code for code, text in enumerate(metadata.categories[name])}
            values = [None if value is None else codes.get(value, UNKNOWN) for value in values]
        columns[name] = np.array([np.nan if value is None else value for value in values], np.float64)
    return Rows(time, columns)


def read_rows_since(
    connection: sqlite3.Connection, metadata: ModelMetadata, start: int, series: str = ""
) -> Iterator[Rows]:
    """Yield the rows of one series of the journal that are later than a time, in the order of time.

    Args:
        connection: The journal.
        metadata: Metadata of the model that is to read them.
        start: The time, in nanoseconds since 1970.
        series: Name of the series; empty for a model of one series.
    """
    condition = f" AND {series_condition(series)}" if has_series(connection) else ""
    cursor = connection.execute(
        f"SELECT time, content FROM rows WHERE clock=? AND time>?{condition} ORDER BY time, id",
        (clock_name(metadata), start, *((series,) if condition else ())),
    )
    while records := cursor.fetchmany(BLOCK):
        yield decode_rows(records, metadata)
