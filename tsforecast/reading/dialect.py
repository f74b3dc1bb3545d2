"""The dialect of a CSV file: encoding, separator, decimal mark, and where its header and rows begin."""

import codecs
import csv
import re
from collections.abc import Sequence
from typing import NamedTuple

from tsforecast.columns.cells import MISSING, NUMBER
from tsforecast.errors import UserError
from tsforecast.times.text import ISO, MOMENTS, fitting

SAMPLE = 65_536  # bytes in which the encoding, the separator and the header are looked for
SAMPLE_ROWS = 200
SEPARATORS = "\t;|,"  # a comma also occurs within names and numbers
MIN_REGULAR = 0.9  # share of rows that have as many values as the header if its separator is the right one
SEP_LINE = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # written by spreadsheets
ANY_NUMBER = re.compile(r"[+-]?[\d.,'\s]*\d[\d.,]*([eE][+-]?\d+)?\s*%?")
BOOLEANS = ("true", "false")
LINE_ENDS = "\r\n|\n|\r"
DATED = tuple(pattern for pattern in (ISO, *MOMENTS) if "%d" in pattern or pattern == ISO)
MIN_DIGITS = 3  # of a date such as 1-Jan-24
MARKUP = {
    '{"': "JSON",
    "[{": "JSON",
    "[[": "JSON",
    "<!doctype html": "an HTML page",
    "<html": "an HTML page",
    "<": "XML",
}
TIME_LIKE = re.compile(r"\d+[-./:T]\d+|\d{6,}")


class Dialect(NamedTuple):
    """How a CSV file is written."""

    encoding: str
    separator: str
    decimal: str


class Layout(NamedTuple):
    """Where the parts of a CSV file are.

    Args:
        encoding: Encoding of its text.
        separator: What separates its values.
        names: Names of its columns; one without a name is called ``column_3`` after its number.
        skip: Number of lines above the first row.
        units: Units below the header, empty if there are none.
    """

    encoding: str
    separator: str
    names: tuple[str, ...]
    skip: int
    units: tuple[str, ...]


def find_layout(path: str, head: bytes, like: Dialect | None = None) -> Layout:
    """Return the layout that the first lines show.

    Blank lines, lines that begin with ``#`` and a line ``sep=;`` above the header are skipped. The separator is the
    one that splits the header and the rows into the same number of values.

    Args:
        path: str of the file, for messages.
        head: Its first bytes.
        like: Dialect of the training data, whose separator is preferred where it fits.

    Raises:
        UserError: The file does not hold a table, or it has no header.
    """
    encoding = _find_encoding(path, head[:SAMPLE])
    lines = _first_lines(head, encoding)
    stated, comment, first = _skip_preamble(lines)
    rows = [line for line in lines[first:] if line.strip() and not line.startswith("#")][:SAMPLE_ROWS]
    _check_markup(path, rows)
    separator = stated or _find_separator(path, rows, like)
    header, skip = _split(rows[0], separator), first + 1
    named = _split((comment or "").lstrip("# \t"), separator)
    if comment and len(named) == len(header) and all(_is_value(cell) for cell in header):
        header, skip = named, first
    names = clean_names(header)
    body = [_split(row, separator) for row in rows[skip - first :]]
    if _is_row(header, names, body):
        raise UserError(
            f"data.path: {path} has no header, its first line is {shorten(rows[0])}: name its columns in a first line."
        )
    if body and all(len(row) == len(names) + 1 and not row[-1].strip() for row in body):
        names = (*names, f"column_{len(names) + 1}")  # rows end with a separator, and the header does not
    units = _find_units(body, len(names))
    return Layout(encoding, separator, names, skip + bool(units), units)


