"""Charts as SVG text: lines, a scatter, parallel coordinates. Every mark names its run: the page links them."""

import math
from collections.abc import Sequence
from typing import Any

from tsforecast.reporting.format import figure, text

WIDTH, HEIGHT = 500, 290
WIDE = 1000  # of the parallel coordinates, which have the page to themselves
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 12, 44
COLOURS = 10  # further runs are drawn in grey until pointed at

Points = Sequence[tuple[float, float]]


def colour(place: int) -> str:
    """The CSS class of the run at ``place`` of the leaderboard, from 0."""
    return f"run c{place}" if place < COLOURS else "run more"


def line_chart(lines: Sequence[tuple[int, str, Points]], x_name: str, y_name: str) -> str:
    """A line a run.

    Args:
        lines: place, name and points of each run.
        x_name: below the chart.
        y_name: above it.
    """
    scale = _Scale([point for _, _, points in lines for point in points])
    marks = []
    for place, name, points in reversed(lines):  # the best on top
        path = " ".join(f"{scale.x(x):.1f},{scale.y(y):.1f}" for x, y in points)
        dots = f"<polyline points='{path}'/>" if len(points) > 1 else _dot(scale, *points[0])
        marks.append(_mark(place, name, dots))
    return _chart(scale, "".join(marks), x_name, y_name)


def scatter(points: Sequence[tuple[int, str, float, float]], x_name: str, y_name: str) -> str:
    """A dot a run: place, name, x, y; an x that spans more than a factor of 30 is drawn by orders of magnitude."""
    positive = [x for _, _, x, _ in points if x > 0]
    log = len(positive) == len(points) and max(positive) > 30 * min(positive)
    scale = _Scale([(x, y) for _, _, x, y in points], log=log)
    marks = [
        _mark(place, f"{name}: {x_name} {figure(x)}, {y_name} {figure(y)}", _dot(scale, x, y))
        for place, name, x, y in reversed(points)
    ]
    return _chart(scale, "".join(marks), x_name, y_name)


def parallel(axes: Sequence[str], rows: Sequence[tuple[int, str, Sequence[Any]]]) -> str:
    """Parallel coordinates: an upright axis a column, a line a run; numbers to scale, words spread evenly."""
    columns = [_Column([values[i] for _, _, values in rows]) for i in range(len(axes))]
    step = (WIDE - 3 * LEFT) / max(len(axes) - 1, 1)
    marks = []
    for place, name, values in reversed(rows):
        path = " ".join(
            f"{1.5 * LEFT + i * step:.1f},{column.y(value):.1f}"
            for i, (column, value) in enumerate(zip(columns, values, strict=True))
        )
        marks.append(_mark(place, name, f"<polyline points='{path}'/>"))
    frame = []
    for i, (axis, column) in enumerate(zip(axes, columns, strict=True)):
        x = 1.5 * LEFT + i * step
        frame.append(f"<line class='axis' x1='{x:.1f}' x2='{x:.1f}' y1='{TOP}' y2='{HEIGHT - BOTTOM}'/>")
        frame.append(f"<text x='{x:.1f}' y='{HEIGHT - 12}' text-anchor='middle'>{text(axis)}</text>")
        anchor, shift = ("end", -6) if i == 0 else ("start", 6)
        frame += [
            f"<text class='tick' x='{x + shift:.1f}' y='{y + 4:.1f}' text-anchor='{anchor}'>{text(label)}</text>"
            for label, y in column.ticks()
        ]
    return _svg("".join(marks) + "".join(frame), "Parallel coordinates: " + ", ".join(axes), WIDE)


