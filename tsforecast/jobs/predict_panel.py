"""job=predict for a model of many series: forecasts of a whole file, with the names of the series."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from tsforecast.config import Config
from tsforecast.errors import UserError
from tsforecast.files import display_path, remove_if_empty
from tsforecast.jobs import build
from tsforecast.models.io import load_model, load_task
from tsforecast.registry.model_source import ModelSource
from tsforecast.tables.table import Source
from tsforecast.tracking.current import current_tracker

if TYPE_CHECKING:
    from tsforecast.inference.metadata import ModelMetadata

CHECKED_PIECES = 4  # of the table, each of which has up to 65,536 rows


def predict_panel(
    config: Config, path: Path, rows: Source, source: ModelSource, metadata: ModelMetadata
) -> None:
    """Read the rows, write the forecasts of all series, and print their number and the coverage.

    Args:
        config: Checked config.
        path: Folder of the command.
        rows: Where the rows come from.
        source: Where the model comes from.
        metadata: Its metadata.
    """
    from tsforecast.inference.forecast_table import TableWriter
    from tsforecast.inference.panel_stream import PanelStream
    from tsforecast.inference.probabilistic_output import open_output

    options = config.predict
    if options.samples:
        raise UserError("predict.samples is for a model of one series: leave it out.")
    for _ in PanelStream(rows, metadata, options.time).segments(pieces=CHECKED_PIECES):
        pass
    writer = TableWriter(options.out or path / "forecasts.parquet")
    output = open_output(options, load_task(source.model), metadata, source, path, config.seed)
    build.set_up_runtime(config)

    from tsforecast.inference.file_forecast import describe_forecasts, windows_per_call
    from tsforecast.inference.panel_forecast import PanelForecaster
    from tsforecast.inference.predictor import Predictor

    model = load_model(source.model) if output is None else output.adapt(load_model(source.model))
    predictor = Predictor(model, sizes=(windows_per_call(options.batch_size),))
    stream = PanelStream(rows, metadata, options.time, options.stride)
    forecaster = PanelForecaster(stream, predictor, config.intervals, output)
    began = time.monotonic()
    with writer:
        for table in forecaster.tables(options.batch_size):
            writer.write(table)
        if not writer.rows:
            raise UserError(
                f"predict.data: no series of {options.data} has {metadata.lookback} consecutive rows, as a window of"
                f" {source.name} needs."
            )
    seconds, summary = time.monotonic() - began, forecaster.summary()
    figures = {"windows": forecaster.windows, "series": len(stream.states), "seconds": seconds}
    current_tracker().summary({**figures, "version": source.name, **summary})
    print(describe_forecasts(forecaster.windows, seconds, source.name, summary))
    print(f"{len(stream.states):,} series")
    for warning in stream.warnings():
        print(warning)
    remove_if_empty(path)  # the result is elsewhere
    print(display_path(writer.path), flush=True)
