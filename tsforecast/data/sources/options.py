"""Options of every source that reads a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

LAYOUTS = ("long", "wide")


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """Which rows and columns of a table to use, and how to read them.

    Args:
        target: A column, a list of columns, or ``"all"``.
        time: The time column, or a date and a time-of-day column; None to find it.
        time_format: How the column of ``time`` is written, such as ``%Y-%d-%m``, or those of date and clock; None to
            find it.
        features: The numeric columns to feed in; None for all. Targets are always fed in.
        resample: The step to bring irregular rows to, such as ``15min``: each bin has the rows up to its end, by which
            it is dated; None to take the rows as they are.
        aggregate: How the rows of a bin become one: ``mean`` (also for None), ``sum``, ``last``, ``max`` or ``min``, or
            some of them by column.
        timezone: Zone of times without an offset, such as Europe/Paris, whose local times calendar features and
            forecasts have; None if their clock never changes.
        rows: Number of rows to keep, the first in time; None for all.
        frequency: The step, such as ``15min``, ``1h``, ``1bd`` or ``1mo``; None for the most common one.
        season: Rows in a season; None for a day, a week of days or business days, a year of weeks, months or quarters.
        calendar: Whether to add sine and cosine of minute of day (steps under a day), of day of week (steps up to a
            day, and business days) and of month of year (months and quarters).
        unit: Unit of the targets.
        known_ahead: Columns whose future is known.
        where: Condition that selects the rows, such as ``sensor = 'A'``; None for all.
        duplicates: How several rows at one time become one: ``last``, ``first``, ``mean`` or ``sum``; None to keep
            the last one if at most one row in a hundred repeats a time, and to refuse the table otherwise.
        decimal: The decimal mark, ``point`` or ``comma``; None to find it.
        missing_values: Numbers and texts that stand for missing values, such as -9999.
        series_id: Column, or columns, that name the series of each row, for a table of many series; None for one.
        layout: ``long`` for one row for each time of each series; ``wide`` for one column for each series: then
            ``target`` names those columns, the value of each is called ``value``, and ``features`` are common to all.
        static: Columns that are constant within each series of a panel: numbers, or text, which is categories.
        series_input: Whether models read which series a window is of: networks learn an embedding of it, LightGBM takes
            it as a category; series that are not in the training rows are unknown.
        categorical: Columns to feed in as categories: text, numbers that are codes, or booleans.
        unknown_categories: ``note`` to take a category that the training rows do not have as unknown, ``refuse`` to
            refuse it.
        cache: Whether the rows are written to a cache and mapped into memory; ``auto`` if they would take more than
            half of the available memory.
        cache_folder: Folder of the cache; None for ``tsforecast`` in the user's folder of caches.
    """

    target: str | Sequence[str]
    time: str | Sequence[str] | None = None
    time_format: str | Sequence[str] | None = None
    features: Sequence[str] | None = None
    resample: str | int | None = None
    aggregate: str | Mapping[str, str] | None = None
    timezone: str | None = None
    rows: int | None = None
    frequency: str | int | None = None
    season: int | None = None
    calendar: bool = True
    unit: str = ""
    known_ahead: Sequence[str] = ()
    where: str | None = None
    duplicates: str | None = None
    decimal: str | None = None
    missing_values: Sequence[float | str] = ()
    series_id: str | Sequence[str] | None = None
    layout: Literal["long", "wide"] = "long"
    static: Sequence[str] | str = ()
    series_input: bool = False
    categorical: Sequence[str] | str = ()
    unknown_categories: str = "note"
    cache: bool | str = "auto"
    cache_folder: str | None = None

    @property
    def is_panel(self) -> bool:
        """Whether the table has many series."""
        return bool(self.series_id) or self.layout == "wide"
