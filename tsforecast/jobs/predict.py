"""job=predict: forecasts of a whole file, with times, weights and intervals."""

import contextlib
import time
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
    from tsforecast.inference.panel_stream import check_panel_rows
    from tsforecast.inference.probabilistic_output import open_output
    from tsforecast.inference.sliding import check_rows

    task, stored = load_task(source.model), load_metadata(source.model)
    description = ModelMetadata.from_task(task, stored)
    is_panel = description.panel is not None
    (check_panel_rows if is_panel else check_rows)(rows, description, options.time)
    writer = TableWriter(options.out or path / "forecasts.parquet")
    output = open_output(options, task, description, source, path, config.seed)
    build.set_up_runtime(config)

    from tsforecast.ensemble.rows_forecast import forecast_rows
    from tsforecast.inference.file_forecast import describe_forecasts, windows_per_call
    from tsforecast.inference.predictor import Predictor

    model = load_model(source.model) if output is None else output.adapt(load_model(source.model))
    predictor = Predictor(model, sizes=(windows_per_call(options.batch_size),), stride=options.stride)
    metadata = predictor.metadata
    run = forecast_rows(rows, model, predictor, options, config.intervals, source.calibration, output)
    began = time.monotonic()
    with writer, (output and output.writer) or contextlib.nullcontext():
        for table in run.tables:
            writer.write(table)
        if not writer.rows:
            raise UserError(
                f"predict.data: {options.data} has no {metadata.lookback} consecutive rows"
                f"{' of one series' if is_panel else ''}, as a window of {source.name} needs."
            )
    windows, summary = writer.rows // (metadata.horizon * len(metadata.targets)), run.summary()
    seconds = time.monotonic() - began
    figures = {"windows": windows, "seconds": seconds, "version": source.name, **summary}
    current_tracker().summary(figures | ({"series": len(run.series)} if is_panel else {}))
    print(describe_forecasts(windows, seconds, source.name, summary))
    for note in run.notes():
        print(note)
    remove_if_empty(path)  # the result is elsewhere
    print(*map(display_path, [writer.path, *(output.files if output else [])]), sep="\n", flush=True)
