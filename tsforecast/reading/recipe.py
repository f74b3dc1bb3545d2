"""The reading recipe: what was decided about a source of training data, by which every later source is read."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from tsforecast.reading.reader import Dialect
from tsforecast.reading.selection import Condition
from tsforecast.reading.timestamps import TimeFormat


@dataclass(frozen=True)
class ReadingRecipe:
    """Decisions about a source, made once on the training data and stored with the model.

    Args:
        time: Time columns and how they are written.
        numeric: Columns that are read as numbers.
        step: Seconds from one row to the next.
        dialect: Encoding, separator and decimal mark of a CSV file; None for Parquet.
        where: Condition that selects the rows, empty for all.
        duplicates: How several rows at one time become one: ``last``, ``first``, ``mean`` or ``sum``; None for the
            last one, as long as few rows repeat a time.

    Example:
        >>> recipe = ReadingRecipe(TimeFormat(("day",), "%m/%d/%Y"), ("load",), 86_400)
        >>> ReadingRecipe.from_dict(recipe.to_dict()) == recipe
        True
        >>> recipe.describe()
        "time from 'day' written as %m/%d/%Y; numbers from 'load'"
    """

    time: TimeFormat
    numeric: tuple[str, ...]
    step: int
    dialect: Dialect | None = None
    where: str = ""
    duplicates: str | None = None

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "ReadingRecipe":
        """Return the recipe that ``to_dict`` stored."""
        time, dialect = stored["time"], stored.get("dialect")
        return cls(
            TimeFormat(**{**time, "columns": tuple(time["columns"])}),
            tuple(stored["numeric"]),
            int(stored["step"]),
            None if dialect is None else Dialect(*dialect),
            stored.get("where", ""),
            stored.get("duplicates"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts, as JSON holds them."""
        dialect = None if self.dialect is None else list(self.dialect)
        return {**asdict(self), "numeric": list(self.numeric), "dialect": dialect}

    def select(self, table: pa.Table) -> pa.Table:
        """Return the rows of a table that ``where`` selects."""
        return Condition.parse(self.where).select(table) if self.where else table

    def describe(self) -> str:
        """Return one line for people."""
        columns = " and ".join(f"'{name}'" for name in self.time.columns)
        written = " ".join(part for part in (self.time.pattern, self.time.clock) if part)
        numbers = ", ".join(f"'{name}'" for name in self.numeric)
        return f"time from {columns} written as {written}; numbers from {numbers}"
