"""Categories in requests: their text as codes, and notes on those that the model does not know."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tsforecast.columns.categories import CategoryCoder, as_categories, code_scalars
from tsforecast.data.categories import to_inputs
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata


class RequestCategories:
    """Codes the categories of one request.

    Args:
        metadata: Inputs of the model.
    """

    def __init__(self, metadata: ModelMetadata):
        recipe = metadata.recipe
        self.names = tuple(metadata.categories)
        self._missing = recipe.missing_values if recipe else ()
        self._coder = CategoryCoder(metadata.categories, recipe.unknown_categories if recipe else "note")

    @property
    def notes(self) -> tuple[str, ...]:
        """A note for each column with unknown categories."""
        return self._coder.notes()

    def code_rows(self, rows: list[list[Any]], features: Sequence[str], where: str) -> list[list[Any]]:
        """Return the rows of a window with codes in place of categories; null is a missing one.

        Args:
            rows: Values of the features in each row.
            features: Names of the features.
            where: Location of the rows in the request.

        Raises:
            UserError: A value is neither text nor a number, or an unknown category that is to be refused.
        """
        if not self.names:
            return rows
        rows = [list(row) for row in rows]
        for index, name in enumerate(features):
            if name in self.names:
                codes = self._code_values([row[index] for row in rows], name, where)
                for row, code in zip(rows, codes.tolist(), strict=True):
                    row[index] = code
        return rows

    def code_column(self, column: pa.ChunkedArray, name: str) -> np.ndarray:
        """Return the codes ``[N]`` of a column of an Arrow table."""
        return to_inputs(self._coder.encode(name, as_categories(column, self._missing)))

    def _code_values(self, values: Sequence[object], name: str, where: str) -> np.ndarray:
        kinds = (str, int, float, type(None))
        wrong = next((row for row, value in enumerate(values) if not isinstance(value, kinds)), None)
        if wrong is not None:
            raise UserError(
                f"{where}[{wrong}]: the value of '{name}' must be one of its categories, a text, or null."
            )
        text = as_categories(code_scalars(values), self._missing)
        return to_inputs(self._coder.encode(name, text, locate=lambda row: f"{where}[{row}]"))
