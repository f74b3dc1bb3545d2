"""The levels of many series next to an exported file, which takes and returns values relative to them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tsforecast.files import atomic_path
from tsforecast.inference.metadata import ModelMetadata

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model

FILE = "levels.csv"
RELATIVE = "in the spread of its series"


def relative_metadata(metadata: ModelMetadata) -> ModelMetadata:
    """Return the metadata of what an exported file computes: of many series values relative to their levels."""
    if metadata.scaler.levels is None:
        return metadata
    return replace(metadata.without_level(), unit=RELATIVE)


def describe_levels(metadata: ModelMetadata) -> dict[str, Any]:
    """Return how a caller brings values into the form that the file takes; nothing for values in their own units."""
    levels = metadata.scaler.levels
    if levels is None:
        return {}
    channels = [metadata.channels[index].name for index in levels.columns]
    rule = "give (value - shift) / width; a forecast is forecast * width + shift"
    unknown = "a series that is not in the file: mean and standard deviation of its first window"
    return {"levels": {"file": FILE, "channels": channels, "rule": rule, "unknown": unknown}}


def write_levels(model: Model, folder: Path) -> dict[str, Any]:
    """Write shift and width of each series and channel, in the channels' units, for a model of many series.

    Args:
        model: The model.
        folder: Folder of the exported files.

    Returns:
        How a caller uses the file, see `describe_levels`.
    """
    metadata = ModelMetadata.from_model(model)
    levels = metadata.scaler.levels
    if levels is None:
        return {}
    with atomic_path(folder / FILE) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["series", "channel", "shift", "width"])
        for index, name in enumerate(levels.ids):
            for column in levels.columns.tolist():
                shift, width = float(levels.shift[index, column]), float(levels.width[index, column])
                writer.writerow([name, metadata.channels[column].name, repr(shift), repr(width)])
    return describe_levels(metadata)
