"""Forecasts of a stream of rows of many series."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tsforecast.inference.file_forecast import forecast_segment
from tsforecast.inference.intervals import CoverageSummary, create_intervals
from tsforecast.inference.options import IntervalOptions
from tsforecast.inference.panel_stream import PanelStream, SeriesState
from tsforecast.inference.predictor import Predictor
from tsforecast.inference.probabilistic_output import ProbabilisticOutput
from tsforecast.inference.scorer import Scorer


class PanelForecaster:
    """Forecasts the windows of many series, with intervals that follow the truths of each.

    Args:
        stream: The windows.
        predictor: Forecasts them.
        options: Options of the intervals.
        output: Which quantiles to write; None: those of the model.
    """

    def __init__(
        self,
        stream: PanelStream,
        predictor: Predictor,
        options: IntervalOptions,
        output: ProbabilisticOutput | None = None,
    ):
        self.stream, self.predictor, self.options, self.output = stream, predictor, options, output
        self._scorers: dict[str, Scorer] = {}
        self.windows = 0

    def tables(self, batch_size: int) -> Iterator[pa.Table]:
        """Yield the forecasts of each batch of windows, with the columns that name their series first.

        Args:
            batch_size: Windows in a batch; the intervals learn from the truths after each.
        """
        for state, segment in self.stream.segments():
            scorer = self._scorer(state)
            scorer.observe(segment.position, segment.truths)
            self.windows += len(segment.ends)
            forecasts = forecast_segment(
                segment, self.predictor, scorer, batch_size, self.output, series=state.metadata
            )
            for table in forecasts:
                yield label_rows(table, state, self.stream)
        for scorer in self._scorers.values():
            scorer.finish()

    def summary(self) -> CoverageSummary:
        """Return the coverage over all series."""
        inside, truths = 0, 0
        for scorer in self._scorers.values():
            inside += int(scorer.intervals.inside.sum())
            truths += int(scorer.intervals.truths.sum())
        observed = inside / truths if truths else None
        return {"nominal": self.options.coverage, "observed": observed, "truths": truths}

    def notes(self) -> list[str]:
        """Return the number of series, and the warnings of the stream."""
        return [f"{len(self.stream.states):,} series", *self.stream.warnings()]

    def _scorer(self, state: SeriesState) -> Scorer:
        if state.name not in self._scorers:
            metadata = state.metadata
            intervals = create_intervals(metadata.horizon, len(metadata.targets), self.options)
            self._scorers[state.name] = Scorer(intervals, metadata)
        return self._scorers[state.name]


def label_rows(table: pa.Table, state: SeriesState, stream: PanelStream) -> pa.Table:
    """Return a table with the columns that name the series first; without a clock, times are numbers of steps.

    Args:
        table: Forecasts of one series.
        state: The series.
        stream: Its stream.
    """
    panel = stream.metadata.panel or {}
    if not panel.get("has_clock", True):
        for name in ("made_at", "time"):
            seconds = table[name].cast(pa.timestamp("s")).cast(pa.int64()).to_numpy()
            steps = pa.array(seconds // stream.metadata.grid.step.seconds)
            table = table.set_column(table.column_names.index(name), name, steps)
    for index, (name, label) in enumerate(zip(stream.columns, state.labels, strict=True)):
        column = pa.array(np.full(table.num_rows, label, dtype=object), pa.string())
        table = table.add_column(index, name, column)
    return table
