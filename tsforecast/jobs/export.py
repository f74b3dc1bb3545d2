"""job=export: a model as a file for another runtime, compared with the original before it is left there."""

import dataclasses
from pathlib import Path

from tsforecast.config import Config
from tsforecast.config.stored import load
from tsforecast.errors import UserError
from tsforecast.files import display_path
from tsforecast.jobs import build
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model, saved_path
from tsforecast.registry.model_source import ModelSource, resolve_model
from tsforecast.tracking.run_folder import RunFolder


def main(config: Config, path: Path) -> None:
    """Write ``export/`` with the files, and ``export.json`` and ``export.md`` with the table, to the run's folder.

    The champion's files go to the folder of this command, since a version of the registry never changes.

    Raises:
        UserError: A file forecasts something else than the original.
    """
    from tsforecast.export.formats import FORMATS

    source = resolve_model(config.registry, config.run)
    formats = FORMATS if config.format == "all" else (str(config.format),)
    run_config = model_config(config, source)
    dataset = build_saved_data(run_config, source.model)
    runtime = build.set_up_runtime(run_config)

    from tsforecast.ensemble.frozen import as_network
    from tsforecast.export import export
    from tsforecast.export.levels import write_levels
    from tsforecast.export.parity import Sample, to_markdown

    sample = Sample.from_dataset(dataset, config.export.windows)
    model = as_network(load_model(source.model))
    original = export.Original.from_model(model, source.name, saved_path(source.model), sample)
    folder = RunFolder.create(path)
    (folder.path / export.FOLDER).mkdir(exist_ok=True)
    rows, errors = export.export_formats(
        original,
        formats,
        config.export,
        folder.path / export.FOLDER,
        on_row=lambda row: print(export.to_line(row), flush=True),
    )
    levels = write_levels(model, folder.path / export.FOLDER)
    rows = export.add_earlier_rows(folder.path / "export.json", [original.row, *rows])
    table = to_markdown(rows, original.metadata, len(sample.values))
    result = {
        "model": source.name,
        "interface": export.describe_interface(original) | levels,
        "device": runtime.device_name,
        "rows": rows,
    }
    folder.write_json("export.json", result)
    folder.write_text_atomic("export.md", table)
    print(table)
    if errors:
        raise UserError(" ".join(map(str, errors)))
    print(display_path(folder.path), flush=True)


def model_config(config: Config, source: ModelSource) -> Config:
    """Return the config of the model's run; it runs with TensorFlow, whichever backend it was trained with."""
    run_config = config if config.run is not None else load(source.config, config)
    return dataclasses.replace(run_config, backend="tensorflow", device=config.device)
