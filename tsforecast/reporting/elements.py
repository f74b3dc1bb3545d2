"""What a page is built from: sections with tables, bars, charts and lists, as plain data for the templates."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from tsforecast.formatting import format_aligned, format_number, is_finite, is_number, readable_name
from tsforecast.reporting.parallel import ParallelChart

Record = Mapping[str, object]


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Args:
        text: What it says.
        css: Class names, for example ``best``.
        title: Text to show when pointed at.
        is_header: Whether it heads its row.
    """

    text: str
    css: str = ""
    title: str = ""
    is_header: bool = False


@dataclass(frozen=True)
class TableRow:
    """A row of cells; a row of one cell names the group of rows below it."""

    cells: Sequence[Cell]

    @property
    def is_group(self) -> bool:
        """Whether the row is the heading of a group."""
        return len(self.cells) == 1


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        head: Heading of each column.
        rows: Its rows.
        total: Cells of a last row, none for no such row.

    Example:
        >>> table = Table.from_records([{"layer": "lstm", "params": 72192}, {"layer": "head", "params": 65}])
        >>> [cell.text for cell in table.head], [cell.text for cell in table.rows[0].cells]
        (['Layer', 'Parameters'], ['lstm', '72,192'])
    """

    kind: ClassVar = "table"
    head: Sequence[Cell]
    rows: Sequence[TableRow]
    total: Sequence[Cell] = ()

    @classmethod
    def from_records(cls, records: Sequence[Record], total: str = "") -> "Table":
        """Build a table with one column for each key of the first record; columns of numbers align right.

        Args:
            records: Rows with the same keys; at least one.
            total: Key whose sum is shown in a last row; empty for none.
        """
        numeric = {
            key
            for key in records[0]
            if all(is_number(row.get(key)) or row.get(key) is None for row in records)
        }
        css = {key: "n" if key in numeric else "" for key in records[0]}
        rows = [TableRow([Cell(format_number(row.get(key)), css[key]) for key in css]) for row in records]
        return cls([Cell(readable_name(key), css[key]) for key in css], rows, _total(records, total))


def _total(records: Sequence[Record], key: str) -> list[Cell]:
    if key not in records[0]:
        return []
    total = sum(int(str(row[key])) for row in records)
    return [
        Cell("Total", is_header=True),
        *(Cell(f"{total:,}", "n") if name == key else Cell("") for name in list(records[0])[1:]),
    ]


@dataclass(frozen=True)
class Bar:
    """A bar with its figure.

    Args:
        label: What it measures.
        value: Its length; a negative or missing value has no bar, and its figure says so.
        spread: Drawn as a whisker to both sides, and written after the figure; None for none.
        reference: Value to compare with, drawn as a mark; None for none.
    """

    label: str
    value: float | None
    spread: float | None = None
    reference: float | None = None


@dataclass(frozen=True)
class DrawnBar:
    """A bar in per cent of the width of its track."""

    label: str
    figure: str
    width: float
    whisker: tuple[float, float] | None
    mark: float | None


@dataclass(frozen=True)
class Bars:
    """Horizontal bars that start at 0 and share one scale.

    They are HTML and CSS rather than a chart, because every bar has a label and a figure of its own.

    Example:
        >>> Bars([Bar("load", 0.4, spread=0.1), Bar("hour", 0.2)]).drawn[1].width
        40.0
    """

    kind: ClassVar = "bars"
    bars: Sequence[Bar]

    @property
    def drawn(self) -> list[DrawnBar]:
        """The bars with their positions and figures."""
        ends = [_length(bar.value) + _length(bar.spread) for bar in self.bars]
        scale = max([*ends, *(_length(bar.reference) for bar in self.bars)]) or 1.0
        figures = format_aligned([bar.value for bar in self.bars])
        digits = max((len(figure.partition(".")[2]) for figure in figures if figure[-1].isdigit()), default=0)
        return [_draw(bar, figure, digits, scale) for bar, figure in zip(self.bars, figures, strict=True)]


def _draw(bar: Bar, figure: str, digits: int, scale: float) -> DrawnBar:
    def percent(value: float) -> float:
        return 100 * min(max(value, 0.0), scale) / scale

    whisker = None
    if _length(bar.spread) > 0:
        low, high = (percent(_length(bar.value) + sign * _length(bar.spread)) for sign in (-1, 1))
        whisker = (low, high - low)
    shown = f"{figure} ± {bar.spread:.{digits}f}" if is_finite(bar.spread) else figure
    mark = percent(_length(bar.reference)) if _length(bar.reference) > 0 else None
    return DrawnBar(bar.label, shown, percent(_length(bar.value)), whisker, mark)


def _length(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else 0.0


@dataclass(frozen=True)
class Chart:
    """A chart that uPlot draws in the browser; see the functions of `charts` that build one.

    Args:
        id: Id of its element, unique in the page.
        heading: What it shows.
        data: What ``charts.js`` reads.
    """

    kind: ClassVar = "chart"
    id: str
    heading: str
    data: Record


@dataclass(frozen=True)
class ForecastChart:
    """The chart of forecasts and truths over time, with buttons to zoom and to choose a target.

    Args:
        target: Label of the target that is shown first.
    """

    kind: ClassVar = "forecast"
    target: str


@dataclass(frozen=True)
class Facts:
    """Names with their values."""

    kind: ClassVar = "facts"
    facts: Mapping[str, str]


@dataclass(frozen=True)
class BulletList:
    """A list of sentences."""

    kind: ClassVar = "list"
    sentences: Sequence[str]


@dataclass(frozen=True)
class Listing:
    """Text as it is in a file, folded until it is opened."""

    kind: ClassVar = "listing"
    summary: str
    text: str


Element = Table | Bars | Chart | ForecastChart | ParallelChart | Facts | BulletList | Listing


@dataclass(frozen=True)
class Section:
    """A part of a page under its own heading.

    Args:
        heading: Heading; empty where an element brings its own.
        elements: What it contains, from top to bottom.
        note: Sentence below the heading.
        layout: ``stack`` puts elements one below the other; ``grid`` puts two charts in the first line and three in
            each further one; ``pair`` puts two next to each other; ``picker`` shows one chart, with a list to choose.

    Example:
        >>> Section("Notes on the data", [BulletList(["3 rows were filled."])]).layout
        'stack'
    """

    heading: str
    elements: Sequence[Element]
    note: str = ""
    layout: Literal["stack", "grid", "pair", "picker"] = "stack"
