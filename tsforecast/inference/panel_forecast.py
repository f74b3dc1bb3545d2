"""Forecasts of a stream of rows of many series."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tsforecast.inference.file_forecast import batches_of_segment
from tsforecast.inference.forecast_table import forecast_table
from tsforecast.inference.intervals import AdaptiveIntervals, CoverageSummary, create_intervals
from tsforecast.inference.metadata import ModelMetadata
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
            for ends, forecasts in batches_of_segment(segment, self.predictor, batch_size, state.metadata):
                made_at = segment.time[ends]
                kept = forecasts if self.output is None else self.output.keep(made_at, forecasts)
                lower, upper = scorer.compute_intervals(segment.position[ends], kept)
                levels = None if self.output is None else self.output.levels
                self.windows += len(ends)
                table = forecast_table(state.metadata, made_at, kept, lower, upper, levels)
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

    def _scorer(self, state: SeriesState) -> Scorer:
        if state.name not in self._scorers:
            self._scorers[state.name] = Scorer(self._intervals(state.metadata), state.metadata)
        return self._scorers[state.name]

    def _intervals(self, metadata: ModelMetadata) -> AdaptiveIntervals:
        return create_intervals(metadata.horizon, len(metadata.targets), self.options)


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
