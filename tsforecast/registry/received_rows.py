"""Rows that the service received, as the continuation of a series."""

from __future__ import annotations

import dataclasses
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.errors import UserError
from tsforecast.feeds.records import read_rows_since
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.database import read_journal
from tsforecast.models.io import load_metadata, load_task
from tsforecast.registry.received_grid import MARGIN_SECONDS, MAX_GROWTH, put_on_grid
from tsforecast.registry.received_series import append_received_series
from tsforecast.tables.streaming import Rows

if TYPE_CHECKING:
    from tsforecast.data.series import Series


def add_received_rows(series: Series, saved: Path, journal: str | None) -> Series:
    """Return a series followed by the later rows of a journal, if one is named; see ``append_received_rows``.

    Args:
        series: The series.
        saved: File of the model that is to be trained further.
        journal: Path of the journal, or None.
    """
    if journal is None:
        return series
    metadata = ModelMetadata.from_task(load_task(saved), load_metadata(saved))
    return append_received_rows(series, metadata, Path(journal))


def append_received_rows(series: Series, metadata: ModelMetadata, path: Path) -> Series:
    """Return a series followed by the rows of a journal that are later than its last one.

    They are put on the grid by the rules of the training data; steps without a row are missing values. Each of many
    series is continued by its own rows.

    Args:
        series: The series.
        metadata: Metadata of the model that is to be trained further, which read the rows.
        path: The journal of the service.

    Raises:
        UserError: The journal is missing, or the rows begin long after the end of the only series.
    """
    if series.panel is not None:
        return append_received_series(series, metadata, path)
    start = int(series.time[-1].astype("datetime64[s]").astype(np.int64)) - MARGIN_SECONDS
    with closing(read_journal(path)) as connection:
        pieces = list(read_rows_since(connection, metadata, start * 10**9))
    names = [name for name in metadata.all_features if any(name in piece.columns for piece in pieces)]
    rows = Rows.join([piece.complete(names) for piece in pieces]) if pieces else None
    positions, values = (
        (np.empty(0, np.int64), np.empty((0, 0))) if rows is None else put_on_grid(rows, metadata)
    )
    last = int(metadata.grid.positions(series.time[-1:].astype("datetime64[ns]"))[0])
    values, positions = values[positions > last], positions[positions > last]
    if not len(positions):
        return dataclasses.replace(
            series, notes=(*series.notes, f"{path} has no row after {series.time[-1]}.")
        )
    count = int(positions[-1]) - last
    if count > MAX_GROWTH * len(positions):
        raise UserError(
            f"retrain.journal: the rows of {path} begin long after {series.time[-1]}, where the data end:"
            f" {count:,} steps have only {len(positions):,} rows."
        )
    return _append(series, metadata, names, last, positions, values)


def _append(
    series: Series,
    metadata: ModelMetadata,
    names: list[str],
    last: int,
    positions: np.ndarray,
    values: np.ndarray,
) -> Series:
    count = int(positions[-1]) - last
    raw = np.full((count, len(names)), np.nan)
    raw[positions - last - 1] = values
    time = metadata.grid.times(np.arange(last + 1, last + count + 1))
    features = metadata.rows(time, dict(zip(names, raw.T, strict=True)))
    columns = [metadata.all_features.index(name) for name in series.features]
    note = f"{len(positions):,} rows that the service received follow, up to {time[-1]}."
    return dataclasses.replace(
        series,
        time=np.concatenate([series.time, time.astype(series.time.dtype)]),
        values=np.concatenate([series.values, features[:, columns].astype(series.values.dtype)]),
        notes=(*series.notes, note),
        stored=None,
    )
