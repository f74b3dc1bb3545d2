"""The reading recipe: what was decided about a source of training data, by which every later source is read."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tsforecast.columns.numerals import OTHER
from tsforecast.reading.dialect import Dialect
from tsforecast.times.clock import Clock
from tsforecast.times.formats import TimeFormat
from tsforecast.times.frequency import Frequency
from tsforecast.times.resample import Aggregate, aggregate_of
from tsforecast.times.time_grid import TimeGrid

# Fields that the recipe of one series does not store, and their values there.
OF_PANELS = {"series_id": (), "layout": "long", "static": (), "series_input": ""}


@dataclass(frozen=True)
class ReadingRecipe:
    """Decisions about a source, made once on the training data and stored with the model.

    Args:
        time: Time columns and how they are written.
        numeric: Columns that are read as numbers.
        grid: The grid of times; None while it is not known.
        dialect: Encoding, separator and decimal mark of a CSV file; None for typed columns, such as those of Parquet.
        where: Condition that selects the rows, empty for all.
        duplicates: How several rows at one time become one: ``last``, ``first``, ``mean`` or ``sum``; None for the
            last one, as long as few rows repeat a time.
        other_mark: Text columns with the other decimal mark than the dialect's.
        missing_values: Numbers and texts that stand for missing values.
        categories: Column that is read as categories -> those of the training rows, in the order of their codes.
        unknown_categories: ``note`` or ``refuse``, for categories that the training rows do not have.
        ordered: Whether the rows were in the order of time; otherwise later ones are sorted too.
        aggregate: How the rows of a bin become one if they are resampled, for all columns or by name; None for the
            mean.
        series_id: Columns that name the series of each row; empty for one series.
        layout: ``long``, or ``wide`` for one column for each series.
        static: Columns that are constant within each series.
        series_input: The feature that holds the code of each series; empty without one.

    Example:
        >>> recipe = ReadingRecipe(TimeFormat(("day",), "%m/%d/%Y"), ("load",), TimeGrid(Frequency(1, "bd")))
        >>> ReadingRecipe.from_dict(recipe.to_dict()) == recipe
        True
        >>> recipe.describe()
        ('read as: typed columns', "time from 'day' written as %m/%d/%Y, every 1 business day", "numbers from 'load'")
    """

    time: TimeFormat
    numeric: tuple[str, ...]
    grid: TimeGrid | None = None
    dialect: Dialect | None = None
    where: str = ""
    duplicates: str | None = None
    other_mark: tuple[str, ...] = ()
    missing_values: tuple[float | str, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_categories: str = "note"
    ordered: bool = True
    aggregate: Aggregate = None
    series_id: tuple[str, ...] = ()
    layout: str = "long"
    static: tuple[str, ...] = ()
    series_input: str = ""

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "ReadingRecipe":
        """Return the recipe that ``to_dict`` stored."""
        time, dialect = stored["time"], stored.get("dialect")
        return cls(
            TimeFormat(**{**time, "columns": tuple(time["columns"])}),
            tuple(stored["numeric"]),
            _grid(stored),
            None if dialect is None else Dialect(*dialect),
            stored.get("where", ""),
            stored.get("duplicates"),
            tuple(stored.get("other_mark", ())),
            tuple(stored.get("missing_values", ())),
            {name: tuple(values) for name, values in stored.get("categories", {}).items()},
            stored.get("unknown_categories", "note"),
            bool(stored.get("ordered", True)),
            stored.get("aggregate"),
            tuple(stored.get("series_id", ())),
            stored.get("layout", "long"),
            tuple(stored.get("static", ())),
            stored.get("series_input", ""),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts, as JSON holds them."""
        dialect = None if self.dialect is None else list(self.dialect)
        grid = None if self.grid is None else self.grid.to_dict()
        categories = {name: list(values) for name, values in self.categories.items()}
        more = {"numeric": list(self.numeric), "grid": grid, "dialect": dialect, "categories": categories}
        values = {**asdict(self), **more}
        for name, usual in OF_PANELS.items():
            if values[name] == usual:
                del values[name]
        return values

    def aggregate_of(self, names: Sequence[str]) -> list[str]:
        """Return how the rows of a bin become one for each of some columns."""
        how = self.aggregate
        if isinstance(how, Mapping):
            how = {name: value for name, value in how.items() if name in names}
        return aggregate_of(names, how, (*self.categories, *self.static))

    def _describe_aggregate(self) -> str:
        if not isinstance(self.aggregate, Mapping):
            return self.aggregate or "mean"
        return ", ".join(("mean", *(f"{how} ('{name}')" for name, how in self.aggregate.items())))

    @property
    def clock(self) -> Clock:
        """What the times of the grid mean: with a zone, steps of a day or more are local dates."""
        if self.time.timezone:
            return Clock(self.time.timezone, is_utc=self.grid is None or self.grid.step.is_below_day)
        return Clock(is_utc=self.time.is_utc)

    def decimal_of(self, name: str) -> str:
        """Return the decimal mark of a text column."""
        decimal = self.dialect.decimal if self.dialect else "."
        return OTHER[decimal] if name in self.other_mark else decimal

    def describe(self) -> tuple[str, ...]:
        """Return at most three lines for people: the file, the time, and the columns and values."""
        source = "typed columns"
        if self.dialect is not None:
            encoding, separator, decimal = self.dialect
            names = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
            mark = "comma" if decimal == "," else "point"
            source = f"CSV, {encoding}, separated by {names.get(separator, separator)}, decimal {mark}"
        if self.other_mark:
            source += f" (the other mark in {_join(self.other_mark)})"
        columns = " and ".join(f"'{name}'" for name in self.time.columns)
        written = self.time.describe()
        step = "" if self.grid is None else f", every {self.grid.step.describe()}"
        lines = [f"read as: {source}", f"time from {columns} written as {written}{step}", _join(self.numeric)]
        if self.grid is not None and self.grid.exact:
            lines[1] += f" by {self._describe_aggregate()} of the rows before"
        series = ", ".join(f"'{name}'" for name in self.series_id)
        rows = (
            *((f"series by {series}",) if series else ()),
            *(("one column for each series",) if self.layout == "wide" else ()),
            *((f"rows where {self.where}",) if self.where else ()),
            *((f"the {self.duplicates} of rows at one time",) if self.duplicates else ()),
        )
        lines[1] = "; ".join((lines[1], *rows))
        if self.missing_values:
            lines[2] += "; missing: " + ", ".join(str(value) for value in self.missing_values)
        if self.categories:
            counts = (f"'{name}' ({len(values):,})" for name, values in self.categories.items())
            lines[2] += f"; categories from {', '.join(counts)}"
        return lines[0], lines[1], f"numbers from {lines[2]}"


def _grid(stored: Mapping[str, Any]) -> TimeGrid | None:
    """Return the grid; recipes of before have the seconds of a step alone."""
    if stored.get("grid") is not None:
        return TimeGrid.from_dict(stored["grid"])
    return TimeGrid(Frequency(int(stored["step"]))) if stored.get("step") else None


def _join(names: tuple[str, ...], most: int = 8) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown
