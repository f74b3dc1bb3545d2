"""Columns that are constant within each series of a panel."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tsforecast.columns.cells import as_numbers, is_text
from tsforecast.data.names import match_names
from tsforecast.data.sources.options import TableOptions
from tsforecast.data.sources.table import TimedTable
from tsforecast.errors import UserError, nearest
from tsforecast.panels.panel import Panel, join_ids


def with_static(table: TimedTable, options: TableOptions) -> TableOptions:
    """Return options whose features and categories include the static columns; text is categories.

    Args:
        table: The rows.
        options: Options of the table.

    Raises:
        UserError: There is no such column.
    """
    names, recipe = table.recipe.static, table.recipe
    categories = list(match_names(options.categorical, table.rows.column_names))
    for name in names:
        if name not in table.rows.column_names:
            raise UserError(
                f"data.static: there is no column '{name}'.{nearest(name, table.rows.column_names)}"
            )
        numbers, _ = as_numbers(table.rows[name], recipe.decimal_of(name), recipe.missing_values, 1)
        if is_text(table.rows[name].type) and numbers is None and name not in categories:
            categories.append(name)
    if options.features in (None, "all"):
        return replace(options, categorical=categories)
    features = (*match_names(options.features, table.rows.column_names), *names)
    return replace(options, categorical=categories, features=features)


def fill_static(values: np.ndarray, panel: Panel, columns: Sequence[int]) -> np.ndarray:
    """Return values ``[N, C]`` in which each static column has the one value of its series in all rows.

    Args:
        values: Rows of all series, NaN where missing.
        panel: The series.
        columns: The static columns, in the order of ``panel.static``.

    Raises:
        UserError: A value changes within a series.

    Example:
        >>> panel = Panel(("a", "b"), np.array([0, 2, 3]), static=("size",))
        >>> fill_static(np.array([[np.nan], [5.0], [7.0]]), panel, [0]).ravel().tolist()
        [5.0, 5.0, 7.0]
    """
    starts = panel.bounds[:-1]
    for name, column in zip(panel.static, columns, strict=True):
        low, high = (function.reduceat(values[:, column], starts) for function in (np.fmin, np.fmax))
        changing = np.flatnonzero(low < high)
        if len(changing):
            series = join_ids([panel.ids[index] for index in changing], most=1)
            raise UserError(
                f"data.static: '{name}' changes within series {series}: give it one value for each series, or leave it"
                " out of data.static."
            )
        values[:, column] = np.repeat(low, panel.lengths)
    return values
