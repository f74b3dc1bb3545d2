"""job=export: a model as a file for another runtime, held against the original before it is left there."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.config import Config
from tsforecast.config.stored import load
from tsforecast.errors import UserError
from tsforecast.jobs import build
from tsforecast.jobs.stored_data import build_saved_data
from tsforecast.models.io import load_model
from tsforecast.registry import Registry
from tsforecast.tracking.run_folder import RunFolder

FOLDER = "export"


def main(config: Config, path: Path) -> None:
    """Writes ``export/`` with the files, ``export.json`` and ``export.md`` with the table, into the run's folder.

    Those of the champion go into the folder of this command, since a version of the registry never changes.

    Raises:
        UserError: the model is no network, or a file forecasts something else than the original.
    """
    from tsforecast.export.formats import FORMATS

    saved, own, name = _source(config)
    if not saved.is_file() and saved.with_suffix(".json").is_file():
        raise UserError(f"{name} is no network, and job=export writes networks alone: serve it as it is.")
    formats = FORMATS if config.format == "all" else (str(config.format),)
    dataset = build_saved_data(own, saved)
    facts = build.set_up_runtime(own)

    from tsforecast.export.formats import variants
    from tsforecast.export.graph import as_served
    from tsforecast.export.parity import answers, as_markdown, row
    from tsforecast.inference.metadata import ModelMetadata

    model = load_model(saved)
    metadata = ModelMetadata.from_model(model)
    sample = _sample(config, dataset)
    original = as_served(model, metadata)
    expected = answers(original, sample)
    rows = [row(f"original ({name})", original, expected, saved, sample, metadata) | {"difference": None}]
    folder = RunFolder.create(path)
    (folder.path / FOLDER).mkdir(exist_ok=True)
    refused: list[UserError] = []
    for kind in formats:
        try:
            for variant in variants(kind, config.export.quantise):
                rows.append(
                    _exported(config, model, metadata, variant, sample, expected, folder.path / FOLDER)
                )
                print(_line(rows[-1]), flush=True)
        except UserError as error:
            if len(formats) == 1:
                raise
            refused.append(error)  # the other formats are not lost
    rows = _with_earlier(folder.path / "export.json", rows)
    table = as_markdown(rows, metadata, len(sample.values))
    told = {
        "model": name,
        "interface": _interface(metadata, expected),
        "device": facts.device_name,
        "rows": rows,
    }
    folder.write_json("export.json", told)
    folder.write_text_atomic("export.md", table)
    print(table)
    if refused:
        raise UserError(" ".join(map(str, refused)))
    print(folder.path, flush=True)


def _source(config: Config) -> tuple[Path, Config, str]:
    """Saved model, config and name of the run or of the version; it is run with TensorFlow whatever trained it."""
    if config.run is not None:
        folder = RunFolder.existing(config.run)
        saved, own, name = folder.best, config, folder.path.name
    else:
        registry, asked = Registry(config.registry.path), config.registry.version
        version = registry.champion() if asked is None else registry.version(asked)
        version.check()
        saved, own, name = version.model, load(version.config, config), version.name
    return saved, dataclasses.replace(own, backend="tensorflow", device=config.device), name


def _sample(config: Config, dataset: Any) -> Any:
    """Windows of the test split, in the data's units."""
    from tsforecast.export.parity import Sample

    windows, scaler = dataset.windows("test", limit=config.export.windows), dataset.scaler
    values = windows.inputs(windows.ends) * scaler.scale + scaler.mean
    return Sample(values.astype(np.float32), scaler.inverse_targets(windows.targets(windows.ends)))


def _exported(
    config: Config, model: Any, metadata: Any, variant: Any, sample: Any, expected: Any, folder: Path
) -> dict[str, Any]:
    """Writes a file under a name that nobody takes for a model, compares, and renames it; returns its row.

    A file with coarser weights that lies too far off is left out, and the row says so.

    Raises:
        UserError: the converter has no way to write this model, or a plain file lies too far off.
    """
    from tsforecast.ensemble.tree_layers import Trees
    from tsforecast.export.parity import answers, difference, row

    asked = config.export
    part, done = folder / f"part-{variant.file}", folder / variant.file
    try:
        _remove(part)
        try:
            variant.write(model, metadata, part)
        except Exception as error:  # converters raise what they like
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise UserError(f"{variant.name} cannot hold {type(model).__name__}: {reason}") from error
        run = variant.open(part)
        found = answers(run, sample)
        trees = any(isinstance(layer, Trees) for layer in model._flatten_layers())
        apart = difference(expected, found, metadata, trees)
        bound = asked.quantised_tolerance if variant.quantised else asked.tolerance
        if not apart <= bound:
            why = f"differs by {apart:.3g} from the original, more than {bound:g}"
            if not variant.quantised:
                raise UserError(f"{variant.name} {why} (export.tolerance): no file was left.")
            _remove(done)
            return {"model": variant.name, "file": "not left", "refused": why, "difference": apart}
        line = row(variant.name, run, found, part, sample, metadata)
        _remove(done)
        part.rename(done)
        return line | {"file": f"{FOLDER}/{variant.file}", "difference": apart}
    finally:
        _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _with_earlier(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These rows, and those of other formats that an earlier command wrote."""
    if not path.is_file():
        return rows
    names = {one["model"] for one in rows}
    return rows + [one for one in json.loads(path.read_text())["rows"] if one["model"] not in names]


def _interface(metadata: Any, expected: dict[str, np.ndarray]) -> dict[str, Any]:
    """What a file's user must know: the channels in and the outputs, by name, order, unit and time."""
    return {
        "input": {
            "name": "values",
            "shape": ["windows", metadata.lookback, len(metadata.channels)],
            "channels": list(metadata.channels),
            "step_seconds": metadata.step,
        },
        "outputs": {name: ["windows", *values.shape[1:]] for name, values in expected.items()},
        "targets": list(metadata.targets),
        "unit": metadata.unit,
        "lead": metadata.lead,
        "quantile_levels": metadata.quantile_levels,
    }


def _line(one: dict[str, Any]) -> str:
    if one.get("refused"):
        return f"{one['model']}: {one['refused']}; no file was left"
    return f"{one['model']}: {one['file']}, differs by {one['difference']:.2g} at most"
