"""Forecasts of a whole file of many series."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.errors import UserError
from tsforecast.files import display_path, remove_if_empty
from tsforecast.inference.forecast_table import TableWriter
from tsforecast.inference.options import IntervalOptions, PredictOptions
from tsforecast.inference.panel_stream import PanelStream
from tsforecast.inference.probabilistic_output import check_output, create_output
from tsforecast.models.io import load_model, load_task
from tsforecast.tables.table import Source

if TYPE_CHECKING:
    from tsforecast.inference.metadata import ModelMetadata

CHECKED_PIECES = 4  # of the table, each of which has up to 65,536 rows


def forecast_panel_file(
    rows: Source,
    model: tuple[Path, str],
    metadata: ModelMetadata,
    options: PredictOptions,
    intervals: IntervalOptions,
    folder: Path,
    set_up: Callable[[], object],
) -> dict[str, Any]:
    """Forecast all series of a file, write the forecasts, print what was done, and return the figures of it.

    Args:
        rows: Where the rows come from.
        model: File and name of the model.
        metadata: Its metadata.
        options: Options of the job.
        intervals: Options of the intervals.
        folder: Folder of the command.
        set_up: Sets the state of the process before Keras is imported.

    Raises:
        UserError: The rows do not fit the model, or no series has a window.
    """
    if options.samples:
        raise UserError("predict.samples is for a model of one series: leave it out.")
    for _ in PanelStream(rows, metadata, options.time).segments(pieces=CHECKED_PIECES):
        pass
    file, name = model
    writer, task = TableWriter(options.out or folder / "forecasts.parquet"), load_task(file)
    check_output(options, task, None, name)
    output = create_output(options, task, metadata, None, None, seed=0)
    set_up()

    from tsforecast.inference.file_forecast import describe_forecasts, windows_per_call
    from tsforecast.inference.panel_forecast import PanelForecaster
    from tsforecast.inference.predictor import Predictor

    network = load_model(file) if output is None else output.adapt(load_model(file))
    predictor = Predictor(network, sizes=(windows_per_call(options.batch_size),))
    stream = PanelStream(rows, metadata, options.time, options.stride)
    forecaster = PanelForecaster(stream, predictor, intervals, output)
    began = time.monotonic()
    with writer:
        for table in forecaster.tables(options.batch_size):
            writer.write(table)
        if not writer.rows:
            raise UserError(
                f"predict.data: no series of {options.data} has {metadata.lookback} consecutive rows, as a window of"
                f" {name} needs."
            )
    seconds, summary = time.monotonic() - began, forecaster.summary()
    figures = {"windows": forecaster.windows, "series": len(stream.states), "seconds": seconds}
    described = describe_forecasts(forecaster.windows, seconds, name, summary)
    lines = [described, f"{len(stream.states):,} series", *stream.warnings()]
    remove_if_empty(folder)  # the result is elsewhere
    print(*lines, display_path(writer.path), sep="\n", flush=True)
    return {**figures, "version": name, **summary}
