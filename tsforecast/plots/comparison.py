"""Figures of several runs next to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.plots.figure import BLUE, ORANGE, add_legend, create_figure, label_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROW, MARGIN = 0.26, 0.9  # inches of a config, and of title and labels together


def plot_errors(
    errors: Mapping[str, Sequence[float]],
    *,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
    label: str = "test RMSE",
) -> Figure:
    """Return a figure of the errors of several configs, the lowest mean at the top.

    Args:
        errors: Name of a config to its errors, one for each seed.
        intervals: Name of a config to the ends of the confidence interval of its error, for those with one seed.
        title: Title of the figure.
        label: Name of the error, with its unit.

    Raises:
        UserError: matplotlib is not installed.

    Example:
        >>> from tsforecast.plots import plot_errors
        >>> figure = plot_errors({"batch_size=32": [0.57, 0.55], "batch_size=64": [0.55, 0.56]}, label="test RMSE (kW)")
        >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
        ['batch_size=64', 'batch_size=32']
    """
    means = {name: float(np.mean(values)) for name, values in errors.items()}
    names = sorted(means, key=means.__getitem__)
    figure, (axes,) = create_figure(height=MARGIN + ROW * len(names))
    rows = {name: row for row, name in enumerate(names)}
    if intervals:
        ends = np.array([intervals.get(name, (np.nan, np.nan)) for name in names])
        axes.hlines(list(rows.values()), *ends.T, color=BLUE, linewidth=2, alpha=0.45, label="95 % interval")
    points = [(value, row) for name, row in rows.items() for value in errors[name]]
    axes.plot(*zip(*points, strict=True), "o", color=BLUE, markersize=5, label="run")
    several = [name for name in names if len(errors[name]) > 1]
    if several:
        style: dict[str, Any] = {"color": ORANGE, "markersize": 13, "markeredgewidth": 2, "linestyle": "none"}
        axes.plot(
            [means[name] for name in several], [rows[name] for name in several], "|", label="mean", **style
        )
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    if title:  # of the whole figure: long names leave little room above the axes
        figure.suptitle(title, x=0.01, ha="left", fontsize=10, color="#111827")
    label_axes(axes, x=label)
    add_legend(axes)
    return figure
