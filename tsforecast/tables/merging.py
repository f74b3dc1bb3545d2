"""Rows of several files in the order of time, in memory that does not grow with the files."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

START_OF_TIME = np.datetime64("1678-01-01", "ns")
END_OF_TIME = np.datetime64("2262-01-01", "ns")


class Rows(NamedTuple):
    """Some rows as they are in a table: ``time [N]`` datetime64[ns], and feature -> ``[N]`` float64."""

    time: np.ndarray
    columns: dict[str, np.ndarray]

    def select(self, index: np.ndarray | slice) -> "Rows":
        """Return the rows of an index or a mask, or views of those of a slice."""
        return Rows(self.time[index], {name: column[index] for name, column in self.columns.items()})

    def complete(self, names: Sequence[str]) -> "Rows":
        """Return the rows with these columns, NaN where one is missing."""
        nothing = np.full(len(self.time), np.nan)
        return Rows(self.time, {name: self.columns.get(name, nothing) for name in names})

    @classmethod
    def join(cls, parts: Sequence["Rows"]) -> "Rows":
        """Return all rows of some that have the same columns."""
        columns = {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns}
        return cls(np.concatenate([part.time for part in parts]), columns)


class Stream:
    """The rows of one file, which is opened when the rows of others reach its first time.

    Args:
        first: Its first time; NaT if it is not known.
        open_rows: Returns its rows piece by piece.
    """

    def __init__(self, first: np.datetime64, open_rows: Callable[[], Iterator[Rows]]):
        self.first = START_OF_TIME if np.isnat(first) else first
        self._open = open_rows
        self._pieces: Iterator[Rows] = iter(())
        self.rows: Rows | None = None
        self.end = START_OF_TIME  # the time below which no further row is expected

    def start(self) -> "Stream":
        """Open the file."""
        self._pieces = self._open()
        return self

    def advance(self) -> None:
        """Read one more piece."""
        piece = next(self._pieces, None)
        if piece is None:
            self.end = END_OF_TIME
            return
        piece = piece.select(~np.isnat(piece.time))
        if len(piece.time):
            self.end = max(self.end, piece.time.max())
            self.rows = piece if self.rows is None else Rows.join([self.rows, piece])

    def take(self, stop: np.datetime64) -> Rows | None:
        """Return the rows before a time, which are not returned again."""
        if self.rows is None:
            return None
        earlier = self.rows.time < stop
        if not earlier.any():
            return None
        taken = self.rows.select(earlier)
        self.rows = None if earlier.all() else self.rows.select(~earlier)
        return taken


def merge_rows(streams: Sequence[Stream]) -> Iterator[Rows]:
    """Yield the rows of several files in the order of time; of those at one time, the later file's come last.

    Args:
        streams: The files, each in the order of time.

    Example:
        >>> def rows(*days):
        ...     time = np.array([f"2024-01-{day:02d}" for day in days], "datetime64[ns]")
        ...     return Stream(time[0], lambda: iter([Rows(time, {"day": np.array(days, float)})]))
        >>> merged = merge_rows([rows(2, 4), rows(1, 3)])
        >>> np.concatenate([piece.columns["day"] for piece in merged]).tolist()
        [1.0, 2.0, 3.0, 4.0]
    """
    order = sorted(range(len(streams)), key=lambda index: (streams[index].first, index))
    active: dict[int, Stream] = {}
    while order or active:
        bound = min((stream.end for stream in active.values()), default=END_OF_TIME)
        if order and streams[order[0]].first <= bound:
            index = order.pop(0)
            active[index] = streams[index].start()
            continue
        parts = [part for index in sorted(active) if (part := active[index].take(bound)) is not None]
        if parts:
            rows = Rows.join(parts)
            yield rows.select(np.argsort(rows.time, kind="stable"))
        slowest = min(active, key=lambda index: active[index].end)
        if active[slowest].end == END_OF_TIME:
            active.clear()
        else:
            active[slowest].advance()
