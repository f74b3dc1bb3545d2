"""What to do about text columns that are not read: categories, numbers with a unit, and marks of missing values."""

import re
import shlex
from collections.abc import Collection, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.categories import as_categories, find_vocabulary
from tsforecast.columns.cells import clean_text, is_text
from tsforecast.errors import UserError

WORDS = ("null", "true", "false", "nan", "inf")  # that the command line does not take for text
DIGITS = r"[+\-\x{2212}]?(?:\d[\d.,' \x{a0}\x{2009}\x{202f}]*|[.,]\d+)(?:[eE][+-]?\d+)?"
UNIT = r"[%\p{L}°$][%\p{L}°$/²³·]{0,9}|[%°$€£]"
MOST_MARKS = 5  # different texts among numbers that may all stand for missing values


def advise_numbers(column: pa.ChunkedArray, missing: Collection[float | str] = ()) -> str:
    """Return how to read a text column of numbers, with a leading blank; empty if few of its values are numbers.

    Args:
        column: Of any type; text that does not read as numbers.
        missing: Values that stand for missing ones already.

    Example:
        >>> advise_numbers(pa.chunked_array([["1.5", "Bad", "2", "3"]]))
        " If 'Bad' stands for a missing value, set data.missing_values=[Bad]."
        >>> advise_numbers(pa.chunked_array([["17.1%", "18.0%"]]))
        " Remove the unit '%' from its values."
    """
    column = _plain(column)
    if not is_text(column.type):
        return ""
    text = clean_text(column, missing).drop_null()
    is_number = pc.match_substring_regex(text, f"^{DIGITS}$")
    has_unit = pc.and_not(pc.match_substring_regex(text, rf"^{DIGITS}\s*(?:{UNIT})$"), is_number)
    if not len(text) or pc.mean(pc.or_(is_number, has_unit).cast(pa.int8())).as_py() <= 0.5:
        return ""
    if pc.any(has_unit).as_py():
        units = pc.unique(pc.replace_substring_regex(text.filter(has_unit), rf"^{DIGITS}\s*", "")).to_pylist()
        return f" Remove the unit {units[0]!r} from its values." if len(units) == 1 else ""
    words = pc.unique(text.filter(pc.invert(is_number))).to_pylist()
    if not words or len(words) > MOST_MARKS or any("${" in word for word in words):
        return ""
    verb = "stands for a missing value" if len(words) == 1 else "stand for missing values"
    return f" If {' and '.join(map(repr, words))} {verb}, set {_option('missing_values', words)}."


def advise_text(name: str, column: pa.ChunkedArray, missing: Collection[float | str] = ()) -> str:
    """Return how to feed in a text column that was left out, with a leading blank; empty if it is free text."""
    column = _plain(column)
    if not is_text(column.type) or "${" in name:
        return ""
    advice = advise_numbers(column, missing)
    if advice:
        return advice
    text = as_categories(column)
    try:
        count = len(find_vocabulary(name, text))
    except UserError:
        return ""
    numbers = pc.mean(pc.match_substring_regex(text, f"^{DIGITS}$").cast(pa.int8())).as_py()
    if count < 2 or numbers > 0.5:  # a column of numbers with many words
        return ""
    return f" {_option('categorical', [name])} feeds in its {count:,} categories."


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _option(key: str, texts: Sequence[str]) -> str:
    """Return the option of data that lists some texts, quoted for the command line."""
    plain = all(
        re.fullmatch(r"[A-Za-z_][\w.-]*", text, re.ASCII) and text.lower() not in WORDS for text in texts
    )
    if plain:
        return f"data.{key}=[{','.join(texts)}]"
    escaped = [re.sub(r'(\\*)"', r'\1\1\\"', text) for text in texts]
    listed = ",".join(f'"{text}"' for text in escaped)
    return shlex.quote(f"data.{key}=[{listed}]")
