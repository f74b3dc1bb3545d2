"""Forecasts of a stream of rows of many series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from tsforecast.inference.file_forecast import forecast_segment
from tsforecast.inference.forecasts import Forecasts, Outputs
from tsforecast.inference.intervals import CoverageSummary
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.panel_stream import PanelStream
from tsforecast.inference.predictor import Predictor
from tsforecast.inference.probabilistic_output import ProbabilisticOutput
from tsforecast.inference.scorer import Scorer
from tsforecast.inference.series_intervals import SeriesIntervals
from tsforecast.inference.series_state import SeriesState
from tsforecast.inference.sliding import Segment

CALLS = 8  # of the model whose windows are gathered from several series


class PanelForecaster:
    """Forecasts the windows of many series, with intervals that follow the truths of each.

    Args:
        stream: The windows.
        predictor: Forecasts them.
        options: Options of the intervals.
        output: Which quantiles to write; None: those of the model.
        calibration: Scores that the intervals of each series start with, or None.
        newest: Whether to forecast from the last window of each series only.
    """

    def __init__(
        self,
        stream: PanelStream,
        predictor: Predictor,
        options: IntervalOptions,
        output: ProbabilisticOutput | None = None,
        calibration: bytes | None = None,
        *,
        newest: bool = False,
    ):
        self.stream, self.predictor, self.output, self._newest = stream, predictor, output, newest
        self.intervals = SeriesIntervals(stream.metadata, options, calibration)
        self._scorers: dict[str, Scorer] = {}
        self.windows = 0

    def tables(self, batch_size: int) -> Iterator[pa.Table]:
        """Yield the forecasts of a few batches of windows each, with the columns that name their series first.

        Args:
            batch_size: Windows in a batch; the intervals learn from the truths after each.
        """
        parts: Iterable[tuple[SeriesState, Segment]] = self.stream.segments()
        if self._newest:
            parts = keep_newest_of_each(parts)
        for state, segment, forecasts in forecast_together(parts, self.predictor):
            scorer = self._scorer(state)
            scorer.observe(segment.position, segment.truths)
            self.windows += len(segment.ends)
            if forecasts is None:
                continue
            label = partial(label_rows, state=state, stream=self.stream)
            tables = forecast_segment(
                segment,
                self.predictor,
                scorer,
                batch_size,
                self.output and self.output.select_series(state.name, label),
                series=state.metadata,
                forecasts=forecasts,
            )
            yield from map(label, tables)
        for scorer in self._scorers.values():
            scorer.finish()

    def summary(self) -> CoverageSummary:
        """Return the coverage over all series."""
        return self.intervals.summary()

    def notes(self) -> list[str]:
        """Return the number of series, and the warnings of the stream."""
        spread = self.intervals.describe_spread()
        return [f"{len(self.stream.states):,} series{spread}", *self.stream.warnings()]

    def _scorer(self, state: SeriesState) -> Scorer:
        if state.name not in self._scorers:
            intervals = self.intervals.of(state.name, state.metadata)
            self._scorers[state.name] = Scorer(intervals, state.metadata)
        return self._scorers[state.name]


def keep_newest_of_each(
    parts: Iterable[tuple[SeriesState, Segment]],
) -> Iterator[tuple[SeriesState, Segment]]:
    """Yield the last segment of each series in which a window ends, with its last window only."""
    newest: dict[str, tuple[SeriesState, Segment]] = {}
    for state, segment in parts:
        if len(segment.ends):
            newest[state.name] = state, segment._replace(ends=segment.ends[-1:])
    yield from newest.values()


def forecast_together(
    parts: Iterable[tuple[SeriesState, Segment]], predictor: Predictor
) -> Iterator[tuple[SeriesState, Segment, Forecasts | None]]:
    """Yield the segments of series with the forecasts of their windows, None if none ends in it.

    Windows of several series share a call of the model, since most segments have fewer than a call takes.

    Args:
        parts: Segments, each with its series.
        predictor: Forecasts the windows.
    """
    group: list[tuple[SeriesState, Segment]] = []
    count = 0
    for state, segment in parts:
        group.append((state, segment))
        count += len(segment.ends)
        if count >= CALLS * predictor.sizes[-1]:
            yield from _forecast_group(group, predictor)
            group, count = [], 0
    yield from _forecast_group(group, predictor)


def _forecast_group(
    group: Sequence[tuple[SeriesState, Segment]], predictor: Predictor
) -> Iterator[tuple[SeriesState, Segment, Forecasts | None]]:
    counts = [len(segment.ends) for _, segment in group]
    shared = [predictor.count_shared(segment.ends) for _, segment in group]
    alone = [
        segment._replace(ends=segment.ends[count:]) for (_, segment), count in zip(group, shared, strict=True)
    ]
    others = _run_windows(alone, predictor) if sum(counts) > sum(shared) else {}
    stop = 0
    for (state, segment), count, first in zip(group, counts, shared, strict=True):
        start, stop = stop, stop + count - first
        parts = [predictor.segment_outputs(segment, segment.ends[:first])] if first else []
        parts += [{name: values[start:stop] for name, values in others.items()}] if stop > start else []
        yield state, segment, _join_outputs(parts, state.metadata) if parts else None


def _join_outputs(parts: Sequence[Outputs], metadata: ModelMetadata) -> Forecasts:
    outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Forecasts.from_outputs(outputs, metadata)


def _run_windows(segments: Sequence[Segment], predictor: Predictor) -> Outputs:
    """Return the outputs for all windows of segments, one call after the other."""
    size = predictor.sizes[-1]
    owner = np.repeat(np.arange(len(segments)), [len(segment.ends) for segment in segments])
    ends = np.concatenate([segment.ends for segment in segments])
    blocks = []
    for start in range(0, len(ends), size):
        present, first = np.unique(owner[start : start + size], return_index=True)
        parts = np.split(ends[start : start + size], first[1:])
        windows = [segments[index].windows(part) for index, part in zip(present, parts, strict=True)]
        blocks.append(predictor.outputs(np.concatenate(windows)))
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def label_rows(table: pa.Table, state: SeriesState, stream: PanelStream) -> pa.Table:
    """Return a table with the columns that name the series first.

    Args:
        table: Forecasts of one series.
        state: The series.
        stream: Its stream.
    """
    labels = [pa.repeat(pa.scalar(label, pa.string()), table.num_rows) for label in state.labels]
    return pa.table([*labels, *table.columns], names=[*stream.columns, *table.column_names])
