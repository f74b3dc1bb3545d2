"""Exporting a model: each file is compared with the original before it gets its name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.columns.categories import FIRST, MISSING, UNKNOWN
from tsforecast.errors import UserError
from tsforecast.export.formats import Variant, list_variants
from tsforecast.export.graph import INPUT, original_function
from tsforecast.export.levels import relative_metadata
from tsforecast.export.options import ExportOptions
from tsforecast.export.parity import Sample, max_difference, measure_row, run_sample
from tsforecast.export.scaling import value_type
from tsforecast.inference.metadata import ModelMetadata

if TYPE_CHECKING:
    from tsforecast.models.forecaster import Forecaster

FOLDER = "export"
MAX_REASON = 200  # characters of a converter's message to repeat
Row = dict[str, Any]


@dataclass(frozen=True)
class Original:
    """The model to export, with what it computes for a sample.

    Args:
        model: A network.
        metadata: Its metadata.
        sample: Windows of the test split.
        outputs: Outputs of the model for them.
        row: Its row of the table.
    """

    model: Forecaster
    metadata: ModelMetadata
    sample: Sample
    outputs: dict[str, np.ndarray]
    row: Row

    @classmethod
    def from_model(cls, model: Forecaster, name: str, saved: Path, sample: Sample) -> Original:
        """Run a model on a sample and measure it.

        Args:
            model: A network.
            name: Name of its run or version.
            saved: Its file.
            sample: Windows of the test split.
        """
        _check_exportable(model)
        metadata = relative_metadata(ModelMetadata.from_model(model))
        run = original_function(model, metadata)
        outputs = run_sample(run, sample)
        row = measure_row(f"original ({name})", run, outputs, saved, sample, metadata)
        return cls(model, metadata, sample, outputs, row | {"difference": None})


def export_formats(
    original: Original,
    formats: Sequence[str],
    options: ExportOptions,
    folder: Path,
    on_row: Callable[[Row], None],
) -> tuple[list[Row], list[UserError]]:
    """Export a model in several formats.

    Args:
        original: The model.
        formats: Names of the formats.
        options: Tolerances, and whether to write quantized variants.
        folder: Destination.
        on_row: Called with the row of each file.

    Returns:
        The rows, and the errors of formats that cannot hold the model: the others are not lost.

    Raises:
        UserError: There is one format only, and it cannot hold the model.
    """
    rows, errors = [], []
    for name in formats:
        try:
            for variant in list_variants(name, options.quantize):
                rows.append(export_variant(original, variant, options, folder))
                on_row(rows[-1])
        except UserError as error:
            if len(formats) == 1:
                raise
            errors.append(error)
    return rows, errors


def export_variant(original: Original, variant: Variant, options: ExportOptions, folder: Path) -> Row:
    """Write a file under a temporary name, compare it with the original, and rename it.

    A quantized file that differs too much is removed, and its row says so.

    Args:
        original: The model.
        variant: How to write it.
        options: Tolerances.
        folder: Destination.

    Raises:
        UserError: The converter cannot write this model, or a file that is not quantized differs too much.
    """
    part, target = folder / f"part-{variant.file}", folder / variant.file
    try:
        _write(original, variant, part)
        run = variant.open(part)
        outputs = run_sample(run, original.sample)
        difference = max_difference(
            original.outputs, outputs, original.metadata, trees=_has_trees(original.model)
        )
        tolerance = options.quantized_tolerance if variant.quantized else options.tolerance
        if not difference <= tolerance:
            reason = f"differs by {difference:.3g} from the original, more than {tolerance:g}"
            if not variant.quantized:
                raise UserError(f"{variant.name} {reason} (export.tolerance): no file was left.")
            _remove(target)
            return {"model": variant.name, "file": "not kept", "refused": reason, "difference": difference}
        row = measure_row(variant.name, run, outputs, part, original.sample, original.metadata)
        _remove(target)
        part.rename(target)
        return row | {"file": f"{FOLDER}/{variant.file}", "difference": difference}
    finally:
        _remove(part)


def describe_interface(original: Original) -> dict[str, Any]:
    """Return what a user of the file needs to know: inputs and outputs, their order, units and times.

    Channels of categories hold codes: the categories are listed in the order of theirs, from ``first`` on. Those of the
    context hold summaries of the scaled features, see ``context.summaries``: the file does not compute them.
    """
    metadata, context = original.metadata, original.metadata.scaler.context
    categories = {
        channel.name: {"unknown": UNKNOWN, "missing": MISSING, "first": FIRST, "categories": list(values)}
        for channel in metadata.channels
        if (values := metadata.categories.get(channel.feature)) is not None
    }
    return {
        "input": {
            "name": INPUT,
            "shape": ["windows", metadata.lookback, len(metadata.channels)],
            "channels": [channel.name for channel in metadata.channels],
            "dtype": value_type(metadata.scaler),
            "step_seconds": metadata.step,
            "step": str(metadata.grid.step),
            **({"codes": categories} if categories else {}),
            **({"context": context.to_dict()} if context is not None else {}),
        },
        "outputs": {name: ["windows", *values.shape[1:]] for name, values in original.outputs.items()},
        "targets": list(metadata.targets),
        "unit": metadata.unit,
        "lead": metadata.lead,
        "quantile_levels": metadata.quantile_levels,
    }


def add_earlier_rows(path: Path, rows: list[Row]) -> list[Row]:
    """Return the rows, and those of other formats that an earlier command wrote to ``export.json``."""
    if not path.is_file():
        return rows
    names = {row["model"] for row in rows}
    return rows + [row for row in json.loads(path.read_text())["rows"] if row["model"] not in names]


def to_line(row: Row) -> str:
    """Return a row as one line to print."""
    if row.get("refused"):
        return f"{row['model']}: {row['refused']}; no file was left"
    return f"{row['model']}: {row['file']}, differs by at most {row['difference']:.2g}"


def _write(original: Original, variant: Variant, path: Path) -> None:
    _remove(path)
    try:
        variant.write(original.model, original.metadata, path)
    except Exception as error:  # converters raise all kinds of exceptions
        reason = " ".join(str(error).split())[:MAX_REASON] or type(error).__name__
        raise UserError(f"{variant.name} cannot hold {type(original.model).__name__}: {reason}") from error


def _check_exportable(model: Forecaster) -> None:
    """Refuse a network with an estimator that a file cannot hold."""
    from tsforecast.ensemble.frozen import EstimatorCall

    for layer in model._flatten_layers():
        if isinstance(layer, EstimatorCall):
            raise UserError(
                f"No file can hold {layer.estimator.name}, which is computed by its own library: use job=serve or"
                " job=predict, or leave it out of ensemble.members."
            )


def _has_trees(model: Forecaster) -> bool:
    from tsforecast.ensemble.tree_layers import Trees

    return any(isinstance(layer, Trees) for layer in model._flatten_layers())


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
