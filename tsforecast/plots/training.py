"""Figures of a run: learning curves, errors by hour, importances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsforecast.plots.figure import BLUE, GRAY, ORANGE, add_legend, create_figure, label_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def plot_learning_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Return a figure of the losses over the steps, with the best validation marked.

    Args:
        history: Rows of ``metrics.jsonl``, one per epoch.
    """
    figure, (axes,) = create_figure()
    steps = [row["step"] for row in history]
    for key, color, label in (("loss", GRAY, "training loss"), ("val/loss", BLUE, "validation loss")):
        values = np.array([_number(row.get(key)) for row in history])
        if not np.isnan(values).all():
            axes.plot(steps, values, color=color, linewidth=1.6, marker="o", markersize=3, label=label)
            if key == "val/loss":
                best = int(np.nanargmin(values))
                axes.plot(steps[best], values[best], "o", color=ORANGE, markersize=7, label="best")
    label_axes(axes, title="Learning curves", x="step", y="loss")
    add_legend(axes)
    return figure


def plot_error_by_hour(hours: npt.ArrayLike, errors: Mapping[str, npt.ArrayLike], unit: str = "") -> Figure:
    """Return a figure of the error at each hour of the day, of a model and of baselines.

    Args:
        hours: Hours of the day.
        errors: Forecaster to its RMSE at these hours; the first one is the model.
        unit: Unit of the targets.
    """
    figure, (axes,) = create_figure()
    for number, (name, values) in enumerate(errors.items()):
        color, width = (BLUE, 2.0) if number == 0 else ((GRAY, ORANGE)[number % 2], 1.2)
        axes.plot(np.asarray(hours), np.asarray(values, float), color=color, linewidth=width, label=name)
    axes.set_xlim(0, 23)
    axes.set_xticks(range(0, 24, 3))
    axes.set_ylim(bottom=0)
    label_axes(axes, title="Error by hour", x="hour of the day", y=f"RMSE ({unit})" if unit else "RMSE")
    add_legend(axes)
    return figure


def plot_importance(explanation: Mapping[str, Any], unit: str = "", *, most: int = 15) -> Figure:
    """Return a figure of the rise of the error when a feature, or a block of past steps, is shuffled.

    Args:
        explanation: What ``evaluation.importance.explain`` returned.
        unit: Unit of the targets.
        most: Number of features to show.
    """
    features, blocks = explanation["features"][:most], explanation["blocks"]
    heights = [0.5 + 0.24 * len(features), 0.5 + 0.24 * len(blocks)]
    figure, axes = create_figure(2, height=sum(heights) / 2 + 0.3, ratios=heights)
    names = [part["feature"] for part in features]
    spans = [f"{part['first']} to {part['last']}".removesuffix(f" to {part['first']}") for part in blocks]
    _draw_rises(axes[0], names, features, "Rise of the RMSE without a feature")
    _draw_rises(axes[1], spans, blocks, "Rise of the RMSE without some of the past (steps back)")
    axes[1].set_xlabel(f"rise of the RMSE ({unit})" if unit else "rise of the RMSE", fontsize=9)
    return figure


def _draw_rises(axes: Axes, labels: Sequence[str], parts: Sequence[Mapping[str, Any]], title: str) -> None:
    rises, spreads = [part["rise"] for part in parts], [part["spread"] or 0.0 for part in parts]
    axes.barh(labels, rises, xerr=spreads, color=BLUE, alpha=0.8, error_kw={"ecolor": GRAY, "elinewidth": 1})
    axes.invert_yaxis()
    axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
    axes.grid(axis="y", visible=False)
    label_axes(axes, title=title)


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else float("nan")
