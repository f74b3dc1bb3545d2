"""Data frames as a source: pandas, polars, PyArrow and whatever else gives its columns by the Arrow interface."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tsforecast.errors import UserError
from tsforecast.tables import table as limits
from tsforecast.tables.pandas_index import name_columns
from tsforecast.tables.table import NO_HINTS, REPEATED, Hints, Table, is_wanted
from tsforecast.tables.types import plain_table


@dataclass(frozen=True)
class FrameSource:
    """A data frame in memory.

    Args:
        frame: A frame of pandas (a time index counts as a column), polars or any other library with
            ``__arrow_c_stream__``, a PyArrow table, or a mapping from names to columns.
        name: Name of the series.
    """

    frame: Any
    name: str = "frame"

    def open(self, hints: Hints = NO_HINTS) -> Table:
        """Open the table.

        Raises:
            UserError: The object is not a data frame.
        """
        return FrameTable(_to_arrow(self.frame))


class FrameTable(Table):
    """An Arrow table in memory.

    Args:
        rows: The table.
    """

    key, label = "data", "the data frame"

    def __init__(self, rows: pa.Table):
        names, self.repeated, self.notes = name_columns(rows.schema)
        self.columns = tuple(name for name in names if REPEATED not in name)
        self._rows = plain_table(rows.rename_columns(names).select(list(self.columns)))

    def head(self) -> pa.Table:
        """Return the first rows."""
        return self._rows.slice(0, limits.BATCH_ROWS)

    def pieces(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Yield the rows, some at a time, with all columns or those named."""
        rows = self._rows.select([name for name in self.columns if is_wanted(name, columns)])
        for start in range(0, rows.num_rows, limits.BATCH_ROWS):
            yield rows.slice(start, limits.BATCH_ROWS)

    def table(self) -> pa.Table:
        """Return all rows."""
        return self._rows


def _to_arrow(frame: Any) -> pa.Table:
    try:
        if type(frame).__module__.partition(".")[0] == "pandas":
            return _from_pandas(frame)
        if isinstance(frame, Mapping) or hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
    except (pa.ArrowException, ValueError, TypeError) as error:
        reason = str(error).splitlines()[0][:160].rstrip(".")
        raise UserError(
            f"data: the data frame cannot be converted ({reason}): give each column one type."
        ) from None
    raise UserError(
        f"data is a {type(frame).__name__}: give a data frame of pandas or polars, a PyArrow table, or a dict of"
        " columns."
    )


def _from_pandas(frame: Any) -> pa.Table:
    if hasattr(frame, "to_frame") and not hasattr(frame, "columns"):
        frame = frame.to_frame()
    if hasattr(frame.index, "to_timestamp"):  # periods, such as months
        frame = frame.set_axis(frame.index.to_timestamp(), axis=0)
    if any(not isinstance(name, str) for name in frame.columns):
        frame = frame.set_axis([str(name) for name in frame.columns], axis=1)
    return pa.Table.from_pandas(frame)
