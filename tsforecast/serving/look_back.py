"""The newest rows that a version needs: on its grid, filled and scaled as rows of a file are."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from tsforecast.data.filling import carry_forward
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import Segment, segments
from tsforecast.serving.live_store import Truth
from tsforecast.serving.requests import WindowBatch
from tsforecast.tables.streaming import Rows


class Update(NamedTuple):
    """What new rows bring.

    Args:
        truths: Values of the targets, for forecasts made earlier.
        positions: Positions on the grid that have a new or changed row, rising.
    """

    truths: list[Truth]
    positions: np.ndarray


class LookBack:
    """The rows from which a version makes its next forecasts.

    They are the rows as they arrived, so that repeated and late ones follow the rule of the training data
    (``data.duplicates``, ``data.resample``): a late row changes windows that contain it, as far as they are still to be
    forecast. A bin of resampled rows is complete when a row at its end or after it has arrived.

    Args:
        metadata: Metadata of the version.

    Attributes:
        made: Position up to which windows have been forecast; None before the first.
    """

    def __init__(self, metadata: ModelMetadata):
        self.metadata = metadata = _last_of_repeated(metadata)
        self.made: int | None = None
        calendar = {channel.feature for channel in metadata.channels if channel.from_time}
        self.names = [name for name in metadata.all_features if name not in calendar]
        self._required = [name in metadata.features for name in self.names]
        self._time = np.empty(0, "datetime64[ns]")
        self._values = np.empty((0, len(self.names)))
        self._segments: list[Segment] = []
        recipe = metadata.recipe
        self._duplicates = recipe.duplicates if recipe else "last"

    def __len__(self) -> int:
        return len(self._time)

    @property
    def newest_time(self) -> np.datetime64 | None:
        """Time of the newest row; None without rows."""
        return self._time[-1] if len(self._time) else None

    def add(self, rows: Rows) -> Update:
        """Add rows in the order of arrival.

        Args:
            rows: Their times, as the recipe reads them, and features; others are ignored, absent ones are missing.

        Raises:
            UserError: A value is too far from the training rows; nothing has been added then.
        """
        before = (self._time, self._values)
        ripe = self._ripe()
        values = np.full((len(rows.time), len(self.names)), np.nan)
        for index, name in enumerate(self.names):
            if name in rows.columns:
                values[:, index] = rows.columns[name]
        self._time = np.concatenate([self._time, rows.time])
        self._values = np.concatenate([self._values, values])
        order = np.argsort(self._time, kind="stable")
        self._time, self._values = self._time[order], self._values[order]
        try:
            self._segments = self._build()
        except Exception:
            self._time, self._values = before
            raise
        touched = np.unique(self._positions(rows.time))
        new = touched if ripe is None or not self._is_delayed else np.arange(ripe + 1, self._newest() + 1)
        limit = self._ripe()
        truths = [] if limit is None else self._truths(new[new <= limit])
        self._trim()
        return Update(truths, touched)

    def restore(self, rows: Rows, made_at: int | None) -> None:
        """Restore rows that were added before.

        Args:
            rows: The rows, in the order of arrival.
            made_at: Time of the last row of the newest window that was forecast, in seconds; None if there was none.
        """
        if made_at is not None:
            self.made = int(
                self.metadata.grid.positions(np.array([made_at], "datetime64[s]").astype("datetime64[ns]"))[0]
            )
        self.add(rows)

    def windows(self, newest: int, again: bool = False) -> tuple[WindowBatch, np.ndarray]:
        """Return the windows that are still to be forecast, and the positions ``[n]`` of their last rows.

        Without rows there are none.

        Args:
            newest: How many at most; the oldest are left out.
            again: Whether the newest window is among them even if it has been forecast.
        """
        metadata, made = self.metadata, self.made
        parts = []
        for segment in self._segments:
            ends = segment.ends[segment.position[segment.ends] <= self._settled()]
            if made is not None:
                ends = ends[segment.position[ends] >= made + (not again)]
            parts.append((segment, ends[-newest:]))
        past = np.concatenate([_empty(metadata), *(segment.windows(ends) for segment, ends in parts)])
        positions = np.concatenate(
            [np.empty(0, np.int64), *(segment.position[ends] for segment, ends in parts)]
        )
        last = np.concatenate(
            [np.empty((0, len(metadata.targets))), *(_last_values(segment, ends) for segment, ends in parts)]
        )
        batch = WindowBatch(past[-newest:], metadata.grid.times(positions[-newest:]), last[-newest:])
        return batch, positions[-newest:]

    def missing_rows(self) -> int:
        """Return how many further steps are needed before the first forecast, if none is missing."""
        if not len(self._time):
            return self.metadata.input_rows
        position = np.unique(self._positions(self._time))
        gaps = np.flatnonzero(np.diff(position) > 2 * self.metadata.input_rows)
        start = position[gaps[-1] + 1] if len(gaps) else position[0]
        return max(0, self.metadata.input_rows - int(position[-1] - start + 1))

    @property
    def _is_delayed(self) -> bool:
        """Whether later rows belong to the newest step too, so that its value is not known before the next."""
        return self.metadata.grid.exact or self._duplicates in ("mean", "sum")

    def _newest(self) -> int:
        return int(self._positions(self._time[-1:])[0])

    def _settled(self) -> int:
        """Return the newest position whose window can be forecast; there must be rows."""
        newest, grid = self._newest(), self.metadata.grid
        if not grid.exact:
            return newest
        end = grid.times(np.array([newest]))[0]
        return newest if self.metadata.clock.to_grid(self._time[-1:])[0] == end else newest - 1

    def _ripe(self) -> int | None:
        """Return the newest position whose truth is known; None without rows."""
        if not len(self._time):
            return None
        settled = self._settled()
        return settled - 1 if self._is_delayed and not self.metadata.grid.exact else settled

    def _truths(self, positions: np.ndarray) -> list[Truth]:
        """Return the observed targets at some positions, in the order of time."""
        truths: dict[int, list[Truth]] = {}
        for segment in self._segments:
            rows = np.flatnonzero(np.isin(segment.position, positions))
            times = segment.time[rows].astype("datetime64[s]").astype(np.int64).tolist()
            for row, time in zip(rows, times, strict=True):
                values = segment.truths[row]
                truths[int(segment.position[row])] = [
                    (time, target, float(values[target]))
                    for target in np.flatnonzero(~np.isnan(values)).tolist()
                ]
        return [truth for position in sorted(truths) for truth in truths[position]]

    def _build(self) -> list[Segment]:
        optional = [not np.isnan(column).any() for column in self._values.T]
        used = [index for index in range(len(self.names)) if self._required[index] or optional[index]]
        columns = {self.names[index]: self._values[:, index] for index in used}
        if not len(self._time):
            return []
        return list(segments([Rows(self._time, columns)], self.metadata, stride=1, check_steps=False))

    def _positions(self, time: np.ndarray) -> np.ndarray:
        grid_time = self.metadata.clock.to_grid(time).astype("datetime64[ns]")
        positions: np.ndarray = self.metadata.grid.positions(grid_time)
        return positions

    def _oldest(self) -> int:
        """Return the position before the oldest row that is kept as it arrived."""
        newest = self._newest()
        made = newest if self.made is None else min(self.made, newest)
        return made - self.metadata.input_rows - 1

    def _trim(self) -> None:
        """Drop rows that no window needs; the last known values among them become one row before the others."""
        positions, oldest = self._positions(self._time), self._oldest()
        cut = int(np.searchsorted(positions, oldest, side="right"))
        if cut < 2:
            return
        last = np.array([carry_forward(column, before=np.nan)[-1] for column in self._values[:cut].T])
        self._time = self._time[cut - 1 :]
        self._values = np.concatenate([last[None], self._values[cut:]])


def _last_of_repeated(metadata: ModelMetadata) -> ModelMetadata:
    """Let the last of repeated rows count where nothing else was chosen.

    A table with many of them is refused then; a client that sends rows again, because their acknowledgment was lost, is
    not.
    """
    recipe = metadata.recipe
    if recipe is None or recipe.duplicates is not None:
        return metadata
    return dataclasses.replace(metadata, recipe=dataclasses.replace(recipe, duplicates="last"))


def _last_values(segment: Segment, ends: np.ndarray) -> np.ndarray:
    """Return the last known values ``[n, T]`` of the targets at the ends of windows."""
    filled = [carry_forward(column, before=np.nan) for column in segment.truths.T]
    return np.stack(filled, axis=1)[ends]


def _empty(metadata: ModelMetadata) -> np.ndarray:
    return np.empty((0, metadata.lookback, len(metadata.channels)), np.float32)
