"""Rows that the service received of many series, as the continuation of each."""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tsforecast.columns.categories import UNKNOWN
from tsforecast.data.sources.static_columns import fill_static
from tsforecast.feeds.records import clock_name, read_rows_since
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.journal.database import has_series, read_journal
from tsforecast.panels.identifiers import series_codes
from tsforecast.panels.panel import Panel, join_ids
from tsforecast.registry.received_grid import MARGIN_SECONDS, MAX_GROWTH, put_on_grid
from tsforecast.tables.streaming import Rows

if TYPE_CHECKING:
    from tsforecast.data.series import Series

FIRST_SECOND = -(2**33)  # before all times that rows may have


class Later(NamedTuple):
    """The rows of a series that are later than its last one.

    Args:
        time: ``[M]`` datetime64[s], on the grid without gaps.
        values: Features ``[M, F]`` in the order of ``ModelMetadata.all_features``, NaN where missing.
        known: Number of steps that have a row.
        is_sparse: Whether most steps would have none; there are no values then.
    """

    time: np.ndarray
    values: np.ndarray
    known: int
    is_sparse: bool = False


def append_received_series(series: Series, metadata: ModelMetadata, path: Path) -> Series:
    """Return many series, each followed by its later rows of a journal; series that only the journal has come last.

    Args:
        series: The series, a panel.
        metadata: Metadata of the model that is to be trained further, which read the rows.
        path: The journal of the service.

    Raises:
        UserError: The journal is missing, or a static value changes within a series.
    """
    panel = series.panel
    if panel is None:
        return series
    with closing(read_journal(path)) as connection:
        names = _names(connection, metadata)
        ends = dict(zip(panel.ids, series.time[panel.bounds[1:] - 1], strict=True))
        read = {name: _read(connection, metadata, name, ends.get(name)) for name in names}
    sparse = [name for name, item in read.items() if item is not None and item.is_sparse]
    later = {name: item for name, item in read.items() if item is not None and not item.is_sparse}
    notes = list(series.notes)
    if sparse:
        notes.append(
            f"The rows of {len(sparse):,} series in {path} begin long after their end, and are left out"
            f" ({join_ids(sparse)})."
        )
    if not later:
        return dataclasses.replace(series, notes=(*notes, f"{path} has no later row of any series."))
    new = [name for name in later if name not in ends]
    count, newest = sum(item.known for item in later.values()), max(item.time[-1] for item in later.values())
    end = f"step {metadata.step_numbers(newest):,}" if metadata.numbers_steps else str(newest)
    notes.append(f"{count:,} rows of {len(later):,} series that the service received follow, up to {end}.")
    if new:
        notes.append(f"{len(new):,} of these series are new: {join_ids(new)}.")
    return dataclasses.replace(_append(series, panel, metadata, later, new), notes=tuple(notes))


def _append(
    series: Series, panel: Panel, metadata: ModelMetadata, later: dict[str, Later], new: Sequence[str]
) -> Series:
    columns = [metadata.all_features.index(name) for name in series.features]
    times, values, lengths = list[np.ndarray](), list[np.ndarray](), list[int]()
    known = zip(panel.ids, panel.ranges.tolist(), strict=True)
    for name, (start, stop) in [*known, *((name, (0, 0)) for name in new)]:
        parts = [(series.time[start:stop], series.values[start:stop])]
        if name in later:
            item = later[name]
            parts.append((item.time.astype(series.time.dtype), item.values[:, columns]))
        times += [time for time, _ in parts]
        values += [part.astype(series.values.dtype) for _, part in parts]
        lengths.append(sum(len(time) for time, _ in parts))
    bounds = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    joined = dataclasses.replace(panel, ids=(*panel.ids, *new), bounds=bounds)
    filled = fill_static(
        np.concatenate(values), joined, [series.features.index(name) for name in panel.static]
    )
    return dataclasses.replace(series, time=np.concatenate(times), values=filled, panel=joined, stored=None)


def _names(connection: sqlite3.Connection, metadata: ModelMetadata) -> list[str]:
    """Return the series of the journal, sorted."""
    if not has_series(connection):
        return []
    distinct = "SELECT DISTINCT series FROM rows WHERE series<>'' AND clock=? ORDER BY series"
    return [name for (name,) in connection.execute(distinct, (clock_name(metadata),))]


def _read(
    connection: sqlite3.Connection, metadata: ModelMetadata, name: str, end: np.datetime64 | None
) -> Later | None:
    """Return the rows of a series after its last one; None without any."""
    start = (
        FIRST_SECOND if end is None else int(end.astype("datetime64[s]").astype(np.int64)) - MARGIN_SECONDS
    )
    pieces = list(read_rows_since(connection, metadata, start * 10**9, name))
    if not pieces:
        return None
    code = str((metadata.panel or {}).get("name") or "")
    present = {feature for piece in pieces for feature in piece.columns}
    names = [
        feature
        for feature in metadata.all_features
        if feature != code and (feature in metadata.features or feature in present)
    ]
    positions, values = put_on_grid(Rows.join([piece.complete(names) for piece in pieces]), metadata)
    if end is not None:
        last = int(metadata.grid.positions(np.array([end], "datetime64[ns]"))[0])
        positions, values = positions[positions > last], values[positions > last]
    elif len(positions):
        last = int(positions[0]) - 1
    if not len(positions):
        return None
    steps = int(positions[-1]) - last
    if steps > MAX_GROWTH * len(positions):
        return Later(np.empty(0), np.empty(0), len(positions), is_sparse=True)
    raw = np.full((steps, len(names)), np.nan)
    raw[positions - last - 1] = values
    time = metadata.grid.times(np.arange(last + 1, last + steps + 1))
    columns = dict(zip(names, raw.T, strict=True))
    if code:
        known = series_codes(metadata.categories.get(code, ()))
        columns[code] = np.full(steps, known.get(name, UNKNOWN), np.float64)
    return Later(time, metadata.rows(time, columns), len(positions))
