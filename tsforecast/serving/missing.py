"""Missing values in requests: markers such as -9999, as in the training data, and null where a model knows masks."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata

Cells = list[tuple[int, int]]  # row and column


class RequestGaps:
    """Finds the missing values of one request; each is the last one before it in its window, as in files.

    Args:
        metadata: Inputs of the model. Its recipe has the markers of ``data.missing_values``; null is allowed for
            features whose observed mask the model reads.
    """

    def __init__(self, metadata: ModelMetadata):
        self.markers = metadata.recipe.missing_values if metadata.recipe else ()
        self.masked, self.categories = metadata.masked_features, metadata.categories
        self._counts: Counter[str] = Counter()

    @property
    def notes(self) -> tuple[str, ...]:
        """A note for each feature with missing values."""
        return tuple(
            f"{count:,} values of '{name}' are missing; the last one before each counts."
            for name, count in self._counts.items()
        )

    def is_marker(self, value: object) -> bool:
        """Return whether a JSON value stands for a missing one."""
        return type(value) in (int, float, str) and value in self.markers

    def take_out(self, rows: list[list[Any]], features: Sequence[str]) -> tuple[list[list[Any]], Cells]:
        """Return the rows of a window with 0 in place of missing values, and their places.

        Args:
            rows: Values of the features in each row.
            features: Names of the features.
        """
        cells = [
            (number, column)
            for column, name in enumerate(features)
            if name not in self.categories and (self.markers or name in self.masked)
            for number, row in enumerate(rows)
            if self.is_marker(row[column]) or (row[column] is None and name in self.masked)
        ]
        if cells:
            rows = [list(row) for row in rows]
            for number, column in cells:
                rows[number][column] = 0.0
        return rows, cells

    def find(self, column: pa.ChunkedArray, values: np.ndarray, name: str) -> np.ndarray:
        """Return which values of an Arrow column are missing and may be.

        Args:
            column: The column as sent.
            values: Its numbers ``[N]`` without the markers, NaN where missing.
            name: Name of the feature.
        """
        missing: np.ndarray = np.isnan(values)
        if name in self.masked:
            return missing
        sent = pc.fill_null(pc.invert(pc.is_null(column, nan_is_null=True)), False)
        return np.asarray(missing & sent.to_numpy(zero_copy_only=False))

    def put_back(self, values: np.ndarray, cells: Cells, features: Sequence[str], where: str) -> None:
        """Set missing values of a window ``[rows, features]`` to NaN.

        Raises:
            UserError: A window begins with a missing value.
        """
        for number, column in cells:
            if number == 0:
                raise UserError(
                    f"{where}[0]: the value of '{features[column]}' is missing, and the window has none before it; fill"
                    " it with the last one known."
                )
            values[number, column] = np.nan
            self._counts[features[column]] += 1
