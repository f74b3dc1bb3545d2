"""What every table offers to those who read it, and what every source offers to those who open a table."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.reading.dialect import Dialect
from tsforecast.reading.recipe import ReadingRecipe

BATCH_ROWS = 65_536  # rows in a piece of a table that is not text
REPEATED = "\0"  # between a name that several columns have and their number


@dataclass(frozen=True)
class Hints:
    """What is known about a table before it is opened.

    Args:
        exact: Columns whose whole numbers are kept as such, for times.
        dialect: Dialect of the training data, whose decimal mark counts in a file with the same separator; one
            without a separator counts in any file.
        text: Columns of a CSV file to read as text.
    """

    exact: tuple[str, ...] = ()
    dialect: Dialect | None = None
    text: tuple[str, ...] = ()

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
        return cls(exact, recipe.dialect, recipe.other_mark + tuple(recipe.categories) + clock)


NO_HINTS = Hints()


class Table(ABC):
    """A table that is read in pieces.

    Attributes:
        label: What messages call it, such as the path of a file.
        key: Key of the config that names it, for messages.
        columns: Names of its columns, without those of several columns.
        repeated: Names of several columns, which are left out.
        dialect: How a CSV file is written; None for tables with typed columns.
        undecided: Columns that are read as text since no value of the head shows the decimal mark.
        not_features: Columns that are fed in only if they are named, as those of folder names.
        notes: What was left out.
    """

    key: str = "data.path"
    label: str
    columns: tuple[str, ...]
    repeated: tuple[str, ...] = ()
    dialect: Dialect | None = None
    undecided: tuple[str, ...] = ()
    not_features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
