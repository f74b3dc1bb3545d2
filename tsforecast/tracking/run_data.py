"""What a run folder records of the data that its run began with: ``data.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tsforecast.data.identity import DataIdentity, compare_data
from tsforecast.data.scaling import Scaler
from tsforecast.models.io import load_metadata, saved_path

if TYPE_CHECKING:
    from tsforecast.data.dataset import ForecastDataset
    from tsforecast.tracking.run_folder import RunFolder


def record_data(folder: RunFolder, dataset: ForecastDataset) -> None:
    """Write ``data.json``, by which a resumed run knows its data and scaling."""
    identity = DataIdentity.from_series(dataset.series, dataset.parts)
    folder.write_json(
        folder.data.name,
        {
            "data": identity.to_dict(),
            "channels": list(dataset.channels),
            "scaler": dataset.scaler.to_dict(),
            "recipe": identity.recipe,
        },
    )


def read_start(folder: RunFolder) -> dict[str, Any] | None:
    """Return channels, scaler and, if known, data with which an interrupted run began; None if it saved nothing."""
    if folder.data.is_file():
        return json.loads(folder.data.read_text(encoding="utf-8"))
    # Runs of version 0.1 have no data.json; their best model has the scaling.
    if saved_path(folder.best).is_file():
        return load_metadata(folder.best)
    return None


def find_change(stored: Mapping[str, Any], dataset: ForecastDataset, split: Mapping[str, object]) -> str:
    """Return how the data differ from those that a run began with; empty if they do not.

    Args:
        stored: What ``read_start`` returned.
        dataset: The data as they are now.
        split: The split of the run's config.
    """
    if "data" in stored:
        before = DataIdentity.from_dict(stored["data"], dataset.series, split)
        return compare_data(before, DataIdentity.from_series(dataset.series, dataset.parts))
    features = dataset.series.features
    rows = dataset.series.values[slice(*dataset.borders[0])]
    fitted = Scaler.fit(rows, features, dataset.target_indices)
    same = fitted.mean.tolist() == stored["scaler"]["mean"][: len(features)]
    return "" if same else "the training rows have changed since the run began"


def read_identity(folder: RunFolder) -> dict[str, Any] | None:
    """Return what a run's folder says of its data; None if it does not say."""
    for path in (folder.result, folder.data):
        stored = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        if stored.get("data"):
            return stored["data"]
    return None
