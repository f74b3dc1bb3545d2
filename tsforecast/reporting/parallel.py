"""Parallel coordinates, the one chart that uPlot cannot draw: its positions, for a template to draw as SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tsforecast.formatting import format_number, is_number

HEIGHT = 320
TOP, BOTTOM = 14, 48  # room above the axes, and below them for their names
LEFT, RIGHT = 64, 124  # room for half of the first name, and for the labels of the last axis
AXIS_WIDTH = 130  # between two axes
CHARACTER_WIDTH = 6.6  # of the labels' font, on average
LABEL_HEIGHT = 15
MAX_LABELS = 6
LOG_RATIO = 30  # numbers that span more than this factor are drawn by orders of magnitude


@dataclass(frozen=True)
class Label:
    """A label of an axis: shortened to the room that it has, and in full for pointing at."""

    text: str
    full: str
    y: float


@dataclass(frozen=True)
class Axis:
    """An upright axis with its name and labels."""

    x: float
    name: Label
    labels: Sequence[Label]


@dataclass(frozen=True)
class ParallelLine:
    """One run from axis to axis."""

    run: int
    label: str
    points: str


@dataclass(frozen=True)
class ParallelChart:
    """Axes and lines of the chart, in the units of its view box."""

    kind: ClassVar = "parallel"
    width: float
    height: float
    top: float
    bottom: float
    axes: Sequence[Axis]
    lines: Sequence[ParallelLine]


def parallel_coordinates(
    names: Sequence[str], rows: Sequence[tuple[int, str, Sequence[object]]]
) -> ParallelChart:
    """Return one upright axis per column and one line per run; numbers are to scale, words spread evenly.

    Args:
        names: Name of each axis.
        rows: Place, name and values of each run, best first.

    Example:
        >>> chart = parallel_coordinates(["units", "model"], [(0, "a", [8, "gru"]), (1, "b", [16, "lstm"])])
        >>> [label.text for label in chart.axes[1].labels]
        ['gru', 'lstm']
    """
    columns = [_Column([values[i] for _, _, values in rows]) for i in range(len(names))]
    xs = [float(LEFT + AXIS_WIDTH * i) for i in range(len(names))]
    axes = [
        Axis(x, _shorten(name, AXIS_WIDTH - 10, HEIGHT - 14), column.labels())
        for x, name, column in zip(xs, names, columns, strict=True)
    ]
    lines = [ParallelLine(run, label, _points(xs, columns, values)) for run, label, values in reversed(rows)]
    return ParallelChart(xs[-1] + RIGHT, HEIGHT, TOP, HEIGHT - BOTTOM, axes, lines)


def _points(xs: Sequence[float], columns: Sequence["_Column"], values: Sequence[object]) -> str:
    return " ".join(
        f"{x:.1f},{column.y(value):.1f}" for x, column, value in zip(xs, columns, values, strict=True)
    )


def _shorten(text: str, room: float, y: float) -> Label:
    count = int(room / CHARACTER_WIDTH)
    return Label(text if len(text) <= count else f"{text[: count - 1]}…", text, y)


class _Column:
    """The values of one axis, and where they are on it."""

    def __init__(self, values: Sequence[object]):
        numbers = [value for value in values if is_number(value)]
        self._is_numeric = bool(numbers) and len(numbers) == sum(value is not None for value in values)
        self._words = list(dict.fromkeys(map(str, values)))
        self._numbers = sorted(set(numbers))
        if self._is_numeric:
            low, high = self._numbers[0], self._numbers[-1]
            self._is_log = low > 0 and high > LOG_RATIO * low
            self._low, self._high = self._position(float(low)), self._position(float(high))
        else:
            self._low, self._high = 0.0, float(max(len(self._words) - 1, 0))

    def _position(self, value: float) -> float:
        return math.log10(value) if self._is_log else value

    def y(self, value: object) -> float:
        """Return the height of a value; a missing number is at the bottom."""
        if self._is_numeric:
            position = self._position(float(value)) if is_number(value) else self._low
        else:
            position = float(self._words.index(str(value)))
        share = (position - self._low) / (self._high - self._low) if self._high > self._low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def labels(self) -> list[Label]:
        """Return the labels that fit without touching each other; both ends always do."""
        if not self._is_numeric:
            pairs = [(word, self.y(word)) for word in self._words]
        elif len(self._numbers) > MAX_LABELS:
            pairs = [(format_number(end), self.y(end)) for end in (self._numbers[0], self._numbers[-1])]
        else:
            pairs = [(format_number(number), self.y(number)) for number in self._numbers]
        kept = [pairs[0], *pairs[-1:]] if len(pairs) > 1 else pairs
        for text, y in pairs[1:-1]:
            if all(abs(y - other) >= LABEL_HEIGHT for _, other in kept):
                kept.append((text, y))
        return [_shorten(text, AXIS_WIDTH - 30, y) for text, y in kept]
