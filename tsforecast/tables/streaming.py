"""The rows of a table as arrays, piece by piece, in memory that does not grow with the table."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tsforecast.columns.arrow import floats
from tsforecast.columns.categories import CategoryCoder, as_categories
from tsforecast.columns.cells import as_numbers
from tsforecast.errors import UserError
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.reading.selection import Condition
from tsforecast.tables.table import Table, check_unique
from tsforecast.times.formats import TimeFormat


class Rows(NamedTuple):
    """Some rows as they are in a table: ``time [N]`` datetime64[ns], and feature -> ``[N]`` float64."""

    time: np.ndarray
    columns: dict[str, np.ndarray]


def stream_rows(
    table: Table,
    features: Sequence[str],
    time: TimeFormat,
    recipe: ReadingRecipe | None = None,
    coder: CategoryCoder | None = None,
) -> Iterator[Rows]:
    """Yield the rows of a table piece by piece, in memory that does not grow with the table.

    If those of the training data had to be sorted, so are these, all in memory.

    Args:
        table: The open table.
        features: Columns to read as numbers.
        time: How its times are written.
        recipe: How the training data were read; None if nothing was decided.
        coder: Codes the features that hold categories, and counts those that are unknown.

    Raises:
        UserError: A value is not a time or not a finite number, or the condition cannot be applied.
    """
    pieces = _stream(table, features, time, recipe, coder)
    if recipe is None or recipe.ordered:
        yield from pieces
    else:
        yield from _sorted(list(pieces))


def _sorted(pieces: list[Rows]) -> Iterator[Rows]:
    if not pieces:
        return
    time = np.concatenate([piece.time for piece in pieces])
    order = np.argsort(time, kind="stable")
    names = pieces[0].columns
    yield Rows(
        time[order],
        {name: np.concatenate([piece.columns[name] for piece in pieces])[order] for name in names},
    )


def _stream(
    table: Table,
    features: Sequence[str],
    time: TimeFormat,
    recipe: ReadingRecipe | None,
    coder: CategoryCoder | None,
) -> Iterator[Rows]:
    first = 1
    condition = Condition.parse(recipe.where) if recipe and recipe.where else None
    missing = recipe.missing_values if recipe else ()
    check_unique(table, [*time.columns, *features])
    needed = {*time.columns, *features, *([condition.column] if condition else [])}
    for piece in _join_repeated_hours(table.pieces(sorted(needed)), time):
        rows = piece.num_rows
        if condition is not None:
            piece = condition.select(piece)
        columns = {}
        for name in features:
            if coder is not None and name in coder.vocabulary:
                text = as_categories(piece[name], missing)
                columns[name] = coder.encode(name, text, first, f"{table.key}: ")
            else:
                decimal = _decimal(table, name, recipe)
                columns[name] = _numbers(
                    table, piece[name], name, None if condition else first, decimal, missing
                )
        if piece.num_rows:
            yield Rows(time.read(piece, first), columns)
        first += rows


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
