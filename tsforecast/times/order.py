"""Rows in the order of time."""

import numpy as np

from tsforecast.times.notes import order_note, untimed_note


def is_ordered(time: np.ndarray) -> bool:
    """Return whether times ``[N]``, NaT allowed, never go back."""
    known = ~np.isnat(time)
    return bool((np.diff(time if known.all() else time[known]) >= np.timedelta64(0, "ns")).all())


def sort_rows(time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that have a time, in the order of time; equal times stay in their order."""
    known = ~np.isnat(time)
    if not known.all():
        time, values = time[known], values[known]
    if (np.diff(time) < np.timedelta64(0, "ns")).any():
        order = np.argsort(time, kind="stable")
        time, values = time[order], values[order]
    return time, values


def order_notes(time: np.ndarray) -> tuple[str, ...]:
    """Return notes on rows without a time and on rows out of order."""
    known = ~np.isnat(time)
    backwards = int((np.diff(time[known]) < np.timedelta64(0, "ns")).sum())
    return untimed_note(int((~known).sum())) + order_note(backwards)
