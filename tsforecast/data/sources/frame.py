"""A data frame as a series."""

from collections.abc import Sequence
from typing import Any

from tsforecast.data.series import Series
from tsforecast.data.sources.options import TableOptions
from tsforecast.data.sources.panel_table import load_series
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.frame import FrameSource


def load(
    frame: Any,
    target: str | Sequence[str],
    recipe: ReadingRecipe | None = None,
    name: str = "frame",
    **options: Any,
) -> Series:
    """Read a data frame; every numeric column is a feature, and whatever was corrected is noted.

    Args:
        frame: A frame of pandas (a time index counts as a column) or polars, a PyArrow table, or another object that
            gives its columns by the Arrow interface.
        target: A column, a list of columns, or ``"all"``.
        recipe: How the training data were read, to read these data in the same way; None to decide.
        name: Name of the series.
        **options: Those of ``TableOptions``.

    Example:
        >>> import numpy as np
        >>> hours = np.arange("2024-01-01T00", "2024-01-03T00", dtype="datetime64[h]").astype("datetime64[s]")
        >>> series = load({"time": hours, "load": np.arange(48.0)}, target="load", calendar=False)
        >>> len(series), series.step, series.features
        (48, 3600, ('load',))

    Raises:
        UserError: As ``FrameSource.open`` and ``load_table``.
    """
    return load_series(FrameSource(frame, name), TableOptions(target=target, **options), recipe)
