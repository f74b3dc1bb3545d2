"""Forecasts of the rows of a table by any model, for one series and for many."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sized
from typing import TYPE_CHECKING, NamedTuple

from tsforecast.ensemble.streaming import forecast_stream
from tsforecast.inference.intervals import CoverageSummary, create_intervals
from tsforecast.inference.missing import MissingStretches
from tsforecast.inference.panel_forecast import PanelForecaster
from tsforecast.inference.panel_stream import PanelStream
from tsforecast.inference.sliding import read_rows, segments

if TYPE_CHECKING:
    import pyarrow as pa

    from tsforecast.inference.options import IntervalOptions, PredictOptions
    from tsforecast.inference.predictor import Predictor
    from tsforecast.inference.probabilistic_output import ProbabilisticOutput
    from tsforecast.models.protocol import Model
    from tsforecast.tables.table import Source


class RowsForecast(NamedTuple):
    """Tables of forecasts, which are computed as they are read, and what is known after the last one.

    Args:
        tables: A table for each batch, see ``inference.forecast_table``.
        summary: Returns the coverage of the intervals.
        notes: Returns the lines to print.
        series: The series of a panel; empty for one series.
    """

    tables: Iterator[pa.Table]
    summary: Callable[[], CoverageSummary]
    notes: Callable[[], list[str]]
    series: Sized = ()


def forecast_rows(
    rows: Source,
    model: Model,
    predictor: Predictor,
    options: PredictOptions,
    intervals: IntervalOptions,
    calibration: bytes | None = None,
    output: ProbabilisticOutput | None = None,
) -> RowsForecast:
    """Return the forecasts of all windows of a table.

    Args:
        rows: Where the rows come from.
        model: The model.
        predictor: The model, compiled.
        options: Options of the prediction.
        intervals: Options of the intervals.
        calibration: Scores that the intervals start with, or None.
        output: What to write beyond the model's own quantiles, or None.
    """
    metadata, size = predictor.metadata, options.batch_size
    if metadata.panel is not None:
        panel = PanelStream(rows, metadata, options.time, options.stride)
        forecaster = PanelForecaster(panel, predictor, intervals, output, calibration)
        return RowsForecast(forecaster.tables(size), forecaster.summary, forecaster.notes, panel.states)
    adaptive = create_intervals(metadata.horizon, len(metadata.targets), intervals, calibration)
    missing = MissingStretches(metadata.lookback, metadata.categories, metadata.history)
    stream = segments(read_rows(rows, metadata, options.time), metadata, options.stride, missing)
    tables = forecast_stream(stream, model, predictor, adaptive, size, output)
    return RowsForecast(tables, adaptive.summary, missing.warnings)
