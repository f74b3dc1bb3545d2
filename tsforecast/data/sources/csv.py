"""Any CSV or Parquet file as a series."""

from collections.abc import Sequence
from typing import Any

from tsforecast.data.series import Series
from tsforecast.data.sources.cached import load_source
from tsforecast.data.sources.options import TableOptions
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.file_source import FileSource


def load(
    path: str, target: str | Sequence[str], recipe: ReadingRecipe | None = None, **options: Any
) -> Series:
    """Read a file; every numeric column is a feature, and whatever was corrected is noted.

    Args:
        path: CSV or Parquet file, also compressed (.gz, .xz, .zst, .bz2).
        target: A column, a list of columns, or ``"all"``.
        recipe: How the training data were read, to read these data in the same way; None to decide.
        **options: Those of ``TableOptions``.

    Returns:
        float64 values in the file's units, in memory or in mapped files.

    Raises:
        UserError: As ``load_source``.
    """
    return load_source(FileSource(path), TableOptions(target=target, **options), recipe)
