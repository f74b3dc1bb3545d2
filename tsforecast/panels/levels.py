"""The level of each series: what is subtracted from its values and what they are divided by, before they are scaled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tsforecast.panels.panel import Ranges, take_rows

SMALLEST = 1e-9  # share of the mean below which a spread is rounding noise


@dataclass(frozen=True)
class SeriesLevels:
    """Location and spread of each series and channel: a value becomes ``(value - shift) / width``.

    Args:
        ids: Names of the S series.
        shift: ``[S, C]`` float64, in the channels' units; 0 for channels that are scaled for all series together.
        width: ``[S, C]`` float64, positive; 1 for such channels.

    Example:
        >>> levels = SeriesLevels(("a",), np.array([[2.0]]), np.array([[0.5]]))
        >>> levels.apply(np.array([[3.0]]), np.array([1])).tolist()
        [[2.0]]
    """

    ids: tuple[str, ...]
    shift: np.ndarray
    width: np.ndarray

    @classmethod
    def fit(
        cls,
        values: np.ndarray,
        ranges: Ranges,
        ids: Sequence[str],
        columns: Sequence[int],
        *,
        method: str = "standard",
        season: int = 1,
    ) -> "SeriesLevels":
        """Fit on the observed values of each series in its range.

        Args:
            values: ``[N, C]``, NaN where missing.
            ranges: Training rows of each series ``[S, 2]``, none of them empty.
            ids: Names of the series.
            columns: Channels to fit; the others get shift 0 and width 1.
            method: ``standard`` for mean and standard deviation, ``robust`` for median and interquartile range,
                ``seasonal`` for the mean and the mean absolute change over a season, the unit of MASE.
            season: Rows of a season.
        """
        shift, width = np.zeros((len(ids), values.shape[1])), np.ones((len(ids), values.shape[1]))
        lengths = ranges[:, 1] - ranges[:, 0]
        for column in columns:
            rows = take_rows(values[:, column], ranges).astype(np.float64)
            if method == "robust":
                shift[:, column], width[:, column] = _robust_figures(rows, lengths)
            elif method == "seasonal":
                shift[:, column], width[:, column] = _seasonal_figures(rows, lengths, season)
            else:
                shift[:, column], width[:, column] = _standard_figures(rows, lengths)
        return cls(tuple(ids), shift, width)

    def arrange(
        self, ids: Sequence[str], values: np.ndarray, starts: np.ndarray, lookback: int
    ) -> "SeriesLevels":
        """Return the levels of other series; those that are not known get the level of their first window.

        Args:
            ids: Names of the series.
            values: Their rows ``[N, C]``.
            starts: First row of each.
            lookback: Rows of a window.
        """
        if tuple(ids) == self.ids:
            return self
        index = np.array([self.index_of.get(name, -1) for name in ids], np.int64)
        shift, width = self.shift[index], self.width[index]
        for series in np.flatnonzero(index < 0):
            window = values[starts[series] : starts[series] + lookback]
            shift[series], width[series] = 0.0, 1.0
            for column in self.columns:
                rows = window[:, column]
                shift[series, column], width[series, column] = standard_level(rows)
        return SeriesLevels(tuple(ids), shift, width)

    def apply(self, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Return values ``[N, C]`` relative to the levels of their series, which have ``lengths`` ``[S]`` rows each."""
        array = values.astype(np.float64)
        for channel in self.columns:
            array[:, channel] = self.apply_channel(array[:, channel], channel, lengths)
        return array

    def apply_channel(self, column: np.ndarray, channel: int, lengths: np.ndarray) -> np.ndarray:
        """Return the values ``[N]`` of one channel relative to the levels of their series, see ``apply``."""
        if channel not in self.columns:
            return column
        shift, width = (np.repeat(part[:, channel], lengths) for part in (self.shift, self.width))
        array: np.ndarray = (column - shift) / width
        return array

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Return the index of each series by its name."""
        return {name: index for index, name in enumerate(self.ids)}

    @cached_property
    def columns(self) -> np.ndarray:
        """Return the channels that are relative to the level of their series."""
        return np.flatnonzero(((self.shift != 0) | (self.width != 1)).any(axis=0))

    def extend(self, channels: Sequence[int | None]) -> "SeriesLevels":
        """Return the levels with more channels: copies of some, and neutral ones for None."""
        count = len(self.ids)
        more = [
            (np.zeros(count), np.ones(count))
            if index is None
            else (self.shift[:, index], self.width[:, index])
            for index in channels
        ]
        if not more:
            return self
        shift, width = (np.stack(columns, axis=1) for columns in zip(*more, strict=True))
        return SeriesLevels(
            self.ids, np.concatenate([self.shift, shift], axis=1), np.concatenate([self.width, width], axis=1)
        )

    def first(self, channels: int) -> "SeriesLevels":
        """Return the levels of the first channels."""
        return SeriesLevels(self.ids, self.shift[:, :channels], self.width[:, :channels])

    def is_close(self, other: "SeriesLevels") -> bool:
        """Return whether other levels are those of the same series, up to rounding."""
        return (
            self.ids == other.ids
            and self.shift.shape == other.shift.shape
            and np.allclose(self.width, other.width, rtol=1e-6, atol=0)
            and bool((np.abs(self.shift - other.shift) <= 1e-6 * self.width).all())
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"ids": list(self.ids), "shift": self.shift.tolist(), "width": self.width.tolist()}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "SeriesLevels":
        """Return the levels that ``to_dict`` stored."""
        shift, width = (np.asarray(stored[key], np.float64) for key in ("shift", "width"))
        return cls(tuple(stored["ids"]), shift, width)


def standard_level(rows: np.ndarray) -> tuple[float, float]:
    """Return location and spread of rows ``[N]`` of one series, NaN where missing.

    Example:
        >>> standard_level(np.array([1.0, np.nan, 3.0]))
        (2.0, 1.0)
    """
    shift, width = _standard_figures(rows.astype(np.float64), np.array([len(rows)]))
    return float(shift[0]), float(width[0])


def _standard_figures(rows: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation ``[S]`` of consecutive groups of rows."""
    starts, observed = np.cumsum(lengths) - lengths, ~np.isnan(rows)
    count = np.maximum(np.add.reduceat(observed.astype(np.int64), starts), 1)
    mean = np.add.reduceat(np.where(observed, rows, 0.0), starts) / count
    deviation = np.where(observed, rows - np.repeat(mean, lengths), 0.0)
    return mean, _usable(np.sqrt(np.add.reduceat(deviation**2, starts) / count), mean)


