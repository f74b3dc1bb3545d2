"""The look-backs of all series of a version, to which the rows of one request are added together or not at all."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.series_state import to_steps
from tsforecast.serving.look_back import LookBack, Update
from tsforecast.serving.requests import WindowBatch
from tsforecast.serving.series_book import SeriesBook, with_series
from tsforecast.tables.streaming import Rows

NOTHING = Update([], np.empty(0, np.int64))


class SeriesWindows(NamedTuple):
    """Windows of one series that are still to be forecast.

    Args:
        name: Name of the series.
        batch: The windows.
        positions: Positions ``[n]`` of their last rows.
    """

    name: str
    batch: WindowBatch
    positions: np.ndarray


class LookBacks:
    """The newest rows of each series; a model of one series has one, whose name is empty.

    An unknown series waits until its first window is complete, which sets its level.

    Args:
        book: The series of the version.
    """

    def __init__(self, book: SeriesBook):
        self.book = book
        self._by_name: dict[str, LookBack] = {}
        self._waiting: dict[str, Rows] = {}
        if not book.is_panel:
            self._by_name[""] = LookBack(book.metadata)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def of(self, name: str) -> LookBack | None:
        """Return the look-back of a series; None before its first window."""
        return self._by_name.get(name)

    @property
    def newest_time(self) -> np.datetime64 | None:
        """Time of the newest row; None without rows."""
        times = [item.newest_time for item in self._by_name.values() if item.newest_time is not None]
        times += [rows.time.max() for rows in self._waiting.values()]
        return max(times, default=None)

    def add(self, groups: Mapping[str, Rows]) -> tuple[dict[str, Update], dict[str, ModelMetadata]]:
        """Add rows in the order of arrival.

        Args:
            groups: Series -> its rows.

        Returns:
            What they bring to each series, and the metadata of series that have their first window now.

        Raises:
            UserError: A value is too far from the training rows, or there are too many series; nothing has been added.
        """
        self.book.check(groups)
        before = {name: copy.copy(item) for name, item in self._by_name.items() if name in groups}
        waiting, updates, started = dict(self._waiting), dict[str, Update](), dict[str, ModelMetadata]()
        try:
            for name, rows in groups.items():
                updates[name] = self._add(name, rows, started)
        except Exception:
            for name in groups:
                self._by_name.pop(name, None)
            self._by_name |= before
            self._waiting = waiting
            raise
        return updates, started

    def restore(
        self, name: str, rows: Rows, made_at: int | None, started: ModelMetadata | None = None
    ) -> None:
        """Restore the rows of a series that were added before; see ``LookBack.restore``.

        Args:
            name: Name of the series.
            rows: Its rows.
            made_at: Time of the last row of its newest window that was forecast.
            started: Metadata of a series that gets its level only now.
        """
        series = self.book.metadata_of(name) or started
        if series is None:
            self._waiting[name] = self._complete(rows)
            return
        look_back = self._by_name.setdefault(name, LookBack(series))
        look_back.restore(Rows(rows.time, with_series(self.book.metadata, name, rows.columns)), made_at)

    def windows(
        self, newest: int, again: Collection[str] = (), names: Collection[str] | None = None
    ) -> list[SeriesWindows]:
        """Return the windows of series that are still to be forecast.

        Args:
            newest: How many of a series at most; the oldest are left out.
            again: Series whose newest window is among them even if it has been forecast.
            names: Which series; None for all.
        """
        windows = []
        for name in self._by_name if names is None else names:
            if name in self._by_name:
                batch, positions = self._by_name[name].windows(newest, name in again)
                if len(positions):
                    windows.append(SeriesWindows(name, batch, positions))
        return windows

    def label(self, windows: SeriesWindows) -> WindowBatch:
        """Return windows with the name and the metadata of their series, if it has a name."""
        if not windows.name:
            return windows.batch
        count, series = len(windows.positions), self._by_name[windows.name].metadata
        return windows.batch._replace(names=(windows.name,) * count, series=(series,) * count)

    def note_made(self, windows: Iterable[SeriesWindows]) -> None:
        """Note that windows have been forecast."""
        for item in windows:
            self._by_name[item.name].made = int(item.positions[-1])

    def missing_rows(self, name: str) -> int:
        """Return how many further steps a series needs before its first forecast, if none is missing."""
        if name in self._by_name:
            return self._by_name[name].missing_rows()
        waiting = self._waiting.get(name)
        steps = 0 if waiting is None else len(to_steps(waiting, self.book.metadata).time)
        return self.book.metadata.input_rows - steps

    def _add(self, name: str, rows: Rows, started: dict[str, ModelMetadata]) -> Update:
        series = self.book.metadata_of(name)
        if series is None:
            rows = self._complete(rows)
            waiting = self._waiting.pop(name, None)
            rows = rows if waiting is None else Rows.join([waiting, rows])
            steps = to_steps(rows, self.book.metadata)
            if len(steps.time) < self.book.metadata.lookback:
                self._waiting[name] = rows
                return NOTHING
            first = steps.select(slice(self.book.metadata.lookback))
            series = started[name] = self.book.first_level(name, first.columns)
        elif name in self._waiting:  # its level has come with windows meanwhile
            rows = Rows.join([self._waiting.pop(name), self._complete(rows)])
        look_back = self._by_name.setdefault(name, LookBack(series))
        return look_back.add(Rows(rows.time, with_series(self.book.metadata, name, rows.columns)))

    def _complete(self, rows: Rows) -> Rows:
        """Return rows with all features, NaN where they are missing."""
        return rows.complete(self.book.metadata.all_features)
