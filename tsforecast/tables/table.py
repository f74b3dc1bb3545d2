"""What every table offers to those who read it, and what every source offers to those who open a table."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.reading.dialect import Dialect
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.times.stated import needs_text

BATCH_ROWS = 65_536  # rows in a piece of a table that is not text
ROWS = re.compile(
    r"\b(?:row (?P<first>\d[\d,]*\b)|rows (?P<both>\d[\d,]*) and (?P<second>\d[\d,]*\b))", re.IGNORECASE
)
REPEATED = "\0"  # between a name that several columns have and their number


@dataclass(frozen=True)
class Hints:
    """What is known about a table before it is opened.

    Args:
        exact: Columns whose whole numbers are kept as such, for times.
        dialect: Dialect of the training data, whose decimal mark counts in a file with the same separator; one
            without a separator counts in any file.
        text: Columns of a CSV file to read as text.
        order: Columns whose order is that of time, so that a database can sort the rows by them.
    """

    exact: tuple[str, ...] = ()
    dialect: Dialect | None = None
    text: tuple[str, ...] = ()
    order: tuple[str, ...] = ()

    @classmethod
    def from_recipe(cls, recipe: ReadingRecipe | None, exact: Sequence[str] = ()) -> "Hints":
        """Return the hints of a recipe, or of a part of one.

        Args:
            recipe: How the training data were read, or what is stated of that; None if nothing is.
            exact: Time columns that are stated instead of the recipe's.
        """
        if recipe is None:
            return cls(tuple(exact))
        exact = tuple(exact) or recipe.time.columns
        clock = exact[-1:] if "%" in recipe.time.clock else ()
        text = recipe.other_mark + tuple(recipe.categories) + recipe.series_id + clock
        if needs_text(recipe.time.pattern):
            text += exact[:1]
        zoned = (
            recipe.time.timezone and not recipe.time.offset
        )  # the order decides in an hour that the clocks repeat
        sorts = (
            exact
            and not zoned
            and not needs_text(recipe.time.pattern)
            and all(_sorts(pattern) for pattern in (recipe.time.pattern, recipe.time.clock))
        )
        return cls(exact, recipe.dialect, text, exact if sorts else ())


NO_HINTS = Hints()


def _sorts(pattern: str) -> bool:
    """Return whether the order of values written by a pattern of ``TimeFormat`` is that of time."""
    return "%" not in pattern or (pattern.startswith(("%Y", "%H")) and "%b" not in pattern)


class Table(ABC):
    """A table that is read in pieces.

    Attributes:
        label: What messages call it, such as the path of a file.
        key: Key of the config that names it, for messages.
        columns: Names of its columns, without those of several columns.
        repeated: Names of several columns, which are left out.
        dialect: How a CSV file is written; None for tables with typed columns.
        undecided: Columns that are read as text since no value of the head shows the decimal mark.
        lacking: For each column that a part of the table lacks, what messages call that part.
        lengths: Rows of each part of ``table()``; empty if it has only one.
        can_sort: Whether ``pieces`` are sorted by ``Hints.order``.
        not_features: Columns that are fed in only if they are named, as those of folder names.
        notes: What was left out.
        rows: Number of rows, or None if only reading them tells.
    """

    key: str = "data.path"
    label: str
    columns: tuple[str, ...]
    repeated: tuple[str, ...] = ()
    dialect: Dialect | None = None
    undecided: tuple[str, ...] = ()
    lacking: Mapping[str, str] = MappingProxyType({})
    lengths: tuple[int, ...] = ()
    can_sort: bool = False
    not_features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    rows: int | None = None

    def locate(self, row: int) -> tuple[str, int]:
        """Return what messages call the part of the table that has a row of ``table()``, and its row there, from 1."""
        return self.label, row

    @abstractmethod
    def head(self) -> pa.Table:
        """Return the first rows."""

    @abstractmethod
    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named.

        Memory does not grow with the table. The type of a column may differ from piece to piece.
        """

    @abstractmethod
    def table(self) -> pa.Table:
        """Return all rows, with one type for each column."""


