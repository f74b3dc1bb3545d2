"""Text columns as categories: their vocabulary, and the codes that stand for them among numbers.

A category is coded as a whole number from 2 on. 0 is a category that the training rows do not have, and a missing value
is NaN among the values of a series, and 1 among the inputs of a model.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.columns.arrow import floats, nulls
from tsforecast.columns.cells import clean_text, is_number, is_text
from tsforecast.errors import UserError

UNKNOWN, MISSING, FIRST = 0, 1, 2  # codes: of an unseen category, of a missing value, of the first category
POLICIES = ("note", "refuse")  # of categories that the training rows do not have
MAX_CATEGORIES = 1000
MAX_DISTINCT = (
    0.5  # share of the rows that may be categories of their own, if there are more than a few of them
)
FEW = 20
WHOLE = r"^([+-]?\d+)(?:\.0+|,0)$"  # a whole number that a data frame wrote as a float

Vocabulary = Mapping[str, tuple[str, ...]]


def as_categories(column: pa.ChunkedArray, missing: Collection[float | str] = ()) -> pa.ChunkedArray:
    """Return a column as the text of its categories, null where it is missing.

    Blanks and quotes around a value do not count, 1.0 is 1, and True is true; upper and lower case differ.

    Args:
        column: Of text, numbers, booleans or a dictionary of them.
        missing: Values that stand for missing ones.

    Example:
        >>> as_categories(pa.chunked_array([[" on", "", "1.0", "TRUE", "?"]])).to_pylist()
        ['on', None, '1', 'true', None]
        >>> as_categories(pa.chunked_array([[1.0, 2.5, None]])).to_pylist()
        ['1', '2.5', None]
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not is_text(column.type):
        column = column.cast(pa.string())
    text = clean_text(column, [*missing, *(str(value) for value in missing)])
    text = pc.replace_substring_regex(text, WHOLE, r"\1")
    numbers = [_shortest(value) for value in missing if not isinstance(value, str)]
    if numbers:
        is_missing = pc.is_in(text, value_set=pa.array(numbers, pa.string()))
        text = pc.if_else(is_missing, pa.scalar(None, pa.string()), text)
    is_boolean = pc.match_substring_regex(text, "^(?i:true|false)$")
    return pc.utf8_normalize(pc.if_else(is_boolean, pc.utf8_lower(text), text), "NFC")


def find_vocabulary(name: str, text: pa.ChunkedArray) -> tuple[str, ...]:
    """Return the categories of a column, sorted.

    Args:
        name: Name of the column.
        text: As ``as_categories`` returned it.

    Raises:
        UserError: There are too many, as in a column of ids or free text, or none.
    """
    categories = sorted(value for value in pc.unique(text).to_pylist() if value is not None)
    rows = len(text) - text.null_count
    if not categories:
        raise UserError(f"data.categorical: column '{name}' has no value at all: leave it out.")
    if len(categories) > MAX_CATEGORIES or len(categories) > max(FEW, MAX_DISTINCT * rows):
        raise UserError(
            f"data.categorical: column '{name}' has {len(categories):,} different values in {rows:,} rows"
            f" ({_shorten(categories[0])}, {_shorten(categories[1])}, ...), which are too many for categories (at most"
            f" {MAX_CATEGORIES:,}, and one for two rows): leave it out, or group its values first."
        )
    return tuple(categories)


def similar_notes(vocabulary: Vocabulary) -> tuple[str, ...]:
    """Return a note for each column with categories that differ by upper and lower case or by blanks alone.

    Example:
        >>> similar_notes({"state": ("On", "off", "on")})
        ("Column 'state' has categories that differ by case or blanks alone: 'On' and 'on'.",)
    """
    notes = []
    for name, categories in vocabulary.items():
        groups = defaultdict(list)
        for category in categories:
            groups["".join(category.casefold().split())].append(_shorten(category))
        pairs = [" and ".join(group) for group in groups.values() if len(group) > 1]
        if pairs:
            more = f" (and {len(pairs) - 3} more)" if len(pairs) > 3 else ""
            listed = "; ".join(pairs[:3])
            notes.append(
                f"Column '{name}' has categories that differ by case or blanks alone: {listed}{more}."
            )
    return tuple(notes)


@dataclass
class _Unseen:
    """Values of one column that the training rows do not have."""

    rows: int = 0
    first: str = ""
    values: set[str] = field(default_factory=set)


