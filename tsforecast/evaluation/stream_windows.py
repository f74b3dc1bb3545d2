"""Windows of a stream of rows with their truths: what scores and importances of new rows are computed from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from tsforecast import metrics
from tsforecast.data.scaling import Scaler, SeriesScaler
from tsforecast.errors import UserError
from tsforecast.evaluation.series_scores import SeriesScores
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.series_state import SeriesState
from tsforecast.inference.sliding import Segment
from tsforecast.metrics.series import series_metrics


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


class ScoredStream:
    """The forecasts of the windows of one series in a stream, and their truths.

    Args:
        metadata: Metadata of the model.
    """

    def __init__(self, metadata: ModelMetadata):
        self.metadata = metadata
        self.truths = StreamTruths(metadata)
        self._parts: list[Forecasts] = []
        self._ends: list[np.ndarray] = []
        self._last: list[np.ndarray] = []
        self._first: np.ndarray | None = None

    def add(self, segment: Segment, forecasts: Forecasts | None) -> None:
        """Add a segment with the forecasts of its windows, or None if none ends in it."""
        self.truths.add(segment)
        if forecasts is None:
            return
        if self._first is None:
            self._first = self.truths.values()[: self.metadata.lookback]
        self._parts.append(forecasts)
        self._ends.append(segment.position[segment.ends])
        self._last.append(segment.truths[segment.ends])

    @property
    def has_windows(self) -> bool:
        """Whether a window ended in the stream."""
        return bool(self._parts)

    def select(self) -> ScoredWindows:
        """Return the windows whose truths are all in the stream."""
        if not self._parts:
            return ScoredWindows.empty(self.metadata)
        ends, forecasts = np.concatenate(self._ends), Forecasts.concatenate(self._parts)
        complete = ends + self.metadata.lead + self.metadata.horizon - 1 <= self.truths.newest
        selected = Forecasts._make(None if column is None else column[complete] for column in forecasts)
        return ScoredWindows(
            selected, self.truths.select(ends)[complete], np.concatenate(self._last)[complete]
        )

    def naive_scale(self, name: str | None = None) -> np.ndarray | None:
        """Return the unit of MASE ``[T]``; that of an unknown series is from its first window.

        Args:
            name: Name of the series; None for a model of one series.

        Returns:
            None for a model that was saved without its season.
        """
        errors = self.metadata.naive_errors
        if errors is None:
            return None
        scale = errors.series_errors(name)
        if name is not None and name not in errors.ids and self._first is not None:
            return metrics.seasonal_scale(self._first, errors.season)
        return scale


class ScoredWindows(NamedTuple):
    """Windows with their truths.

    Args:
        forecasts: Forecasts of n windows.
        truth: ``[n, H, T]``, NaN where unobserved.
        last: ``[n, T]`` truths at the last input rows, NaN where unobserved.
    """

    forecasts: Forecasts
    truth: np.ndarray
    last: np.ndarray

    @classmethod
    def empty(cls, metadata: ModelMetadata) -> ScoredWindows:
        """Return no windows."""
        none = np.empty((0, metadata.horizon, len(metadata.targets)))
        return cls(Forecasts(none, none, none), none, none[:, 0])

    @property
    def median(self) -> np.ndarray | None:
        """The medians, if the point forecasts are means."""
        return None if self.forecasts.mean is None else self.forecasts.values

    @property
    def point(self) -> np.ndarray:
        """The point forecasts that squared errors score."""
        return self.forecasts.values if self.forecasts.mean is None else self.forecasts.mean


def score_stream(
    segments: Iterable[Segment], metadata: ModelMetadata, forecast: Callable[[Segment], Forecasts | None]
) -> dict[str, float]:
    """Score the forecasts of all windows of a stream whose truths are all in it.

    Args:
        segments: Segments of the stream.
        metadata: Metadata of the model.
        forecast: Returns the forecasts of the windows of a segment, or None if none ends in it.

    Returns:
        Metric to value in the target's unit, such as ``rmse``; ``mase``, relative to the seasonal naive forecast on the
        model's training rows; ``skill/persistence``; and ``windows``, their number.

    Raises:
        UserError: No window has a truth in the stream.
    """
    stream = ScoredStream(metadata)
    for segment in segments:
        stream.add(segment, forecast(segment))
    windows = stream.select()
    _check_windows([stream], windows)
    return _figures(windows, metadata, stream.naive_scale())


def score_panel(
    parts: Iterable[tuple[SeriesState, Segment, Forecasts | None]], metadata: ModelMetadata
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Score the forecasts of all windows of many series whose truths are all in the stream.

    Args:
        parts: The segments of all series with the forecasts of their windows.
        metadata: Metadata of the model.

    Returns:
        Figures over all windows, with the means over series of ``mase`` and ``smape``, ``wape`` over all values, and
        the number of ``series``; and the figures of each series that has windows.

    Raises:
        UserError: No window has a truth in the stream.
    """
    streams: dict[str, ScoredStream] = {}
    for state, segment, forecasts in parts:
        streams.setdefault(state.name, ScoredStream(state.metadata)).add(segment, forecasts)
    selected = {name: stream.select() for name, stream in streams.items()}
    scored = {name: windows for name, windows in selected.items() if len(windows.truth)}
    windows = join_windows(list(scored.values())) if scored else ScoredWindows.empty(metadata)
    _check_windows(list(streams.values()), windows)
    scales = [streams[name].naive_scale(name) for name in scored]
    counts = np.array([len(part.truth) for part in scored.values()])
    known = [scale for scale in scales if scale is not None]
    scores = SeriesScores(
        tuple(scored),
        counts,
        series_metrics(
            windows.truth,
            windows.point,
            np.repeat(np.arange(len(counts)), counts),
            len(counts),
            median=windows.median,
            scales={"mase": np.stack(known)} if known else None,
        ),
    )
    figures = _figures(windows, metadata, None)
    middle = windows.point if windows.median is None else windows.median
    figures |= scores.overall(np.abs(middle - windows.truth), windows.truth)
    return {**figures, "series": float(len(scored))}, scores.to_dict()


