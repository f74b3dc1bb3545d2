"""The rows that prediction makes of a file, as observed values at grid times."""

import json

import numpy as np

from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.sliding import read_rows, segments
from tsforecast.models.task import Task
from tsforecast.tables.file_source import FileSource


def metadata_of(series) -> ModelMetadata:
    """What a model that was trained on a series knows of it, by way of JSON."""
    count = len(series.features)
    identity = {"mean": [0.0] * count, "scale": [1.0] * count, "target_indices": list(range(count))}
    stored = {
        "channels": list(series.features),
        "targets": list(series.features),
        "step_seconds": series.step,
        "grid": series.grid.to_dict(),
        "scaler": identity,
        "recipe": series.recipe.to_dict(),
    }
    task = Task(lookback=2, channels=count, lead=1, horizon=1, target_indices=tuple(range(count)))
    return ModelMetadata.from_task(task, json.loads(json.dumps(stored)))


def read_as_prediction(path, metadata: ModelMetadata) -> dict:
    """Time -> values of all features in the order of ``metadata.targets``, NaN where missing."""
    rows = {}
    for segment in segments(read_rows(FileSource(path), metadata), metadata, 1):
        rows |= dict(zip(segment.time.tolist(), segment.truths, strict=True))
    return {np.datetime64(time, "s"): values for time, values in rows.items()}
