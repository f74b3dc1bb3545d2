"""The rows that prediction makes of a file, as observed values at grid times."""

import json

import numpy as np

from tsforecast.data.scaling import Scaler
from tsforecast.inference.metadata import Channel, ModelMetadata
from tsforecast.inference.sliding import read_rows, segments
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.file_source import FileSource


def metadata_of(series) -> ModelMetadata:
    """What a model that was trained on a series knows of it, by way of JSON."""
    recipe = ReadingRecipe.from_dict(json.loads(json.dumps(series.recipe.to_dict())))
    count = len(series.features)
    return ModelMetadata(
        channels=tuple(Channel(name, name, 0) for name in series.features),
        targets=series.features,
        target_indices=tuple(range(count)),
        unit="",
        step=series.step,
        lookback=2,
        lead=1,
        horizon=1,
        quantile_levels=None,
        scaler=Scaler.from_dict(
            {"mean": [0.0] * count, "scale": [1.0] * count, "target_indices": list(range(count))}
        ),
        thresholds=(),
        recipe=recipe,
    )


def read_as_prediction(path, metadata: ModelMetadata) -> dict:
    """Time -> values of all features in the order of ``metadata.targets``, NaN where missing."""
    rows = {}
    for segment in segments(read_rows(FileSource(path), metadata), metadata, 1):
        rows |= dict(zip(segment.time.tolist(), segment.truths, strict=True))
    return {np.datetime64(time, "s"): values for time, values in rows.items()}