class _Column:
    """One axis of the parallel coordinates."""

    def __init__(self, values: Sequence[Any]):
        known = [value for value in values if value is not None]
        self._numeric = bool(known) and all(
            isinstance(v, (int, float)) and not isinstance(v, bool) for v in known
        )
        if self._numeric:
            low, high = float(min(known)), float(max(known))
            self._log = low > 0 and high > 30 * low
            self._low, self._high = self._at(low), self._at(high)
            self._labels = list(dict.fromkeys([low, high] if len(set(known)) > 6 else sorted(set(known))))
        else:
            self._labels = list(dict.fromkeys(map(str, values)))
            self._low, self._high = 0.0, float(max(len(self._labels) - 1, 0))

    def _at(self, value: float) -> float:
        return math.log10(value) if self._log else float(value)

    def y(self, value: Any) -> float:
        """Where a value lies; a missing number lies at the bottom."""
        if self._numeric:
            place = self._low if value is None else self._at(value)
        else:
            place = float(self._labels.index(str(value)))
        share = (place - self._low) / (self._high - self._low) if self._high > self._low else 0.5
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def ticks(self) -> list[tuple[str, float]]:
        """Labels with their places."""
        return [(figure(label) if self._numeric else str(label), self.y(label)) for label in self._labels]


class _Scale:
    """From values to places in the chart."""

    def __init__(self, points: Points, log: bool = False):
        self.log = log
        xs = [math.log10(x) if log else x for x, _ in points]
        self._x, self._y = _span(xs), _span([y for _, y in points])

    def x(self, value: float) -> float:
        place = math.log10(value) if self.log else value
        return LEFT + (place - self._x[0]) / (self._x[1] - self._x[0]) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        share = (value - self._y[0]) / (self._y[1] - self._y[0])
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def frame(self) -> str:
        """Grid and ticks."""
        parts = []
        for y in _ticks(*self._y):
            parts.append(
                f"<line class='grid' x1='{LEFT}' x2='{WIDTH - RIGHT}' y1='{self.y(y):.1f}' y2='{self.y(y):.1f}'/>"
                f"<text class='tick' x='{LEFT - 8}' y='{self.y(y) + 4:.1f}' text-anchor='end'>{_short(y)}</text>"
            )
        for x in self._x_ticks():
            parts.append(
                f"<text class='tick' x='{self.x(x):.1f}' y='{HEIGHT - BOTTOM + 17}' "
                f"text-anchor='middle'>{_short(x)}</text>"
            )
        return "".join(parts)

    def _x_ticks(self) -> list[float]:
        if not self.log:
            return _ticks(*self._x)
        powers = range(math.floor(self._x[0]), math.ceil(self._x[1]) + 1)
        marks = [m * 10.0**p for p in powers for m in (1, 2, 5)]
        inside = [mark for mark in marks if self._x[0] <= math.log10(mark) <= self._x[1]]
        return inside if len(inside) <= 6 else [mark for mark in inside if math.log10(mark).is_integer()]


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = 0.05 * (high - low) or 0.5 * abs(high) or 0.5
    return low - pad, high + pad


def _ticks(low: float, high: float, about: int = 5) -> list[float]:
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough)
    first = math.ceil(low / step)
    return [step * i for i in range(first, math.floor(high / step) + 1)]


def _short(value: float) -> str:
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"
    return number.replace("-", "−")


def _dot(scale: _Scale, x: float, y: float) -> str:
    return f"<circle cx='{scale.x(x):.1f}' cy='{scale.y(y):.1f}' r='5'/>"


def _mark(place: int, name: str, shape: str) -> str:
    return f"<g class='{colour(place)}' data-run='{place}'><title>{text(name)}</title>{shape}</g>"


def _chart(scale: _Scale, marks: str, x_name: str, y_name: str) -> str:
    names = (
        f"<text x='{(LEFT + WIDTH - RIGHT) / 2}' y='{HEIGHT - 8}' text-anchor='middle'>{text(x_name)}</text>"
    )
    return _svg(scale.frame() + marks + names, f"{y_name} by {x_name}")


def _svg(inside: str, label: str, width: int = WIDTH) -> str:
    return f"<svg viewBox='0 0 {width} {HEIGHT}' role='img' aria-label='{text(label)}'>{inside}</svg>"
