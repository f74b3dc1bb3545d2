"""Tables with known content, written as people write them, and what a reader must make of them."""

import bz2
import gzip
import lzma
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from tests.helpers.table_layouts import DAY, HOUR, LAYOUTS, MINUTE, TimeLayout

CALENDAR = {"1mo": 1, "1q": 3}  # months of a step
STEPS = (1, 10, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, DAY, 7 * DAY)
NAMES = (
    "load", "Load, total [MW]", "a=b", "x;y", "Größe", "T (°C)", "0", "1.5", "true", "null", "NO2|GT", "a'b", "50%",
    "x\ty", "runtime", "lead time", "#", "价格", "p/h", "{a: b}", "-", "~", "a b  c", "wind@10m", "$x", "*", "T\\2",
)  # fmt: skip
MISSING = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "?", "-", "#N/A", "n/a")
WORDS = (("true", "false"), ("True", "False"), ("TRUE", "FALSE"))
COMPRESSIONS = {
    "": bytes,
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: pa.Codec("zstd").compress(data, asbytes=True),
}
KINDS = ("small", "whole", "exponent", "fixed", "large", "boolean", "tiny", "mixed")


@dataclass(frozen=True)
class Dialect:
    """How a file is written, except for its times."""

    encoding: str
    separator: str
    decimal: str
    thousands: str
    quoting: str
    end: str
    comments: int
    sep_line: bool
    blank_above: int
    units: bool
    blank_rows: bool
    trailing: bool
    padded: bool
    compression: str


@dataclass(frozen=True)
class Shape:
    """Which rows and columns a table has."""

    layout: TimeLayout
    step: int | str
    names: tuple[str, ...]
    kinds: tuple[str, ...]
    missing: float
    gaps: bool
    order: str
    jitter: bool
    duplicates: str | None
    few_duplicates: bool
    ids: bool
    counter: bool
    text: bool


@dataclass
class Table:
    """Rows as written, and what they mean.

    Args:
        header: Names of all columns.
        cells: Text of all rows.
        times: datetime64[ns] of each row.
        columns: Numbers of each row, None where missing.
        selected: Whether ``data.where`` selects the row.
    """

    header: list[str]
    cells: list[list[str]]
    times: np.ndarray
    columns: dict[str, list[float | None]]
    selected: list[bool]
    load: dict[str, Any] = field(default_factory=dict)


