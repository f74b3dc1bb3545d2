"""The cells of a table's columns: what counts as missing, as a number and as text."""

from collections.abc import Collection

import pyarrow as pa
import pyarrow.compute as pc

MISSING = ["", "?", "-", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "None", "none"]
MISSING += [
    "na",
    "n.a.",
    "<NA>",
    "NaT",
    "--",
    "---",
    ".",
    "..",
    "...",
    "\\N",
]  # of statistics programs and databases
MISSING += ["#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NULL!", "#NAME?", "#NA"]  # of spreadsheets
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity)$"


BLANKS = "[ '\u2019\u00a0\u2009\u202f]"
GROUPED = (  # thousands by commas, or by blanks or apostrophes; the decimal mark is the point
    rf"^[+-]?\d{{1,3}}(?:,\d{{3}})+(?:\.\d*)?$|^[+-]?\d{{1,3}}(?:{BLANKS}\d{{3}})+(?:\.\d*)?$"
)
THOUSANDS = "[, '\u2019\u00a0\u2009\u202f]"
KINDS = {
    "date": "dates",
    "timestamp": "times",
    "time": "times of day",
    "duration": "durations",
    "list": "lists",
}


def as_numbers(
    column: pa.ChunkedArray,
    decimal: str = ".",
    missing: Collection[float | str] = (),
    first_row: int | None = None,
) -> tuple[pa.ChunkedArray | None, str]:
    """Return a column as float64, or None and the first value that is not a number, with its row.

    Text counts as numbers if every value is one once blanks and quotes around it and marks between thousands are
    taken off; true is 1, false 0, in letters of either case.

    Args:
        column: Of any type.
        decimal: The decimal mark of text. The other of point and comma, blanks and apostrophes may separate
            thousands.
        missing: Values that stand for missing ones.
        first_row: Number of the first row in the source, to name that of the value; None to name the value alone.

    Example:
        >>> as_numbers(pa.chunked_array([[" 1.5", "?", "2"]]))[0].to_pylist()
        [1.5, None, 2.0]
        >>> as_numbers(pa.chunked_array([["1.019", "-200", "8,04"]]), ",", [-200])[0].to_pylist()
        [1019.0, None, 8.04]
        >>> as_numbers(pa.chunked_array([["1.5", "on"]]))
        (None, "'on'")
        >>> as_numbers(pa.chunked_array([["1.5", "on"]]), first_row=101)
        (None, "'on' in row 102")
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or is_number(kind):
        return _without(column.cast(pa.float64(), safe=False), missing), ""
    if not is_text(kind):
        return None, next((word for name, word in KINDS.items() if str(kind).startswith(name)), "no numbers")
    text = clean_text(column, missing)
    numbers = text
    if decimal == ",":  # from here on, the decimal mark is the point, and a comma separates thousands
        numbers = pc.replace_substring(pc.replace_substring(text, ".", "\0"), ",", ".")
        numbers = pc.replace_substring(numbers, "\0", ",")
    good = pc.match_substring_regex(numbers, NUMBER)
    if not pc.all(good, min_count=0).as_py():
        grouped = pc.match_substring_regex(numbers, GROUPED)
        numbers = pc.if_else(grouped, pc.replace_substring_regex(numbers, THOUSANDS, ""), numbers)
        good = pc.or_(good, grouped)
    if not pc.all(good, min_count=0).as_py():
        numbers = _plain_digits(numbers)
        good = pc.match_substring_regex(numbers, NUMBER)
    if not pc.all(good, min_count=0).as_py():
        row = pc.index(good, pa.scalar(False)).as_py()
        where = "" if first_row is None else f" in row {first_row + row:,}"
        return None, f"{text[row].as_py()!r}{where}"
    return _without(numbers.cast(pa.float64()), missing), ""


def _plain_digits(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return true and false as 1 and 0, and the mathematical minus as the usual one."""
    text = pc.replace_substring_regex(text, "^\u2212", "-")
    for word, digit in (("true", "1"), ("false", "0")):
        text = pc.replace_substring_regex(text, f"^(?i:{word})$", digit)
    return text


def clean_text(column: pa.ChunkedArray, missing: Collection[float | str] = ()) -> pa.ChunkedArray:
    """Return a text column without blanks and quotes around its values, null where one stands for missing."""
    text = pc.utf8_trim(column.cast(pa.string()), characters=" \t\"'\u00a0")
    nulls = MISSING + [value for value in missing if isinstance(value, str)]
    return pc.if_else(pc.is_in(text, value_set=pa.array(nulls)), pa.scalar(None, pa.string()), text)


def _without(numbers: pa.ChunkedArray, missing: Collection[float | str]) -> pa.ChunkedArray:
    values = [float(value) for value in missing if not isinstance(value, str)]
    if not values:
        return numbers
    return pc.if_else(pc.is_in(numbers, value_set=pa.array(values)), pa.scalar(None, pa.float64()), numbers)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column's type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether a column's type is whole numbers, floats or decimals."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