class Source(Protocol):
    """Where a table comes from: a file, several, a query or a data frame."""

    @property
    def name(self) -> str:
        """Name of the series."""

    def open(self, hints: Hints = NO_HINTS) -> Table:
        """Open the table.

        Raises:
            UserError: There is none, or it is damaged.
        """


def check_columns(table: Table, names: Collection[str]) -> None:
    """Refuse a table of which a part lacks a column that is needed.

    Raises:
        UserError: Naming the part.
    """
    for name in names:
        if name in table.lacking:
            raise UserError(
                f"{table.key}: {table.lacking[name]} has no column '{name}', unlike the other files."
            )


@contextmanager
def naming(label: str) -> Iterator[None]:
    """Add the name of a file to the messages of errors that do not name it.

    Example:
        >>> with naming("b.csv"):
        ...     raise UserError("data.time: 'noon' in row 3 is not a time.")
        Traceback (most recent call last):
        tsforecast.errors.UserError: data.time: b.csv: 'noon' in row 3 is not a time.
    """
    try:
        yield
    except UserError as error:
        text = str(error)
        if label in text:
            raise
        key, colon, rest = text.partition(": ")
        raise UserError(
            f"{key}: {label}: {rest}" if colon and key.startswith("data.") else f"{label}: {text}"
        ) from None


PREDICT_KEYS = {
    "data.path": "predict.data",
    "data.query": "predict.data",
    "data.connection": "predict.connection",
    "data.time": "predict.time",
}


@contextmanager
def naming_predict_keys() -> Iterator[None]:
    """Make the readers, which name the keys of training, name those of prediction."""
    try:
        yield
    except UserError as error:
        sentence = str(error)
        for key, name in PREDICT_KEYS.items():
            sentence = sentence.replace(key, name)
        raise UserError(sentence) from None


@contextmanager
def locating(table: Table, selected: np.ndarray | None = None) -> Iterator[None]:
    """Make the messages of errors name each row by its file and its number there.

    Args:
        table: The table that the rows come from.
        selected: Indices of the rows that are used; None for all.
    """
    try:
        yield
    except UserError as error:
        raise UserError(locate_rows(table, selected, str(error))) from None


def locate_rows(table: Table, selected: np.ndarray | None, message: str) -> str:
    """Return a message about rows that are used, in which each is named by its file and its number there."""
    return ROWS.sub(partial(_located, table, selected), message)


def _located(table: Table, selected: np.ndarray | None, match: re.Match[str]) -> str:
    numbers = [int(text.replace(",", "")) for text in match.groups() if text]
    if selected is not None:
        numbers = [int(selected[min(number, len(selected)) - 1]) + 1 for number in numbers]
    places = [table.locate(number) for number in numbers]
    names = [f"row {row:,}" if label == table.label else f"row {row:,} of {label}" for label, row in places]
    text = " and ".join(names)
    return text[0].upper() + text[1:] if match[0][0] == "R" else text


def unique_names(names: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return names that are all different, and those of several columns, which are hidden behind a mark."""
    repeated = tuple(dict.fromkeys(name for name in names if names.count(name) > 1))
    return [f"{name}{REPEATED}{i}" if name in repeated else name for i, name in enumerate(names)], repeated


def is_wanted(name: str, columns: Sequence[str] | None) -> bool:
    """Return whether a column is read: it is among those named, and no other has its name."""
    return (columns is None or name in columns) and REPEATED not in name


def check_unique(table: Table, names: Collection[str]) -> None:
    """Refuse needed columns whose name another column has too.

    Raises:
        UserError: Naming the first.
    """
    for name in names:
        if name in table.repeated:
            raise UserError(f"{table.key}: {table.label} has two columns named '{name}': rename one of them.")
