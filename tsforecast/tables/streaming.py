"""The rows of a table as arrays, piece by piece, in memory that does not grow with the table."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from tsforecast.columns.arrow import floats
from tsforecast.columns.categories import CategoryCoder, as_categories
from tsforecast.columns.cells import as_numbers
from tsforecast.errors import UserError
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.reading.selection import Condition
from tsforecast.tables.folder import FolderTable, Part
from tsforecast.tables.merging import Rows, Stream, merge_rows
from tsforecast.tables.table import Table, check_columns, check_unique, naming
from tsforecast.times.day_order import DayOrder
from tsforecast.times.formats import TimeFormat

__all__ = ["Rows", "stream_rows"]


def stream_rows(
    table: Table,
    features: Sequence[str],
    time: TimeFormat,
    recipe: ReadingRecipe | None = None,
    coder: CategoryCoder | None = None,
) -> Iterator[Rows]:
    """Yield the rows of a table piece by piece, in memory that does not grow with the table.

    Files of a folder are merged in the order of time, if each file is in that order. If the rows of the training data
    were not, these are sorted too, all in memory.

    Args:
        table: The open table.
        features: Columns to read as numbers.
        time: How its times are written.
        recipe: How the training data were read; None if nothing was decided.
        coder: Codes the features that hold categories, and counts those that are unknown.

    Raises:
        UserError: A value is not a time or not a finite number, or the condition cannot be applied.
    """
    check_unique(table, [*time.columns, *features])
    check_columns(table, [*time.columns, *features])
    reader = _Reader(tuple(features), time, recipe, coder, DayOrder(time, recipe.grid if recipe else None))
    if isinstance(table, FolderTable):
        pieces = merge_rows([reader.stream_file(part) for part in table.parts])
    else:
        pieces = reader.read(table)
    if recipe is None or recipe.ordered:
        yield from pieces
    else:
        yield from _sorted(list(pieces))


def _sorted(pieces: list[Rows]) -> Iterator[Rows]:
    if pieces:
        rows = Rows.join(pieces)
        yield rows.select(np.argsort(rows.time, kind="stable"))


@dataclass(frozen=True)
class _Reader:
    """Reads tables piece by piece; the arguments are those of ``stream_rows``, and the order of day and month."""

    features: tuple[str, ...]
    time: TimeFormat
    recipe: ReadingRecipe | None
    coder: CategoryCoder | None
    order: DayOrder

    def stream_file(self, part: Part) -> Stream:
        """Return the rows of a file, which is opened when they are needed."""
        with naming(str(part.file)):
            times = self.time.read(part.open().head())
        known = times[~np.isnat(times)]
        first = known.min() if len(known) else np.datetime64("NaT", "ns")
        return Stream(first, partial(self._read_file, part))

    def _read_file(self, part: Part) -> Iterator[Rows]:
        with naming(str(part.file)):
            yield from self.read(part.open())

    def read(self, table: Table) -> Iterator[Rows]:
        """Yield the rows of a table."""
        recipe, first = self.recipe, 1
        condition = Condition.parse(recipe.where) if recipe and recipe.where else None
        needed = {*self.time.columns, *self.features, *([condition.column] if condition else [])}
        for piece in _join_repeated_hours(table.pieces(sorted(needed)), self.time):
            rows = piece.num_rows
            if condition is not None:
                piece = condition.select(piece)
            number = None if condition else first
            columns = {name: self._column(table, piece[name], name, first, number) for name in self.features}
            if piece.num_rows:
                times = self.time.read(piece, first)
                self.order.add(piece, first)
                yield Rows(times, columns)
            first += rows

    def _column(
        self, table: Table, column: pa.ChunkedArray, name: str, first: int, number: int | None
    ) -> np.ndarray:
        missing = self.recipe.missing_values if self.recipe else ()
        if self.coder is not None and name in self.coder.vocabulary:
            return self.coder.encode(name, as_categories(column, missing), first, f"{table.key}: ")
        return _numbers(table, column, name, number, _decimal(table, name, self.recipe), missing)


def _join_repeated_hours(pieces: Iterator[pa.Table], time: TimeFormat) -> Iterator[pa.Table]:
    """Yield the pieces of a table so that none ends in an hour that the clocks of its zone repeat."""
    waiting: pa.Table | None = None
    for piece in pieces:
        if waiting is not None:
            piece = pa.concat_tables([waiting.cast(piece.schema), piece])
        count = piece.num_rows - time.count_unfinished(piece)
        waiting = piece.slice(count) if count < piece.num_rows else None
        yield piece.slice(0, count)
    if waiting is not None:
        yield waiting


def _decimal(table: Table, name: str, recipe: ReadingRecipe | None) -> str:
    """Return the decimal mark of a column: the recipe's unless the file is written otherwise."""
    if recipe is None or (
        table.dialect and recipe.dialect and table.dialect.separator != recipe.dialect.separator
    ):
        return table.dialect.decimal if table.dialect else "."
    return recipe.decimal_of(name)


def _numbers(
    table: Table,
    column: pa.ChunkedArray,
    name: str,
    first: int | None,
    decimal: str,
    missing: Collection[float | str],
) -> np.ndarray:
    """Return a column as numbers; ``first`` is the number of its first row, None if rows were selected."""
    numbers, value = as_numbers(column, decimal, missing, first)
    if numbers is None:
        raise UserError(
            f"{table.key}: column '{name}' of {table.label} contains {value}, which is not a number: correct it."
        )
    values = floats(numbers)
    infinite = np.isinf(values)
    if infinite.any():
        where = "" if first is None else f", the first in row {first + int(infinite.argmax()):,}"
        raise UserError(
            f"{table.key}: column '{name}' of {table.label} contains infinite values{where}: leave them empty."
        )
    return values
