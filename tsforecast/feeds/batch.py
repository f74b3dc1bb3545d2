"""What every feed offers, and what it needs of the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from tsforecast.tables.table import Hints, Table

Record = tuple[int, str]  # time in nanoseconds, as the recipe reads it, and a JSON object of its values
MAX_ROWS = 10_000  # of one batch


class Arrivals(NamedTuple):
    """Rows that have arrived.

    Args:
        records: A record of each row with a time, in the order of arrival.
        notes: What was found about the values.
    """

    records: list[Record]
    notes: tuple[str, ...] = ()


class Reader(Protocol):
    """Reads rows by the reading recipe of the model in service."""

    @property
    def hints(self) -> Hints:
        """What is known about a table before it is opened."""

    def read_csv(self, body: bytes) -> Arrivals:
        """Read CSV with its header."""

    def read_json(self, body: bytes) -> Arrivals:
        """Read what ``POST /v1/rows`` takes, or a single row of it."""

    def read_table(self, table: Table) -> Arrivals:
        """Read all rows of a table."""


@dataclass
class Batch:
    """Rows of a feed.

    Args:
        records: The rows.
        position: Where the feed continues after them, stored together with the rows; None: nothing to store.
        problems: A sentence about each part that could not be read and was left out.
        messages: What the feed confirms once the rows are stored.
        may_repeat: Whether rows may have been passed on before, so that those that are stored are to be left out.
    """

    records: list[Record]
    position: str | None = None
    problems: list[str] = field(default_factory=list)
    messages: Sequence[object] = ()
    may_repeat: bool = False


class Feed(Protocol):
    """A source of new rows; its methods are called one after the other, from other threads than the event loop's."""

    def poll(self, reader: Reader) -> Batch | None:
        """Return new rows, at most ``MAX_ROWS``; None if there are none.

        Raises:
            UserError: The source cannot be read now.
        """

    def confirm(self, batch: Batch) -> None:
        """Note that the rows of a batch are stored."""

    def close(self) -> None:
        """Give up what is open."""
