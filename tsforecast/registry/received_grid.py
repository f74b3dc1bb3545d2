"""Rows that the service received, on the grid of the training data."""

from __future__ import annotations

import numpy as np

from tsforecast.inference.metadata import ModelMetadata
from tsforecast.tables.streaming import Rows
from tsforecast.times.duplicates import aggregate
from tsforecast.times.order import sort_rows
from tsforecast.times.resample import Resampler

MARGIN_SECONDS = 2 * 86_400  # by which the clock of the rows may differ from that of the grid
MAX_GROWTH = 20  # steps without a row, for each row


def put_on_grid(rows: Rows, metadata: ModelMetadata) -> tuple[np.ndarray, np.ndarray]:
    """Return rising positions ``[M]`` and values ``[M, C]`` of rows of one series; of bins, complete ones only.

    Args:
        rows: The rows, in any order.
        metadata: Metadata of the model that read them.
    """
    names, recipe, grid = list(rows.columns), metadata.recipe, metadata.grid
    duplicates = (recipe and recipe.duplicates) or "last"  # clients may send rows again, however many
    codes = [names.index(name) for name in metadata.categories if name in names]
    time = metadata.clock.to_grid(rows.time).astype("datetime64[ns]")
    time, values = sort_rows(time, np.stack([rows.columns[name] for name in names], axis=1))
    if recipe is not None and grid.exact:
        newest = time[-1]
        resampler = Resampler(grid, recipe.aggregate_of(names), duplicates, codes)
        parts = [part for part in (resampler.add(time, values), resampler.finish()) if part is not None]
        time, values = (np.concatenate(items) for items in zip(*parts, strict=True))
        complete = time <= newest
        time, values = time[complete], values[complete]
    return aggregate(grid.positions(time), values, duplicates, codes)
