"""Decimal and thousands marks of text columns, decided over all of their values."""

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.cells import clean_text, is_text
from tsforecast.errors import UserError

WORDS = {"point": ".", "dot": ".", ".": ".", "comma": ",", ",": ","}
OTHER = {".": ",", ",": "."}
HEAD = 2000  # rows that show the decimal mark of most files
CLOCK_NAMES = re.compile(
    r"(?<![a-z])(date|time|datetime|timestamp|hour|clock|year|month|day|period|minute|zeit|uhrzeit|uhr|datum|jahr"
    r"|monat|tag|stunde)s?(?![a-z])",
    re.IGNORECASE,
)


class Evidence(NamedTuple):
    """What the values of a column say about its marks.

    Args:
        comma: Some value can only have a decimal comma, such as ``8,04``.
        point: Some value can only have a decimal point, such as ``8.04``.
        group: The first value that fits both, such as ``1.019``, or empty.
        row: Its row, from 0 on.
        whole: Whether some values have neither mark.
    """

    comma: bool
    point: bool
    group: str
    row: int
    whole: bool


def check_decimal(decimal: str | None) -> str | None:
    """Return the decimal mark that ``data.decimal`` states, or None.

    Raises:
        UserError: It is none.
    """
    if decimal is None:
        return None
    if not isinstance(decimal, str) or decimal.lower() not in WORDS:
        raise UserError(f"data.decimal is {decimal!r}: write point or comma, or null to find it.")
    return WORDS[decimal.lower()]


def find_evidence(column: pa.ChunkedArray) -> Evidence:
    """Return what a text column says about its marks.

    Example:
        >>> find_evidence(pa.chunked_array([["998", "1.019"]]))
        Evidence(comma=False, point=False, group='1.019', row=1, whole=True)
        >>> find_evidence(pa.chunked_array([["1.019,5"]])).comma
        True
    """
    text = clean_text(column)
    group = pc.fill_null(pc.match_substring_regex(text, r"^[+-]?[1-9]\d{0,2}[.,]\d{3}$"), False)
    row = pc.index(group, True).as_py()
    return Evidence(
        _any(text, _certain(",")),
        _any(text, _certain(".")),
        "" if row < 0 else text[row].as_py(),
        row,
        _any(text, r"^[+-]?\d{1,3}$"),
    )


def find_file_decimal(table: pa.Table, separator: str) -> str | None:
    """Return the decimal mark that the text of a file's first rows shows, or None if none of its values does."""
    heads = [table.slice(0, HEAD)] if table.num_rows > 2 * HEAD else []  # enough for most files
    shown = (_shown_decimal(part, separator) for part in (*heads, table))
    return next((decimal for decimal in shown if decimal is not None), "." if separator == "," else None)


def _shown_decimal(table: pa.Table, separator: str) -> str | None:
    """Return the decimal mark that more columns show than the other one, or None if none shows any."""
    columns = [evidence for _, evidence in _evidence(table, table.column_names)]
    commas = sum(evidence.comma and not evidence.point for evidence in columns)
    points = sum(evidence.point and not evidence.comma for evidence in columns)
    if not commas and not points:
        return None
    return "," if commas > points or (commas == points and separator != ",") else "."


def is_dotted_clock(column: pa.ChunkedArray) -> bool:
    """Return whether all values of a text column look like the clock 13.45."""
    if len(column) > 2 * HEAD and not is_dotted_clock(column.slice(0, HEAD)):
        return False
    text = clean_text(column).drop_null()
    return bool(pc.all(pc.match_substring_regex(text, r"^([01]?\d|2[0-4])\.[0-5]\d$"), min_count=0).as_py())


def find_other_marks(table: pa.Table, decimal: str, columns: Collection[str]) -> tuple[str, ...]:
    """Return the text columns whose values show the other decimal mark than the file's."""
    return tuple(
        name
        for name, evidence in _evidence(table, columns)
        if (evidence.comma, evidence.point) == ((False, True) if decimal == "," else (True, False))
    )


def settle_decimal(table: pa.Table, columns: Collection[str], commas_usual: bool) -> str:
    """Return the decimal mark of a table whose first rows do not show it, by all of its values.

    Args:
        table: All rows.
        columns: Those that are used.
        commas_usual: Whether the file has dates such as 31.01.2024 or semicolons, as is usual with decimal commas.

    Raises:
        UserError: A value may be read in two ways; the message names it.
    """
    decimal = find_file_decimal(table.select(list(columns)), ";")
    if decimal is not None:
        return decimal
    for name, evidence in _evidence(table, columns):
        if evidence.group and ("," in evidence.group or evidence.whole or commas_usual):
            digits = re.sub("[.,]", "", evidence.group)
            raise UserError(
                f"Column '{name}' contains {evidence.group!r} in row {evidence.row + 1:,}, which may mean {digits} or"
                f" {evidence.group.replace(',', '.')}, and no value of the file settles it: state the decimal mark with"
                " data.decimal=point or data.decimal=comma."
            )
    return "."


def _certain(mark: str) -> str:
    """Return the pattern of numbers that can only have this decimal mark."""
    d, g = (re.escape(mark), re.escape(OTHER[mark]))
    exponent = r"([eE][+-]?\d+)?"
    return "|".join(
        (
            rf"^[+-]?\d*{d}(\d{{1,2}}|\d{{4,}}){exponent}$",
            rf"^[+-]?(0\d*|\d{{4,}})?{d}\d{{3}}{exponent}$",
            rf"^[+-]?\d{{1,3}}({g}\d{{3}})+{d}\d*$",
            rf"^[+-]?\d{{1,3}}({g}\d{{3}}){{2,}}$",
        )
    )


def _any(text: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(text, pattern), min_count=0).as_py())


def _evidence(table: pa.Table, columns: Collection[str]) -> Iterator[tuple[str, Evidence]]:
    for name in columns:
        if is_text(table[name].type) and not (CLOCK_NAMES.search(name) and is_dotted_clock(table[name])):
            yield name, find_evidence(table[name])
