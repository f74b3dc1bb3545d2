"""Several rows at one time: how many there are, which column distinguishes them, and how they become one."""

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.cells import is_text
from tsforecast.errors import UserError, nearest

DUPLICATES = ("last", "first", "mean", "sum")
MAX_REPEATED = 0.01  # share of rows that may repeat a time without a decision (one row always may)
MIN_DISTINCT = 0.95  # share of rows that a column must distinguish to be named
MAX_SAMPLE = 200_000  # rows in which that column is looked for
CLOCK_WORDS = ("hour", "clock", "time", "period", "interval", "minute", "stunde", "uhr", "zeit", "hr")


def check_duplicates(duplicates: str | None) -> None:
    """Refuse an unknown way to make one row out of several.

    Raises:
        UserError: Naming the value.
    """
    if duplicates is not None and duplicates not in DUPLICATES:
        raise UserError(
            f"data.duplicates is {duplicates!r}: write {', '.join(DUPLICATES[:-1])} or {DUPLICATES[-1]}, or null."
            f"{nearest(str(duplicates), DUPLICATES)}"
        )


def is_many(count: int, rows: int) -> bool:
    """Return whether so many of some rows need a decision: more than one in a hundred, and more than one."""
    return count > max(1, MAX_REPEATED * rows)


def count_repeated(time: np.ndarray) -> tuple[int, int]:
    """Return how many of ``[N]`` times without NaT repeat an earlier one, and the index of the first that does.

    Example:
        >>> count_repeated(np.array([60, 120, 120, 180], "datetime64[s]"))
        (1, 2)
    """
    steps = np.diff(time).astype(np.int64)
    if (steps > 0).all():
        return 0, 0
    if (steps >= 0).all():
        return int((steps == 0).sum()), int((steps == 0).argmax()) + 1
    order = np.argsort(time, kind="stable")
    again = order[1:][np.diff(time[order]).astype(np.int64) == 0]
    return len(again), int(again.min()) if len(again) else 0


def check_repeated_times(time: np.ndarray, table: pa.Table, time_columns: Sequence[str]) -> None:
    """Refuse a table in which more than one row in a hundred repeats a time.

    Args:
        time: ``[N]`` datetime64[ns], in any order, NaT allowed.
        table: The rows, of which a column may distinguish those at one time.
        time_columns: Names of the columns that the times were read from.

    Raises:
        UserError: Naming two rows, their time, and the column that distinguishes the rows.
    """
    known = np.flatnonzero(~np.isnat(time))
    repeated, second = count_repeated(time[known])
    if not is_many(repeated, len(known)) or repeated == len(known) - 1:
        return
    second = int(known[second])
    first = int((time == time[second]).argmax())
    names = find_distinguishing(
        table.take(pa.array(known[:MAX_SAMPLE])), time[known[:MAX_SAMPLE]], time_columns
    )
    raise UserError(
        f"Rows {first + 1:,} and {second + 1:,} have the same time, {str(time[second])[:19]}, and so do"
        f" {repeated:,} of {len(known):,} rows with an earlier one: {_advice(table, names, first, time_columns)}"
        " data.duplicates=last, first, mean or sum."
    )


def find_distinguishing(table: pa.Table, time: np.ndarray, time_columns: Sequence[str]) -> tuple[str, ...]:
    """Return the column, or the two, whose values distinguish the rows at one time; empty if there are none."""
    _, times = np.unique(time, return_inverse=True)
    codes = dict(_codes(table, time_columns))
    order = sorted(codes, key=lambda name: (not is_text(table[name].type), codes[name].max()))
    for names in [*((name,) for name in order), *combinations(order[:6], 2)]:
        keys = times
        for name in names:
            keys = keys * (int(codes[name].max()) + 1) + codes[name]
        if len(np.unique(keys)) >= MIN_DISTINCT * len(keys):
            return names
    return ()


def aggregate(
    positions: np.ndarray, values: np.ndarray, duplicates: str | None, codes: Sequence[int] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """Return one row for each position.

    Args:
        positions: ``[N]`` whole numbers, ascending.
        values: ``[N, C]``.
        duplicates: ``last``, ``first``, ``mean`` or ``sum`` (of what is not NaN); None for the last.
        codes: Columns of codes, of which the last counts where others have their mean or sum.

    Example:
        >>> positions, values = aggregate(np.array([3, 3, 4]), np.array([[1.0], [2.0], [5.0]]), "sum")
        >>> positions.tolist(), values.tolist()
        ([3, 4], [[3.0], [5.0]])
    """
    changes = positions[1:] != positions[:-1]
    if changes.all():
        return positions, values
    if duplicates in ("mean", "sum"):
        starts = np.flatnonzero(np.append(True, changes))
        counts = np.add.reduceat((~np.isnan(values)).astype(np.int64), starts, axis=0)
        totals = np.add.reduceat(np.nan_to_num(values, nan=0.0), starts, axis=0)
        observed = np.maximum(counts, 1) if duplicates == "mean" else 1
        result = np.where(counts > 0, totals / observed, np.nan)
        columns = list(codes)
        result[:, columns] = values[np.append(changes, True)][:, columns]
        return positions[starts], result
    selected = np.append(True, changes) if duplicates == "first" else np.append(changes, True)
    return positions[selected], values[selected]


def _codes(table: pa.Table, time_columns: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the columns that may be ids or clocks (text, whole numbers, times of day), as codes from 0 on."""
    for name in table.column_names:
        column = table[name]
        if name in time_columns or column.null_count == len(column):
            continue
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_floating(column.type) and not pc.all(pc.equal(pc.floor(column), column)).as_py():
            continue
        try:
            encoded = pc.dictionary_encode(column.combine_chunks(), null_encoding="encode")
        except pa.ArrowNotImplementedError:  # structs and the like, which are no ids
            continue
        encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
        distinct = len(encoded.dictionary)
        if 1 < distinct <= len(column) / 2:
            yield name, np.frombuffer(encoded.indices.buffers()[1], np.int32)[: len(column)].astype(np.int64)


def _advice(table: pa.Table, names: tuple[str, ...], row: int, time_columns: Sequence[str]) -> str:
    if not names:
        return "no column distinguishes them; state how they become one with"
    if len(names) == 2:
        return (
            f"columns '{names[0]}' and '{names[1]}' together distinguish them; name both with"
            f" data.series_id=[{names[0]},{names[1]}] if they name series, or state how they become one with"
        )
    name = names[0]
    values = [_text(value) for value in pc.unique(table[name]).to_pylist() if value is not None]
    listed = ", ".join(values[:3]) + (f" and {len(values) - 3:,} more" if len(values) > 3 else "")
    if any(word in name.lower() for word in CLOCK_WORDS):
        joined = ",".join([*time_columns[:1], name])
        return (
            f"column '{name}' ({listed}) distinguishes them; if it is part of the time, name both as"
            f" data.time=[{joined}], otherwise state how they become one with"
        )
    value = _text(table[name][row].as_py())
    value = value if not is_text(table[name].type) else f"'{value}'"
    return (
        f"column '{name}' ({listed}) distinguishes them; select one series with data.where=\"{name} = {value}\", take"
        f" all of them with data.series_id={name}, or state how they become one with"
    )


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
