"""Columns of a table that hold categories."""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from tsforecast.columns.categories import (
    CategoryCoder,
    as_categories,
    can_be_categories,
    find_vocabulary,
    similar_notes,
)
from tsforecast.data.names import match_names
from tsforecast.errors import UserError, nearest
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.tables.table import Table, check_unique
from tsforecast.times.search import FoundTime, find_time

Texts = Mapping[str, pa.ChunkedArray]


def read_categories(opened: Table, rows: pa.Table, recipe: ReadingRecipe, declared: object) -> Texts:
    """Return the text of the columns that hold categories.

    Args:
        opened: The open table.
        rows: Its rows.
        recipe: Of the training data, or what is stated so far.
        declared: Names in ``data.categorical``, which count if there are no training data yet.

    Raises:
        UserError: There is no such column, it is a time column, or it holds neither text nor numbers.
    """
    names: Sequence[str] = tuple(recipe.categories)
    if not recipe.numeric:
        names = match_names(declared, (*opened.columns, *opened.repeated))
    check_unique(opened, names)
    for name in names:
        if name in recipe.time.columns:
            raise UserError(f"data.categorical: '{name}' is the time column; leave it out.")
        if name not in rows.column_names and recipe.numeric:
            why = f"is missing.{nearest(name, rows.column_names)}"
            raise UserError(f"{opened.key}: column '{name}', which the model was trained on, {why}")
        if name not in rows.column_names:
            raise UserError(
                f"data.categorical: there is no column '{name}'.{nearest(name, rows.column_names)}"
            )
        kind = rows[name].type
        if not can_be_categories(kind):
            raise UserError(f"data.categorical: column '{name}' holds {kind}, which are not categories.")
    return {name: as_categories(rows[name], recipe.missing_values) for name in names}


def find_time_elsewhere(
    rows: pa.Table,
    elsewhere: Mapping[str, str],
    names: Sequence[str],
    timezone: str = "",
    stated: tuple[str, str] = ("", ""),
) -> FoundTime:
    """Find the time of rows among the columns that hold neither categories nor ids, see ``find_time``.

    Args:
        rows: The rows.
        elsewhere: Column that holds something else -> the option that says so.
        names: See ``find_time``, as the others.
        timezone: Zone of the times.
        stated: How they are written.

    Raises:
        UserError: The rows have no time column but one that holds something else.
    """
    declared = [name for name in elsewhere if name in rows.column_names and name not in names]
    try:
        return find_time(rows.drop_columns(declared), names, timezone, stated)
    except UserError:
        if not declared:
            raise
        columns = find_time(rows, names, timezone).format.columns
    name = next(name for name in columns if name in declared)
    raise UserError(f"{elsewhere[name]}: '{name}' is the time column; leave it out.")


def code_categories(texts: Texts, recipe: ReadingRecipe) -> tuple[CategoryCoder, tuple[str, ...]]:
    """Return what codes the categories of columns, and notes on those that look alike.

    Args:
        texts: Column -> text, as ``read_categories`` returned it.
        recipe: Of the training data, or what is stated so far: then the categories are those of all rows.

    Raises:
        UserError: A column has too many categories, or no value.
    """
    if recipe.numeric:
        return CategoryCoder(recipe.categories, recipe.unknown_categories), ()
    vocabulary = {name: find_vocabulary(name, text) for name, text in texts.items()}
    return CategoryCoder(vocabulary, recipe.unknown_categories), similar_notes(vocabulary)
