"""The figure that every plot starts from."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tsforecast.errors import UserError, install_hint

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 7.5, 3.4  # inches
BLUE, ORANGE, GRAY, RED, GREEN, VIOLET = "#2563eb", "#d97706", "#6b7280", "#dc2626", "#15803d", "#7c3aed"
COLORS = (BLUE, ORANGE, GREEN, VIOLET, RED, "#0e7490", "#a16207", "#be185d")


def create_figure(
    rows: int = 1, *, height: float = HEIGHT, ratios: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure, and its axes one below the other.

    The figure does not belong to ``pyplot``: no window opens and nothing must be closed. Notebooks show it as the last
    value of a cell, and ``savefig`` writes it to a file.

    Args:
        rows: Number of axes.
        height: Height of each in inches, or their mean.
        ratios: Heights of the axes relative to each other; None for equal ones.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UserError(f"Figures need matplotlib: {install_hint('plot')}.") from error

    class NotebookFigure(Figure):
        """A figure that notebooks show without ``pyplot``."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=144)
            return buffer.getvalue()

    figure = NotebookFigure(figsize=(WIDTH, height * rows), layout="constrained")
    grid = figure.add_gridspec(rows, 1, height_ratios=ratios)
    axes = [figure.add_subplot(grid[number]) for number in range(rows)]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(axis="y", color="#e5e7eb", linewidth=0.8)
        one.set_axisbelow(True)
        one.tick_params(color=GRAY, labelcolor="#374151", labelsize=9)
    return figure, axes


def label_axes(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    """Set the title, at the left, and the labels of axes."""
    axes.set_title(title, loc="left", fontsize=10, color="#111827")
    axes.set_xlabel(x, fontsize=9, color="#374151")
    axes.set_ylabel(y, fontsize=9, color="#374151")


def add_legend(axes: Axes) -> None:
    """Add a legend above the axes, at the right, if more than one thing has a label."""
    if len(axes.get_legend_handles_labels()[1]) > 1:
        anchor = {"bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2}
        axes.legend(loc="lower right", frameon=False, fontsize=8, ncols=4, **anchor)


def label_times(axes: Axes) -> None:
    """Label the ticks of a time axis with no more of the date than changes."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
