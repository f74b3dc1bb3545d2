"""Which rows are new since a champion was made, what has changed among the others, and which series are damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.data.durations import block_steps
from tsforecast.data.identity import step_numbers
from tsforecast.data.quality import faults
from tsforecast.errors import UserError
from tsforecast.panels.panel import join_ids

if TYPE_CHECKING:
    from tsforecast.data.series import Series

MIN_SOUND = 0.5  # share of many series that must not be damaged: the others are left out


def count_known_rows(series: Series, data: Mapping[str, Any]) -> int:
    """Return how many rows of a series a champion's run had too: those that are new come after them.

    Args:
        series: All rows; the oldest that the run had may be gone.
        data: What the champion's ``result.json`` holds of its data; in version 0.1 the number of rows only.

    Example:
        >>> import numpy as np
        >>> from tsforecast.data.series import Series
        >>> days = np.arange("2024-01-03", "2024-01-08", dtype="datetime64[D]").astype("datetime64[s]")
        >>> series = Series(days, np.zeros((5, 1)), ("load",), ("load",), 7)
        >>> count_known_rows(series, {"rows": 4, "last": "2024-01-04T00:00:00"})
        2
    """
    return int(known_rows(series, data).sum())


def known_rows(series: Series, data: Mapping[str, Any]) -> np.ndarray:
    """Return which rows ``[N]`` a champion's run had too, see ``count_known_rows``.

    Without a clock those are the rows of each series up to the last step that it had then.
    """
    if series.panel is not None and not series.panel.has_clock:
        known: np.ndarray = steps_after(series, data) <= 0
        return known
    if data.get("last"):
        is_known: np.ndarray = series.time <= np.datetime64(data["last"])
        return is_known
    return np.arange(len(series)) < int(data["rows"])


def change_notes(series: Series, champion: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a note if the rows that a champion's run had are no longer what they were.

    Args:
        series: All rows.
        champion: Name of the champion.
        data: What its ``result.json`` holds of its data.
    """
    is_known, before = known_rows(series, data), int(data["rows"])
    known = int(is_known.sum())
    if known < before:
        return (f"{before - known:,} of the {before:,} rows that {champion} was made with are gone.",)
    if series.panel is None:
        same = replace(series, time=series.time[:known], values=series.values[:known])
    else:
        same = series.select(is_known)
    if same.data_hash() == data["hash"]:
        return ()
    return (
        f"The rows that {champion} was made with have changed since; retrain.least_new_rows=0 retrains without"
        " new rows.",
    )


def steps_after(series: Series, data: Mapping[str, Any]) -> np.ndarray:
    """Return how many steps ``[N]`` each row of many series is after those that a champion's run had.

    Rows that it had are up to 0.

    With a clock they are counted from the last time of all series then, else from the last step of each series; a
    series that the run did not have has new rows only.

    Args:
        series: All rows.
        data: What the champion's ``result.json`` holds of its data.
    """
    if series.panel is None or series.panel.has_clock:
        last = series.grid.positions(np.array([data["last"]], "datetime64[ns]"))[0]
        after: np.ndarray = series.grid.positions(series.time.astype("datetime64[ns]")) - last
        return after
    ends = data.get("ends") or {}
    known = np.array([ends[name][1] if name in ends else 0 for name in series.panel.ids], np.int64)
    return np.asarray(step_numbers(series) - np.repeat(known, series.panel.lengths))


def first_rows(series: Series, data: Mapping[str, Any], steps: int) -> Series:
    """Return the rows of many series that a champion's run had, and those of so many steps after them.

    Args:
        series: All rows.
        data: What the champion's ``result.json`` holds of its data.
        steps: The number of steps.
    """
    return series.select(steps_after(series, data) <= steps)


def check_numbered(series: Series, champion: str, data: Mapping[str, Any]) -> None:
    """Refuse many series whose times number steps if nothing says which steps a champion's run had.

    Args:
        series: All rows.
        champion: Name of the champion.
        data: What its ``result.json`` holds of its data.

    Raises:
        UserError: It was made by an earlier version, which did not store that.
    """
    if series.panel is not None and not series.panel.has_clock and not data.get("ends"):
        raise UserError(
            f"The times number steps, and {champion} does not say with which steps of each series it was made: train"
            " and promote a new run."
        )


def find_faults(series: Series, data: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the damaged series and the faults of their new rows, see ``data.quality.faults``.

    A series that is new, or has fewer rows than a day before the new ones, has nothing to be compared with.

    Args:
        series: All rows; one series has an empty name here.
        data: What the champion's ``result.json`` holds of its data.
    """
    is_known, damaged = known_rows(series, data), dict[str, list[str]]()
    is_numbered = series.panel is not None and not series.panel.has_clock
    numbers = step_numbers(series) if is_numbered else None
    names = ("",) if series.panel is None else series.panel.ids
    for index, name in enumerate(names):
        start, stop = (int(bound) for bound in series.bounds[index : index + 2])
        first_new, part = int(is_known[start:stop].sum()), series.single(index)
        if series.panel is not None and (first_new == len(part) or first_new < block_steps(part)):
            continue
        problems = faults(part, first_new, None if numbers is None else numbers[start:stop])
        if problems:
            damaged[name] = problems
    return damaged


def leave_out(series: Series, names: Mapping[str, list[str]]) -> Series | None:
    """Return a panel without its damaged series; None if too few are left, or for one series.

    Args:
        series: All rows.
        names: The damaged series.
    """
    panel = series.panel
    if panel is None or len(panel) - len(names) < max(1, MIN_SOUND * len(panel)):
        return None
    kept = np.array([name not in names for name in panel.ids])
    return series.select(np.repeat(kept, panel.lengths))


def describe_damage(series: Series, damaged: Mapping[str, list[str]]) -> str:
    """Return in words what is damaged.

    Args:
        series: All rows.
        damaged: What ``find_faults`` returned, not empty.
    """
    name, problems = next(iter(damaged.items()))
    if series.panel is None:
        more = f" (and {len(problems) - 1} more faults)" if len(problems) > 1 else ""
        return f"{problems[0]}{more}"
    count = f"{len(damaged):,} of {len(series.panel):,} series are damaged ({join_ids(list(damaged))})"
    return f"{count}, and of '{name}' {problems[0]}"