def _robust_figures(rows: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return median and interquartile range ``[S]``, the latter in units of a normal standard deviation."""
    middle, spread = np.zeros(len(lengths)), np.zeros(len(lengths))
    for index, group in enumerate(np.split(rows, np.cumsum(lengths)[:-1])):
        observed = group[~np.isnan(group)]
        if len(observed):
            low, middle[index], high = np.quantile(observed, [0.25, 0.5, 0.75])
            spread[index] = (high - low) / 1.349
    _, widths = _standard_figures(rows, lengths)
    return middle, np.where(spread > SMALLEST * np.abs(middle), spread, widths)


def _seasonal_figures(rows: np.ndarray, lengths: np.ndarray, season: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the mean absolute change over a season ``[S]``, the deviation where there is none."""
    mean, deviation = _standard_figures(rows, lengths)
    of_row = np.repeat(np.arange(len(lengths)), lengths)
    change = np.abs(rows[season:] - rows[:-season])
    usable = (of_row[season:] == of_row[:-season]) & ~np.isnan(change)
    count = np.bincount(of_row[season:][usable], minlength=len(lengths))
    total = np.bincount(of_row[season:][usable], weights=change[usable], minlength=len(lengths))
    scale = total / np.maximum(count, 1)
    return mean, np.where(scale > SMALLEST * np.abs(mean), scale, deviation)


def _usable(spread: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return a positive width: the spread, or for a constant series the size of its value."""
    size = np.where(mean != 0, np.abs(mean), 1.0)
    width: np.ndarray = np.where(spread > SMALLEST * np.abs(mean), spread, size)
    return width
