"""Whole numbers that are too large to differ from the next one."""

import numpy as np

LARGEST_EXACT = 2**53  # of float64


def rounded_note(name: str, values: np.ndarray, low: float, high: float) -> tuple[str, ...]:
    """Return a note on numbers that float64 rounds to even ones, if a column has different ones.

    Args:
        name: Name of the column.
        values: ``[N]``, NaN allowed.
        low: Smallest value.
        high: Largest value.

    Example:
        >>> values = np.array([2.0**53, 2.0**53 + 2, 5.0])
        >>> rounded_note("id", values, 5.0, 2.0**53 + 2)[0][:58]
        "2 values of 'id' are beyond 9,007,199,254,740,992, the fir"
    """
    if max(-low, high) < LARGEST_EXACT:
        return ()
    beyond = np.abs(values) >= LARGEST_EXACT
    if (values[beyond] == values[beyond][0]).all() and not np.isnan(values[~beyond]).all():
        return ()  # a single number among others, such as a mark of missing values
    row = int(beyond.argmax())
    return (
        f"{int(beyond.sum()):,} values of '{name}' are beyond {LARGEST_EXACT:,}, the first in row {row + 1:,}, and"
        " only their first 15 digits are kept: leave the column out if it is an id, or subtract a constant from it.",
    )
