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
from tsforecast.tables.streaming import Rows
from tsforecast.times.duplicates import aggregate
from tsforecast.times.order import sort_rows
from tsforecast.times.resample import Resampler

if TYPE_CHECKING:
    from tsforecast.data.series import Series

MARGIN_SECONDS = 2 * 86_400  # by which the clock of the rows may differ from that of the grid
MAX_GROWTH = 20  # steps without a row, for each row


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

    They are put on the grid by the rules of the training data; steps without a row are missing values.

    Args:
        series: The series.
        metadata: Metadata of the model that is to be trained further, which read the rows.
        path: The journal of the service.

    Raises:
        UserError: There is no journal, the series is a panel, or the rows begin long after its end.
    """
    if series.panel is not None:
        raise UserError(
            "retrain.journal continues one series, and the champion was trained on several: leave it out."
        )
    start = int(series.time[-1].astype("datetime64[s]").astype(np.int64)) - MARGIN_SECONDS
    with closing(read_journal(path)) as connection:
        pieces = list(read_rows_since(connection, metadata, start * 10**9))
    names = [name for name in metadata.all_features if any(name in piece.columns for piece in pieces)]
    rows = Rows.join([_complete(piece, names) for piece in pieces]) if pieces else None
    positions, values = (
        (np.empty(0, np.int64), np.empty((0, 0))) if rows is None else _on_grid(rows, metadata)
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


def _complete(rows: Rows, names: list[str]) -> Rows:
    nothing = np.full(len(rows.time), np.nan)
    return Rows(rows.time, {name: rows.columns.get(name, nothing) for name in names})


def _on_grid(rows: Rows, metadata: ModelMetadata) -> tuple[np.ndarray, np.ndarray]:
    """Return rising positions ``[M]`` and values ``[M, C]`` of rows; of bins, complete ones only."""
    names, recipe, grid = list(rows.columns), metadata.recipe, metadata.grid
    duplicates = (recipe and recipe.duplicates) or "last"  # clients may send rows again, however many
    codes = [names.index(name) for name in metadata.categories if name in names]
    time = metadata.clock.to_grid(rows.time).astype("datetime64[ns]")
    time, values = sort_rows(time, np.stack([rows.columns[name] for name in names], axis=1))
    if recipe is not None and grid.exact:
        newest = time[-1]
        resampler = Resampler(grid, recipe.aggregate_of(names), duplicates, codes)
        parts = [part for part in (resampler.add(time, values), resampler.finish()) if part is not None]
        time, values = (np.concatenate(items) for items in zip(*parts, strict=True))
        complete = time <= newest
        time, values = time[complete], values[complete]
    return aggregate(grid.positions(time), values, duplicates, codes)
