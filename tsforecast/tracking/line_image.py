"""A line plot as a small image, for trackers that show images only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image

SIZE = (1000, 360)
MARGIN = (70, 40, 20, 50)  # left, top, right, bottom
COLORS = ("#444444", "#d1495b", "#00798c", "#edae49")


def draw_lines(x: Sequence[float], lines: Mapping[str, Sequence[float]], x_name: str, title: str) -> Image:
    """Return a plot with both axes' ends labeled; NaN leaves a gap.

    Args:
        x: Positions on the shared axis.
        lines: Label to values.
        x_name: Label of the axis.
        title: Title of the plot.
    """
    from PIL import Image, ImageDraw

    image = Image.new("RGB", SIZE, "white")
    draw, (left, top, right, bottom) = ImageDraw.Draw(image), MARGIN
    width, height = SIZE[0] - left - right, SIZE[1] - top - bottom
    values = [value for line in lines.values() for value in line if math.isfinite(value)] or [0.0]
    low_x, high_x, low, high = min(x, default=0), max(x, default=1), min(values), max(values)

    def place(position: float, value: float) -> tuple[float, float]:
        across = (position - low_x) / ((high_x - low_x) or 1)
        return left + across * width, top + height - (value - low) / ((high - low) or 1) * height

    draw.rectangle((left, top, left + width, top + height), outline="#cccccc")
    for color, line in zip(COLORS, lines.values(), strict=False):
        for points in _pieces(x, line):
            draw.line([place(*point) for point in points], fill=color, width=2)
    draw.text((left, 8), title, fill="black")
    for number, (color, label) in enumerate(zip(COLORS, lines, strict=False)):
        draw.text((left + 110 * number, 24), label, fill=color)
    for value, y in ((high, top), (low, top + height - 10)):
        draw.text((8, y), f"{value:.4g}", fill="black")
    for position, across in ((low_x, left), (high_x, left + width - 40)):
        draw.text((across, top + height + 6), f"{position:.4g}", fill="black")
    draw.text((left + width / 2 - 3 * len(x_name), top + height + 24), x_name, fill="black")
    return image


def _pieces(x: Sequence[float], line: Sequence[float]) -> list[list[tuple[float, float]]]:
    """Return the stretches of a line without NaN that have at least two points."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for position, value in zip(x, line, strict=True):
        if math.isfinite(value):
            pieces[-1].append((position, value))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if len(piece) > 1]