dialects = st.builds(
    Dialect,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"]),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    thousands=st.sampled_from(["", "", "other", " ", "'", "\u00a0"]),
    quoting=st.sampled_from(["needed", "needed", "all", "text"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    comments=st.integers(0, 2),
    sep_line=st.booleans(),
    blank_above=st.integers(0, 2),
    units=st.booleans(),
    blank_rows=st.booleans(),
    trailing=st.booleans(),
    padded=st.booleans(),
    compression=st.sampled_from(["", "", "", *COMPRESSIONS]),
)


def steps_of(layout: TimeLayout) -> list[int | str]:
    """Steps that a layout can express: seconds, or steps of the calendar."""
    steps = [step for step in STEPS if step % layout.unit == 0 and layout.step in (None, step)]
    calendar = layout.unit <= DAY and layout.step is None and layout.years[1] - layout.years[0] >= 100
    return [*steps, *(("1mo", "1q", "1bd") if calendar else ())]


def grid_time(start: datetime, step: int | str, index: int) -> datetime:
    """The time so many steps after the start; a start on the last day of a month stays on last days."""
    if isinstance(step, int):
        return start + timedelta(seconds=index * step)
    if step == "1bd":
        weeks, day = divmod(start.weekday() + index, 5)
        return start + timedelta(days=7 * weeks + day - start.weekday())
    months = start.year * 12 + start.month - 1 + index * CALENDAR[step]
    first = start.replace(year=months // 12, month=months % 12 + 1, day=1)
    if (start + timedelta(days=1)).month == start.month:
        return first.replace(day=start.day)
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Draw a shape whose step the layout can express."""
    layout = draw(st.sampled_from(LAYOUTS))
    step = draw(st.sampled_from(steps_of(layout)))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    kinds = [draw(st.sampled_from(KINDS)) for _ in names]
    ids = draw(st.booleans())
    return Shape(
        layout,
        step,
        tuple(names),
        tuple(kinds),
        draw(st.sampled_from([0.0, 0.1])),
        draw(st.booleans()),
        draw(st.sampled_from(["rising", "rising", "falling", "swapped", "shuffled"])),
        draw(st.booleans()) and layout.fraction and isinstance(step, int),
        draw(st.sampled_from([None, None, "last", "first", "sum", "mean"])),
        draw(st.booleans()),
        ids,
        draw(st.booleans()),
        draw(st.booleans()),
    )


def make_table(shape: Shape, dialect: Dialect, seed: int, later: int = 0, rows: int | None = None) -> Table:
    """Return rows of a shape.

    Args:
        shape: Which rows and columns.
        dialect: How its numbers are written.
        seed: For the values.
        later: Steps between the first row of a table of this seed and these rows.
        rows: Number of grid times; None for enough to decide how the times are written.
    """
    rng = random.Random(seed)
    start = _start(shape, rng)
    count = rows or max(rng.randint(24, 40), 3 * DAY // int(shape.step) if "period" in _needs(shape) else 0)
    grid = [grid_time(start, shape.step, later + index) for index in range(count)]
    if later:
        rng = random.Random(seed + later)
    if shape.gaps and count > 12:
        for index in rng.sample(range(2, count - 1), max(1, count // 12)):
            grid[index] = None
    grid = [time for time in grid if time is not None]
    if shape.duplicates or shape.few_duplicates:
        again = rng.sample(range(len(grid)), len(grid) // 3 if shape.duplicates else 1)
        grid = [time for index, time in enumerate(grid) for _ in range(1 + (index in again))]
    if shape.jitter:
        grid = sorted(_jittered(time, shape.step, rng) for time in grid)
    grid = _ordered(grid, shape.order, rng)
    moments = [(time, mine) for time in grid for mine in ((True, False) if shape.ids else (True,))]
    return _with_cells(shape, dialect, moments, rng)


def _needs(shape: Shape) -> str:
    return (
        "period"
        if {"period", "interval"} & set(shape.layout.header) or "1 to 24" in shape.layout.name
        else ""
    )


def _start(shape: Shape, rng: random.Random) -> datetime:
    first, last = shape.layout.years
    # Longer steps last longer; and Unix times of before 1974 may be of two units.
    first_year, years = (1971, 8) if isinstance(shape.step, int) else (1974, 87)
    day = datetime(rng.randint(max(first, first_year), last - years), 1, 1) + timedelta(
        days=rng.randint(0, 364)
    )
    if shape.step in CALENDAR and day.day > 28:  # which is a last day in February
        day = (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    if shape.step == "1bd":
        day -= timedelta(days=max(0, day.weekday() - 4))
    if shape.layout.name == "weeks":
        day -= timedelta(days=day.weekday())
    phase = rng.randrange(0, DAY, shape.layout.unit) if rng.random() < 0.5 else 0
    return day + timedelta(seconds=phase)


def _jittered(time: datetime, step: int, rng: random.Random) -> datetime:
    return time + timedelta(milliseconds=rng.randint(-20, 20) * min(step, 10))


def _ordered(grid: list[datetime], order: str, rng: random.Random) -> list[datetime]:
    if order == "falling":
        return grid[::-1]
    if order == "swapped":
        for index in rng.sample(range(len(grid) - 1), 2):
            grid[index], grid[index + 1] = grid[index + 1], grid[index]
    if order == "shuffled":
        rng.shuffle(grid)
    return grid


def _with_cells(
    shape: Shape, dialect: Dialect, moments: list[tuple[datetime, bool]], rng: random.Random
) -> Table:
    columns: dict[str, list[float | None]] = {}
    cells: dict[str, list[str]] = {}
    for name, kind in zip(shape.names, shape.kinds, strict=True):
        word = rng.choice(WORDS)
        written = [_number(kind, dialect, word, rng, shape.missing) for _ in moments]
        if all(value is None for _, value in written) or kind == "boolean":
            written = [_number(kind, dialect, word, rng, 0.0) for _ in moments]
        cells[name], columns[name] = [text for text, _ in written], [value for _, value in written]
    stamps = list(zip(*(shape.layout.write(time) for time, _ in moments), strict=True))
    extra: dict[str, list[str]] = dict(zip(shape.layout.header, map(list, stamps), strict=True))
    others = list(extra) + ([] if not shape.text else ["place"]) + ([] if not shape.ids else ["unit id"])
    extra["place"] = [rng.choice(["north", "south, left", 'the "inner"', "a;b|c"]) for _ in moments]
    extra["unit id"] = ["A" if mine else "B" for _, mine in moments]
    order = list(shape.names)
    if rng.random() < 0.7 or order[0] == "#":
        order = [*others, *order]
    else:
        order.insert(1, others[0])
        order += others[1:]
    header, body = (
        list(order),
        [[*row] for row in zip(*((extra | cells)[name] for name in order), strict=True)],
    )
    if shape.counter:
        header, body = ["", *header], [[str(index), *row] for index, row in enumerate(body)]
    times = np.array([time for time, _ in moments], "datetime64[ns]")
    table = Table(header, body, times, columns, [mine for _, mine in moments])
    table.load = _load_arguments(shape, dialect, cells)
    return table


def _number(
    kind: str, dialect: Dialect, word: tuple[str, str], rng: random.Random, missing: float
) -> tuple[str, float | None]:
    """Return a number as it is written, and its value."""
    if rng.random() < missing:
        return rng.choice(MISSING), None
    if kind == "boolean":
        value = rng.random() < 0.5
        return word[not value], float(value)
    if kind == "mixed":
        kind = rng.choice(KINDS[:5])
    sign = -1 if rng.random() < 0.3 else 1
    text = {
        "small": lambda: repr(round(sign * rng.uniform(0, 100), rng.randint(1, 5))),
        "whole": lambda: f"{sign * rng.randint(0, 10 ** rng.randint(1, 7)):,}",
        "exponent": lambda: f"{sign * rng.uniform(1, 10) * 10 ** rng.randint(-9, 12):.6{rng.choice('eE')}}",
        "fixed": lambda: f"{sign * rng.uniform(0, 10 ** rng.randint(1, 6)):,.2f}",
        "large": lambda: repr(1e9 + round(sign * rng.uniform(0, 1000), 3)),
        "tiny": lambda: repr(sign * rng.uniform(1, 9) * 1e-9),
    }[kind]()
    value = float(text.replace(",", ""))
    if text.startswith("0.") and rng.random() < 0.1:
        text = text[1:]
    if not text.startswith("-") and rng.random() < 0.05:
        text = "+" + text
    other = "," if dialect.decimal == "." else "."
    group = other if dialect.thousands == "other" else dialect.thousands
    return "".join({",": group, ".": dialect.decimal}.get(mark, mark) for mark in text), value


def _load_arguments(shape: Shape, dialect: Dialect, cells: dict[str, list[str]]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"target": list(shape.names), "calendar": False}
    if shape.layout.time:
        arguments["time"] = shape.layout.time
    if shape.ids:
        arguments["where"] = "unit id = 'A'"
    if shape.duplicates:
        arguments["duplicates"] = shape.duplicates
    texts = [cell for column in cells.values() for cell in column]
    if any("," in text or "." in text for text in texts) and not any(map(_is_decisive, texts)):
        arguments["decimal"] = "comma" if dialect.decimal == "," else "point"
    return arguments


def _is_decisive(text: str) -> bool:
    """Whether a number can have one decimal mark only."""
    if "," in text and "." in text:
        return True
    head, _, tail = text.replace(",", ".").rpartition(".")
    return bool(head or tail) and "." not in head and len(tail) != 3 and tail.isdigit()


def write_table(table: Table, dialect: Dialect, path: Path) -> Path:
    """Write a table as a CSV file and return its path."""
    lines = ["# " + ("made by a logger, 2024", "x" * 40)[index] for index in range(dialect.comments)]
    lines += [""] * dialect.blank_above
    if dialect.sep_line:
        lines.insert(0, f"sep={dialect.separator}")
    header, cells = list(table.header), [list(row) for row in table.cells]
    numbers = [name in table.columns for name in header]
    units = [["kW" if number else "" for number in numbers]] if dialect.units else []
    if dialect.blank_rows:
        cells.insert(len(cells) // 2, [""] * len(header))
    if dialect.trailing:
        header, cells = [*header, ""], [[*row, ""] for row in cells]
        units, numbers = [[*row, ""] for row in units], [*numbers, False]
    for row in (header, *units, *cells):
        lines.append(
            dialect.separator.join(
                _quoted(cell, dialect, number) for cell, number in zip(row, numbers, strict=True)
            )
        )
    text = dialect.end.join(lines) + dialect.end * (len(cells) % 2)
    path.write_bytes(COMPRESSIONS[dialect.compression](text.encode(dialect.encoding)))
    return path


def _quoted(cell: str, dialect: Dialect, number: bool) -> str:
    if dialect.padded and cell:
        cell = f" {cell} "
    needed = any(mark in cell for mark in (dialect.separator, '"', "\r", "\n"))
    if needed or (cell and (dialect.quoting == "all" or (dialect.quoting == "text" and not number))):
        cell = '"' + cell.replace('"', '""') + '"'
    return cell


def expected_rows(table: Table, shape: Shape) -> dict[np.datetime64, dict[str, float | None]]:
    """Return the values of each grid time that has a row, by the documented rules."""
    wanted = [index for index, selected in enumerate(table.selected) if selected]
    wanted.sort(key=lambda index: (table.times[index], index))
    base = _round_seconds(table.times[wanted[0]])
    groups: dict[int, list[int]] = {}
    for index in wanted:
        seconds = _round_seconds(table.times[index])
        if isinstance(shape.step, int):
            seconds = base + round((seconds - base) / shape.step) * shape.step
        groups.setdefault(seconds, []).append(index)
    return {
        np.datetime64(seconds, "s"): {
            name: _merged([values[index] for index in group], shape.duplicates)
            for name, values in table.columns.items()
        }
        for seconds, group in groups.items()
    }


def _round_seconds(time: np.datetime64) -> int:
    return round(int(time.astype("datetime64[ns]").astype(np.int64)) / 1e9)


def _merged(values: list[float | None], duplicates: str | None) -> float | None:
    if duplicates in ("sum", "mean"):
        known = [value for value in values if value is not None]
        if not known:
            return None
        return sum(known) / (len(known) if duplicates == "mean" else 1)
    return values[0 if duplicates == "first" else -1]


def fits_encoding(shape: Shape, dialect: Dialect) -> bool:
    """Whether the encoding has all letters of a table."""
    try:
        "".join((*shape.names, dialect.thousands)).encode(dialect.encoding)
    except UnicodeEncodeError:
        return False
    return True
