"""Codes of the columns of rows of many series: numbers of the series, as they appear, and of categories."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from tsforecast.columns.categories import CategoryCoder
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.panels.identifiers import encode_values


class SeriesCoder(CategoryCoder):
    """Codes categories, and numbers the values of the columns that name series as they appear.

    Args:
        metadata: Metadata of a model of many series.

    Example:
        Rows of series ``b``, ``a`` and ``b`` get the numbers 0, 1 and 0, and ``labels`` has ``["b", "a"]``.
    """

    def __init__(self, metadata: ModelMetadata):
        recipe = metadata.recipe
        columns = recipe.series_id if recipe else ()
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in columns}
        self.labels: dict[str, list[str]] = {name: [] for name in columns}
        vocabulary = {name: values for name, values in metadata.categories.items() if name not in columns}
        super().__init__(
            {**vocabulary, **dict.fromkeys(columns, ())}, recipe.unknown_categories if recipe else "note"
        )

    def encode(
        self,
        name: str,
        text: pa.ChunkedArray,
        first: int = 1,
        where: str = "",
        locate: Callable[[int], str] | None = None,
    ) -> np.ndarray:
        """Return the codes float64 ``[N]`` of a column."""
        if name not in self._numbers:
            return super().encode(name, text, first, where, locate)
        known = self._numbers[name]
        indices, dictionary = encode_values(text)
        values = dictionary.to_pylist()
        if None in values:
            row = first + int((indices == values.index(None)).argmax())
            raise UserError(f"{where}column '{name}' is empty in row {row:,}: name the series of each row.")
        numbers = np.array([known.setdefault(value, len(known)) for value in values], np.float64)
        self.labels[name] = list(known)
        codes: np.ndarray = numbers[indices]
        return codes
