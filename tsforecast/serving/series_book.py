"""The series that a version forecasts: what names them, their levels and their intervals."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tsforecast.columns.categories import UNKNOWN
from tsforecast.errors import UserError
from tsforecast.inference.intervals import AdaptiveIntervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.series_intervals import SeriesIntervals
from tsforecast.panels.identifiers import series_codes
from tsforecast.panels.panel import join_ids
from tsforecast.serving.series_names import series_columns, series_feature

MAX_NAME = 200  # characters of the name of a series


def with_series(
    metadata: ModelMetadata, name: str, columns: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the columns of rows of a series with the feature that holds its code, if the model reads one.

    Args:
        metadata: Metadata of the model.
        name: Name of the series.
        columns: Feature -> values ``[N]``.
    """
    feature = series_feature(metadata)
    if not feature:
        return dict(columns)
    code = series_codes(metadata.categories.get(feature, ())).get(name, UNKNOWN)
    count = len(next(iter(columns.values()))) if columns else 0
    return {**columns, feature: np.full(count, code, np.float64)}


class SeriesBook:
    """The series of a version in service; a model of one series has one, whose name is empty.

    A series that the training data do not have gets the level of its first window, and keeps it.

    Args:
        metadata: Metadata of the model.
        intervals: Intervals of its series.
        most: Series at most, so that memory is bounded.

    Example:
        ::

            book = SeriesBook(metadata, SeriesIntervals(metadata, options), most=1000)
            book.check(["north", "south"])
            book.metadata_of("north")
    """

    def __init__(self, metadata: ModelMetadata, intervals: SeriesIntervals, most: int = 1000):
        self.metadata, self.intervals, self.most = metadata, intervals, most
        self.columns = series_columns(metadata)
        self._levels: dict[str, ModelMetadata] = {}  # with its level, of each series in use
        if not self.is_panel:
            self._levels[""] = metadata
            intervals.of("", metadata)

    @property
    def is_panel(self) -> bool:
        """Whether the model forecasts many series."""
        return self.metadata.panel is not None

    @property
    def names(self) -> list[str]:
        """The series in use, sorted."""
        return sorted(self._levels)

    def check(self, names: Iterable[str]) -> None:
        """Refuse names that are too long, or more series than there may be.

        Raises:
            UserError: They are.
        """
        new = [name for name in dict.fromkeys(names) if name not in self._levels]
        long = next((name for name in new if len(name) > MAX_NAME), None)
        if long is not None:
            raise UserError(f"The name of a series has {len(long):,} characters, and may have {MAX_NAME}.")
        if len(self._levels) + len(new) > self.most:
            raise UserError(
                f"{len(new):,} series are new ({join_ids(new)}), and with them there would be"
                f" {len(self._levels) + len(new):,}, more than serve.max_series={self.most}: raise it, or send fewer."
            )

    def metadata_of(self, name: str) -> ModelMetadata | None:
        """Return the metadata of a series with its level; None for one without a first window yet."""
        if name not in self._levels and name:
            levels = self.metadata.scaler.levels
            if levels is None:
                self._levels[name] = self.metadata
            elif name in levels.index_of:
                index = levels.index_of[name]
                self._levels[name] = self.metadata.with_level(levels.shift[index], levels.width[index])
        return self._levels.get(name)

    def first_level(self, name: str, window: Mapping[str, np.ndarray]) -> ModelMetadata:
        """Return the metadata of a series with its level, or else with that of a window.

        Args:
            name: Name of the series.
            window: Feature -> its values in the first window of the series, in its unit.
        """
        return self.metadata_of(name) or self.metadata.with_level(*self.metadata.level_of(window))

    def start(self, name: str, series: ModelMetadata) -> str | None:
        """Keep the level of a series that has none yet; return it as text, for ``restore``, or None if it has one.

        Args:
            name: Name of the series.
            series: Its metadata, see ``first_level``.
        """
        if self.metadata_of(name) is not None:
            return None
        self._levels[name] = series
        scaler, thresholds = series.scaler, list(series.thresholds)
        return json.dumps(
            {"mean": scaler.mean.tolist(), "scale": scaler.scale.tolist(), "thresholds": thresholds}
        )

    def restore(self, name: str, content: str) -> None:
        """Restore the level of a series that ``start`` returned."""
        stored: dict[str, Any] = json.loads(content)
        scaler = dataclasses.replace(
            self.metadata.scaler, mean=np.array(stored["mean"]), scale=np.array(stored["scale"]), levels=None
        )
        thresholds = tuple(stored["thresholds"])
        self._levels[name] = dataclasses.replace(self.metadata, scaler=scaler, thresholds=thresholds)

    def intervals_of(self, name: str) -> AdaptiveIntervals | None:
        """Return the intervals of a series; None for one without a level."""
        series = self.metadata_of(name)
        return None if series is None else self.intervals.of(name, series)

    def bounds(
        self, low: np.ndarray, high: np.ndarray, names: Sequence[str] = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the bounds ``[n, H, T]`` of the intervals of windows.

        Args:
            low: Lower edges ``[n, H, T]`` of the model's own bands.
            high: Upper edges.
            names: Name of the series of each window; none for a model of one series.
        """
        lower, upper = np.empty_like(low), np.empty_like(high)
        windows: dict[str, list[int]] = {}
        for index in range(len(low)):
            windows.setdefault(names[index] if names else "", []).append(index)
        for name, rows in windows.items():
            intervals = self.intervals_of(name)
            if intervals is not None:
                lower[rows], upper[rows] = intervals.bounds(low[rows], high[rows])
        return lower, upper