def join_windows(parts: Sequence[ScoredWindows]) -> ScoredWindows:
    """Return the windows of several series as one."""
    forecasts, truth, last = zip(*parts, strict=True)
    return ScoredWindows(Forecasts.concatenate(list(forecasts)), np.concatenate(truth), np.concatenate(last))


class Sample(NamedTuple):
    """Windows of a stream to explain a model on.

    Args:
        past: Inputs ``[n, L, C]``.
        truth: ``[n, H, T]`` in the targets' unit.
        scaler: Scales the targets of the windows.
    """

    past: np.ndarray
    truth: np.ndarray
    scaler: Scaler | SeriesScaler


def sample_windows(
    parts: Iterable[tuple[ModelMetadata, Segment]], metadata: ModelMetadata, limit: int
) -> Sample:
    """Return windows evenly spaced over the windows of all series of a stream.

    Args:
        parts: Segments of the stream, each with the metadata of its series.
        metadata: Metadata of the model.
        limit: Largest number of windows, at least 2.

    Raises:
        UserError: Fewer than two windows have their truths in the stream.
    """
    streams: dict[int, tuple[StreamTruths, list[Segment]]] = {}
    for series, segment in parts:
        truths, kept = streams.setdefault(id(series), (StreamTruths(series), []))
        truths.add(segment)
        if len(segment.ends):
            kept.append(segment)
    reach = metadata.lead + metadata.horizon - 1
    pieces = [
        (truths, segment, segment.ends[segment.position[segment.ends] + reach <= truths.newest])
        for truths, kept in streams.values()
        for segment in kept
    ]
    borders = np.cumsum([len(ends) for _, _, ends in pieces])
    count = int(borders[-1]) if len(borders) else 0
    if count < 2:
        raise UserError("The data have fewer than two windows with their truths: give more rows.")
    chosen = np.linspace(0, count - 1, min(limit, count)).round().astype(np.int64)
    past, truth, scalers = [], [], []
    for (truths, segment, ends), stop in zip(pieces, borders.tolist(), strict=True):
        first = stop - len(ends)
        selected = ends[chosen[(chosen >= first) & (chosen < stop)] - first]
        if len(selected):
            past.append(segment.windows(selected))
            truth.append(truths.select(segment.position[selected]))
            scalers += [truths.metadata.scaler] * len(selected)
    return Sample(np.concatenate(past), np.concatenate(truth), _join_scalers(scalers, metadata))


def _join_scalers(scalers: Sequence[Scaler], metadata: ModelMetadata) -> Scaler | SeriesScaler:
    """Return the scaler of windows whose series have scalers of their own."""
    if metadata.panel is None or metadata.scaler.levels is None:
        return metadata.scaler
    targets = list(metadata.target_indices)
    width = np.stack([scaler.scale[targets] for scaler in scalers]) / metadata.scaler.scale[targets]
    shift = np.stack([scaler.mean[targets] for scaler in scalers]) - width * metadata.scaler.mean[targets]
    return SeriesScaler(metadata.scaler, shift, width)


def _check_windows(streams: Sequence[ScoredStream], windows: ScoredWindows) -> None:
    """Refuse a stream without a window or without a truth."""
    if not any(stream.has_windows for stream in streams):
        lookback = f" {streams[0].metadata.lookback}" if streams else ""
        raise UserError(
            f"The data have no{lookback} consecutive rows, as a window of the model needs: give more rows."
        )
    if np.isnan(windows.truth).all():
        raise UserError(
            "The data have no truth of any forecast: give rows that go on after the first window."
        )


def _figures(windows: ScoredWindows, metadata: ModelMetadata, scale: np.ndarray | None) -> dict[str, float]:
    truth, point, quantiles = windows.truth, windows.point, windows.forecasts.quantiles
    figures = metrics.point_metrics(truth, point, median=windows.median, scale=scale)
    if quantiles is not None and metadata.quantile_levels is not None:
        figures |= metrics.quantile_metrics(truth, quantiles, metadata.quantile_levels)
    persistence = np.broadcast_to(windows.last[:, None], truth.shape)
    known = ~np.isnan(persistence) & ~np.isnan(truth)
    if known.any():
        observed = np.where(known, truth, np.nan)
        naive = metrics.point_metrics(observed, np.where(known, persistence, 0.0))["rmse"]
        figures["skill/persistence"] = metrics.skill(metrics.point_metrics(observed, point)["rmse"], naive)
    return {**figures, "windows": float(len(truth))}