def _is_row(header: Sequence[str], names: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    """Return whether the first line is a row: numbers and times alone, or a time and other values as below it."""
    if all(re.match(NUMBER, name) for name in names) or all(_is_datum(cell) for cell in header):
        return True
    below = [row for row in body if len(row) == len(header) and list(row) != list(header)]
    if not below:
        return False
    for index, name in enumerate(names):
        written = fitting([name], DATED) if sum(mark.isdigit() for mark in name) >= MIN_DIGITS else []
        if written and fitting([clean_names([row[index]])[0] for row in below], tuple(written)):
            return True
    is_word = [not _is_value(cell) and cell.strip().lower() not in BOOLEANS for cell in header]
    recurs = any(
        word and cell in {row[index] for row in below}
        for index, (cell, word) in enumerate(zip(header, is_word, strict=True))
    )
    return recurs and any(_is_datum(cell) for cell in header)


def _first_lines(head: bytes, encoding: str) -> list[str]:
    """Return the lines at the beginning of a file, at least one."""
    lines = _decoded_lines(head[:SAMPLE], encoding)
    if len(head) <= SAMPLE:
        return lines
    return lines[:-1] if len(lines) > 2 else _decoded_lines(head, encoding)  # a long header fills the sample


def _decoded_lines(head: bytes, encoding: str) -> list[str]:
    return re.split(LINE_ENDS, head.decode(encoding, errors="replace").lstrip("\ufeff"))


def _check_markup(path: str, rows: list[str]) -> None:
    """Refuse files without a row, and JSON, HTML and XML.

    Raises:
        UserError: Naming the format.
    """
    if not rows:
        raise UserError(
            f"data.path: {path} has no line that is not blank or a comment: name the file with the data."
        )
    start = rows[0].strip().lower()
    what = next((what for mark, what in MARKUP.items() if start.startswith(mark)), None)
    if what is not None or start in ("{", "["):
        raise UserError(
            f"data.path: {path} holds {what or 'JSON'}, it begins with {shorten(rows[0])}: save the data as CSV or"
            " Parquet."
        )


def shorten(line: str, most: int = 60) -> str:
    """Return a line as it should be shown in a message."""
    return repr(line if len(line) <= most else line[:most] + "...")


def clean_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return column names without blanks and quotes; a column without a name is called by its number."""
    return tuple(name.strip().strip("\"'").strip() or f"column_{i}" for i, name in enumerate(names, 1))


def _skip_preamble(lines: list[str]) -> tuple[str, str, int]:
    """Return the stated separator, the last comment line, and the index of the first other line."""
    stated = comment = ""
    for index, line in enumerate(lines):
        match = SEP_LINE.fullmatch(line)
        if match is not None and not stated:
            stated = match[1]
        elif line.startswith("#") and index < len(lines) - 1:
            comment = line
        elif line.strip():
            return stated, comment, index
    return stated, comment, 0


def _find_separator(path: str, rows: list[str], like: Dialect | None) -> str:
    preferred = SEPARATORS if like is None else like.separator + SEPARATORS
    for separator in preferred:
        width = len(_split(rows[0], separator))
        if width < 2:
            continue
        regular = [len(_split(row, separator)) == width for row in rows[1:]]
        if sum(regular) >= MIN_REGULAR * len(regular):
            return separator
    header = re.sub(r'"[^"]*"', "", rows[0])
    separator = max(reversed(SEPARATORS), key=header.count)
    if not header.count(separator):
        raise UserError(
            f"data.path: {path} is not a CSV table: its first line {shorten(rows[0])} names one column only, where time"
            " and a value are needed, separated by comma, semicolon or tab; delete lines above the header, or begin"
            " them with #."
        )
    return separator


def _split(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return line.split(separator)


def _is_value(cell: str) -> bool:
    cell = cell.strip()
    return cell in MISSING or bool(ANY_NUMBER.fullmatch(cell) or TIME_LIKE.match(cell))


def _is_datum(cell: str) -> bool:
    return _is_value(cell) and cell.strip() not in MISSING


def _find_units(rows: list[list[str]], width: int) -> tuple[str, ...]:
    """Return the cells of the first row if it holds units: text above columns of numbers, and no time or number."""
    if len(rows) < 2 or len(rows[0]) != width:
        return ()
    cells = [cell.strip() for cell in rows[0]]
    if any(_is_datum(cell) or cell.lower() in BOOLEANS for cell in cells):
        return ()
    for index, cell in enumerate(cells):
        below = [row[index].strip() for row in rows[1:] if len(row) == width]
        known = [value for value in below if value not in MISSING]
        numbers = sum(bool(ANY_NUMBER.fullmatch(value) or value.lower() in BOOLEANS) for value in known)
        if known and numbers >= 0.8 * len(known) and cell not in MISSING:
            return tuple(cell for cell in cells if cell)
    return ()


def _find_encoding(path: str, sample: bytes) -> str:
    if sample[:4] == b"\xff\xfe\x00\x00" or sample[:4] == b"\x00\x00\xfe\xff":
        raise UserError(f"data.path: {path} is written in UTF-32: save it in UTF-8.")
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    if sample[:4] == b"PK\x03\x04":
        raise UserError(f"data.path: {path} is a ZIP archive or a spreadsheet: unpack it, or save it as CSV.")
    if b"\x00" in sample:
        raise UserError(
            f"data.path: {path} is neither CSV nor Parquet (a spreadsheet or another binary file?): save it as CSV in"
            " UTF-8."
        )
    for encoding in ("utf8", "cp1252"):
        try:
            codecs.getincrementaldecoder(encoding)().decode(sample)  # the last character may be cut
        except UnicodeDecodeError:
            continue
        return encoding
    return "latin-1"
