"""The cells of a table's columns: what counts as missing, as a number and as text."""

import pyarrow as pa
import pyarrow.compute as pc

MISSING = ["", "?", "-", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "null", "None", "none"]
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity)$"


def as_numbers(column: pa.ChunkedArray, decimal: str = ".") -> tuple[pa.ChunkedArray | None, str]:
    """Return a column as float64, or None and the first value that is not a number.

    Text counts as numbers if every value is one once blanks and quotes around it are taken off; true is 1, false 0.

    Args:
        column: Of any type.
        decimal: The decimal mark of text.

    Example:
        >>> as_numbers(pa.chunked_array([[" 1.5", "?", "2"]]))[0].to_pylist()
        [1.5, None, 2.0]
        >>> as_numbers(pa.chunked_array([["1.5", "on"]]))
        (None, "'on'")
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind) or pa.types.is_boolean(kind) or is_number(kind):
        return column.cast(pa.float64(), safe=False), ""
    if not is_text(kind):
        return None, f"{kind}"
    text = clean_text(column)
    numbers = pc.replace_substring(text, decimal, ".") if decimal != "." else text
    good = pc.match_substring_regex(numbers, NUMBER)
    if not pc.all(good, min_count=0).as_py():
        return None, repr(text.filter(pc.invert(good))[0].as_py())
    return numbers.cast(pa.float64()), ""


def clean_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a text column without blanks and quotes around its values, null where one stands for missing."""
    text = pc.utf8_trim(column.cast(pa.string()), characters=" \t\"'")
    return pc.if_else(pc.is_in(text, value_set=pa.array(MISSING)), pa.scalar(None, pa.string()), text)


def is_text(kind: pa.DataType) -> bool:
    """Return whether a column's type is text."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Return whether a column's type is whole numbers, floats or decimals."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))
