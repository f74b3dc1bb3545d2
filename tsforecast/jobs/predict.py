"""job=predict: forecasts of a whole file, with times, weights and intervals."""

import contextlib
import time
from functools import partial
from pathlib import Path

from tsforecast.config import Config
from tsforecast.errors import UserError
from tsforecast.files import display_path, remove_if_empty
from tsforecast.jobs import build
from tsforecast.models.io import load_metadata, load_model, load_task
from tsforecast.registry.model_source import resolve_model
from tsforecast.tables.sources import find_source
from tsforecast.tracking.current import current_tracker


def main(config: Config, path: Path) -> None:
    """Read ``predict.data``, write ``predict.out``, and print the number of forecasts and the coverage."""
    options = config.predict
    rows = find_source(str(options.data), options.connection)
    source = resolve_model(config.registry, config.run)

    from tsforecast.inference.forecast_table import TableWriter
    from tsforecast.inference.metadata import ModelMetadata
    from tsforecast.inference.panel_predict import forecast_panel_file
    from tsforecast.inference.probabilistic_output import open_output
    from tsforecast.inference.sliding import check_rows, read_rows, segments

    task, stored = load_task(source.model), load_metadata(source.model)
    description = ModelMetadata.from_task(task, stored)
    if description.panel is not None:
        file, set_up = (source.model, source.name), partial(build.set_up_runtime, config)
        figures = forecast_panel_file(rows, file, description, options, config.intervals, path, set_up)
        current_tracker().summary(figures)
        return
    check_rows(rows, description, options.time)
    writer = TableWriter(options.out or path / "forecasts.parquet")
    output = open_output(options, task, description, source, path, config.seed)
    build.set_up_runtime(config)

    from tsforecast.ensemble.streaming import forecast_stream
    from tsforecast.inference.file_forecast import describe_forecasts, windows_per_call
    from tsforecast.inference.intervals import create_intervals
    from tsforecast.inference.missing import MissingStretches
    from tsforecast.inference.predictor import Predictor

    model = load_model(source.model) if output is None else output.adapt(load_model(source.model))
    predictor = Predictor(model, sizes=(windows_per_call(options.batch_size),))
    metadata = predictor.metadata
    shape = metadata.horizon, len(metadata.targets)
    intervals = create_intervals(*shape, config.intervals, source.calibration)
    missing = MissingStretches(metadata.lookback, metadata.categories, metadata.history)
    began = time.monotonic()
    with writer, (output and output.writer) or contextlib.nullcontext():
        stream = segments(read_rows(rows, metadata, options.time), metadata, options.stride, missing)
        for table in forecast_stream(stream, model, predictor, intervals, options.batch_size, output):
            writer.write(table)
        if not writer.rows:
            raise UserError(
                f"predict.data: {options.data} has no {metadata.lookback} consecutive rows, as a window of"
                f" {source.name} needs."
            )
    windows, summary = writer.rows // (shape[0] * shape[1]), intervals.summary()
    seconds = time.monotonic() - began
    current_tracker().summary({"windows": windows, "seconds": seconds, "version": source.name, **summary})
    print(describe_forecasts(windows, seconds, source.name, summary))
    for warning in missing.warnings():
        print(warning)
    remove_if_empty(path)  # the result is elsewhere
    print(*map(display_path, [writer.path, *(output.files if output else [])]), sep="\n", flush=True)
