"""Windows of a stream of rows with their truths: what scores and importances of new rows are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from tsforecast import metrics
from tsforecast.errors import UserError
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import Segment


class StreamTruths:
    """The truths of a stream by their position on the grid.

    Args:
        metadata: Metadata of the model.
    """

    def __init__(self, metadata: ModelMetadata):
        self.metadata = metadata
        self._positions: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []

    def add(self, segment: Segment) -> None:
        """Add the rows of a segment that no earlier one had."""
        newest = self._positions[-1][-1] if self._positions else np.iinfo(np.int64).min
        is_new = segment.position > newest
        if is_new.any():
            self._positions.append(segment.position[is_new])
            self._truths.append(segment.truths[is_new])

    @property
    def newest(self) -> int:
        """The position of the last row."""
        return int(self._positions[-1][-1]) if self._positions else -1

    def values(self) -> np.ndarray:
        """Return the truths ``[N, T]`` of all rows."""
        return np.concatenate(self._truths)

    def select(self, ends: np.ndarray) -> np.ndarray:
        """Return the truths ``[n, H, T]`` of windows, NaN where unobserved or after the stream.

        Args:
            ends: Positions ``[n]`` of the last rows of the windows.
        """
        lead, horizon = self.metadata.lead, self.metadata.horizon
        wanted = ends[:, None] + np.arange(lead, lead + horizon)
        positions, truths = np.concatenate(self._positions), np.concatenate(self._truths)
        index = np.minimum(np.searchsorted(positions, wanted), len(positions) - 1)
        return np.where((positions[index] == wanted)[..., None], truths[index], np.nan)


def score_stream(
    segments: Iterable[Segment], metadata: ModelMetadata, forecast: Callable[[Segment], Forecasts | None]
) -> dict[str, float]:
    """Score the forecasts of all windows of a stream whose truths are all in it.

    Args:
        segments: Segments of the stream.
        metadata: Metadata of the model.
        forecast: Returns the forecasts of the windows of a segment, or None if none ends in it.

    Returns:
        Metric to value in the target's unit, such as ``rmse``; ``skill/persistence``; and ``windows``, their number.

    Raises:
        UserError: No window has a truth in the stream.
    """
    truths, ends, last = StreamTruths(metadata), [], []
    parts: list[Forecasts] = []
    for segment in segments:
        truths.add(segment)
        values = forecast(segment)
        if values is not None:
            parts.append(values)
            ends.append(segment.position[segment.ends])
            last.append(segment.truths[segment.ends])
    if not parts:
        raise UserError(
            f"The data have no {metadata.lookback} consecutive rows, as a window of the model needs: give more rows."
        )
    forecasts, truth = Forecasts.concatenate(parts), truths.select(np.concatenate(ends))
    complete = np.concatenate(ends) + metadata.lead + metadata.horizon - 1 <= truths.newest
    if not complete.any() or np.isnan(truth[complete]).all():
        raise UserError(
            "The data have no truth of any forecast: give rows that go on after the first window."
        )
    selected = Forecasts._make(None if column is None else column[complete] for column in forecasts)
    return _figures(selected, truth[complete], np.concatenate(last)[complete], metadata)


def sample_windows(
    segments: Iterable[Segment], metadata: ModelMetadata, limit: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs ``[n, L, C]`` and truths ``[n, H, T]`` in the targets' unit of windows evenly spaced over a stream.

    Args:
        segments: Segments of the stream.
        metadata: Metadata of the model.
        limit: Largest number of windows, at least 2.

    Raises:
        UserError: Fewer than two windows have their truths in the stream.
    """
    truths, kept = StreamTruths(metadata), []
    for segment in segments:
        truths.add(segment)
        if len(segment.ends):
            kept.append(segment)
    ends = np.concatenate([np.empty(0, np.int64), *(segment.position[segment.ends] for segment in kept)])
    complete = np.flatnonzero(ends + metadata.lead + metadata.horizon - 1 <= truths.newest)
    if len(complete) < 2:
        raise UserError("The data have fewer than two windows with their truths: give more rows.")
    chosen = complete[np.linspace(0, len(complete) - 1, min(limit, len(complete))).round().astype(np.int64)]
    windows, first = [], 0
    for segment in kept:
        inside = chosen[(chosen >= first) & (chosen < first + len(segment.ends))] - first
        windows.append(segment.windows(segment.ends[inside]))
        first += len(segment.ends)
    return np.concatenate(windows), truths.select(ends[chosen])


def _figures(
    forecasts: Forecasts, truth: np.ndarray, last: np.ndarray, metadata: ModelMetadata
) -> dict[str, float]:
    median = None if forecasts.mean is None else forecasts.values
    point = forecasts.values if forecasts.mean is None else forecasts.mean
    figures = metrics.point_metrics(truth, point, median=median)
    if forecasts.quantiles is not None and metadata.quantile_levels is not None:
        figures |= metrics.quantile_metrics(truth, forecasts.quantiles, metadata.quantile_levels)
    persistence = np.broadcast_to(last[:, None], truth.shape)
    known = ~np.isnan(persistence) & ~np.isnan(truth)
    if known.any():
        naive = metrics.point_metrics(np.where(known, truth, np.nan), np.where(known, persistence, 0.0))[
            "rmse"
        ]
        model = metrics.point_metrics(np.where(known, truth, np.nan), point)["rmse"]
        figures["skill/persistence"] = metrics.skill(model, naive)
    return {**figures, "windows": float(len(truth))}
