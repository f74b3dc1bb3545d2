"""Columns that number the rows: they tell nothing about a series, and go on rising after the training rows."""

import numpy as np
import pyarrow as pa

from tsforecast.columns.arrow import floats

MIN_COUNTED = 20  # rows from which on a column that counts them is taken for their number
MIN_SINGLE = 0.95  # share of steps that are 1; the others are rows that were left out of the table


def is_filler(column: pa.ChunkedArray) -> bool:
    """Return whether a column is empty or counts the rows, as data frames write their index."""
    values = floats(column)
    if np.isnan(values).all():
        return True
    steps = np.diff(values)
    return bool((steps == 1).mean() >= 0.9 or ((steps > 0).all() and (values % 1 == 0).all()))


def counts_rows(column: pa.ChunkedArray) -> bool:
    """Return whether a column is the number of the row, from any number on, also with rows left out or backwards.

    Example:
        >>> counts_rows(pa.chunked_array([[*range(1000, 1080), *range(1090, 1100)]]))
        True
        >>> counts_rows(pa.chunked_array([list(range(0, 200, 2))]))
        False
    """
    if len(column) < MIN_COUNTED:
        return False
    head = np.diff(floats(column.slice(0, MIN_COUNTED)))  # most columns need no look at the other rows
    if not (_goes_one_way(head) and head[0] == np.round(head[0]) and np.abs(head).min() == 1):
        return False
    values = floats(column)
    steps = np.diff(values)
    whole = bool((values == np.floor(values)).all())
    return whole and _goes_one_way(steps) and bool((np.abs(steps) == 1).mean() >= MIN_SINGLE)


def _goes_one_way(steps: np.ndarray) -> bool:
    return bool((steps > 0).all() or (steps < 0).all())