class CategoryCoder:
    """Codes the categories of columns, and counts those that the training rows do not have.

    Args:
        vocabulary: Column -> categories, in the order of their codes.
        unknown: ``note`` to code an unseen category as 0, ``refuse`` to refuse it.

    Example:
        >>> coder = CategoryCoder({"state": ("off", "on")})
        >>> coder.encode("state", pa.chunked_array([["on", "jam", None]])).tolist()
        [3.0, 0.0, nan]
        >>> coder.notes()
        ("Unseen category of 'state' in 1 row, unknown to the model (first: 'jam' in row 2).",)
    """

    def __init__(self, vocabulary: Vocabulary, unknown: str = "note"):
        self.vocabulary, self.unknown = vocabulary, unknown
        self._unseen: dict[str, _Unseen] = {}

    def encode(
        self,
        name: str,
        text: pa.ChunkedArray,
        first: int = 1,
        where: str = "",
        locate: Callable[[int], str] | None = None,
    ) -> np.ndarray:
        """Return the codes float64 ``[N]`` of a column, NaN where it is missing.

        Args:
            name: Name of the column.
            text: As ``as_categories`` returned it.
            first: Number of its first row, for messages.
            where: Beginning of a refusal, such as ``predict.data: ``.
            locate: Returns the location of a row of ``text``; None for its number.

        Raises:
            UserError: A category is unseen and is to be refused.
        """
        codes = floats(
            pc.index_in(text, value_set=pa.array(self.vocabulary[name], pa.string())).cast(pa.float64())
        )
        codes += FIRST
        codes[nulls(text)] = np.nan
        unseen = np.flatnonzero(np.isnan(codes) & ~nulls(text))
        if len(unseen):
            codes[unseen] = UNKNOWN
            row = int(unseen[0])
            location = f"row {first + row:,}" if locate is None else locate(row)
            self._count(name, text, unseen, location, where)
        return codes

    def notes(self) -> tuple[str, ...]:
        """Return a note for each column with unseen categories."""
        return tuple(
            describe_unseen(name, seen.rows, sorted(seen.values), seen.first)
            for name, seen in self._unseen.items()
        )

    def _count(self, name: str, text: pa.ChunkedArray, rows: np.ndarray, location: str, where: str) -> None:
        first = f"{_shorten(text[int(rows[0])].as_py())} in {location}"
        if self.unknown == "refuse":
            raise UserError(f"{where}column '{name}' has {first}, {unknown_category(self.vocabulary[name])}")
        seen = self._unseen.setdefault(name, _Unseen(first=first))
        seen.rows += len(rows)
        seen.values |= set(pc.unique(text.take(pa.array(rows))).to_pylist())


def describe_unseen(name: str, rows: int, values: Sequence[str], first: str) -> str:
    """Return a note on categories that the training rows do not have.

    Args:
        name: Name of the column.
        rows: Number of rows with such a category.
        values: The categories.
        first: The first of them, and its location.
    """
    what = "Unseen category" if len(values) == 1 else f"{len(values):,} unseen categories"
    count = f"{rows:,} row{'s' if rows > 1 else ''}"
    return f"{what} of '{name}' in {count}, unknown to the model (first: {first})."


def unknown_category(categories: Sequence[str]) -> str:
    """Return the end of a refusal of an unseen category."""
    shown = ", ".join(_shorten(category) for category in categories[:6])
    more = f" and {len(categories) - 6:,} more" if len(categories) > 6 else ""
    return f"which is not among the categories of the training rows ({shown}{more})."


def code_scalars(values: Iterable[object]) -> pa.ChunkedArray:
    """Return values of JSON (texts, numbers, booleans, None) as a column for ``as_categories``.

    Raises:
        TypeError: A value is of another kind.
    """
    texts: list[str | None] = []
    for value in values:
        if value is not None and not isinstance(value, str | int | float):
            raise TypeError(type(value).__name__)
        texts.append(value if value is None or isinstance(value, str) else str(value))
    return pa.chunked_array([pa.array(texts, pa.string())])


def check_policy(unknown: object) -> str:
    """Return ``data.unknown_categories`` if it is one of the policies.

    Raises:
        UserError: It is not.
    """
    if unknown not in POLICIES:
        raise UserError(f"data.unknown_categories is {unknown!r}: write note or refuse.")
    return str(unknown)


def can_be_categories(kind: pa.DataType) -> bool:
    """Return whether a column of this type can be read as categories."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(is_text(kind) or is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_date(kind))


def _shortest(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _shorten(value: str, most: int = 40) -> str:
    return repr(value if len(value) <= most else f"{value[:most]}...")
