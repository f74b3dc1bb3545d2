"""Figures of forecasts: with band, members' weights and spikes, and of the weights over time."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tsforecast.plots.figure import (
    BLUE,
    COLORS,
    GRAY,
    RED,
    add_legend,
    create_figure,
    label_axes,
    label_times,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WEIGHT = "weight_"
SPIKE = "spike_probability"


class SeriesHistory(NamedTuple):
    """The last rows of a series, and what an ensemble's members forecast after them.

    Attributes:
        times: ``[n]`` datetime64.
        targets: ``[n, T]``, NaN where unobserved.
        members: Member to its forecast ``[H, T]``; nothing for other models.
    """

    times: np.ndarray
    targets: np.ndarray
    members: Mapping[str, np.ndarray]


def plot_forecast(
    table: pa.Table,
    past: SeriesHistory | None = None,
    *,
    unit: str = "",
    coverage: float | None = None,
) -> Figure:
    """Return a figure of a forecast: one row of axes per target, and one for the probability of spikes if there is any.

    Args:
        table: Forecasts, see ``inference.forecast_table``; with ``lower`` and ``upper`` a band is drawn.
        past: The rows before.
        unit: Unit of the targets.
        coverage: Share of the truths that the band should contain, for the legend.
    """
    targets = table["target"].unique().to_pylist()
    has_spikes = SPIKE in table.column_names
    figure, axes = create_figure(len(targets) + has_spikes)
    for index, (target, one) in enumerate(zip(targets, axes, strict=False)):
        rows = table.filter(pc.equal(table["target"], target))
        _draw_series(one, rows, past, index, coverage)
        label_axes(one, title=target, y=unit)
    if has_spikes:
        _draw_spikes(axes[-1], table, targets)
        axes[-1].set_xlim(axes[0].get_xlim())
    return figure


def plot_series(
    table: pa.Table,
    series: Mapping[str, SeriesHistory],
    *,
    unit: str = "",
    coverage: float | None = None,
) -> Figure:
    """Return a figure of the forecasts of several series: one row of axes per series and target.

    Args:
        table: Forecasts, whose first columns, before ``made_at``, name the series of each row.
        series: Name of a series to its last rows, in the order of the figure.
        unit: Unit of the targets.
        coverage: Share of the truths that the band should contain, for the legend.
    """
    columns = table.column_names[: table.column_names.index("made_at")]
    names = np.array(["/".join(row.values()) for row in table.select(columns).to_pylist()])
    targets = table["target"].unique().to_pylist()
    figure, axes = create_figure(len(series) * len(targets), height=2.6)
    places = [(name, index, target) for name in series for index, target in enumerate(targets)]
    for one, (name, index, target) in zip(axes, places, strict=True):
        rows = table.filter(pa.array(names == name)).filter(pc.field("target") == target)
        _draw_series(one, rows, series[name], index, coverage)
        label_axes(one, title=name if len(targets) == 1 else f"{name}: {target}", y=unit)
    return figure


def plot_weights(table: pa.Table) -> Figure:
    """Return a figure of an ensemble's weights over time.

    Args:
        table: Forecasts with a column ``weight_NAME`` for each member.

    Raises:
        ValueError: The table has no weights.
    """
    names = [name for name in table.column_names if name.startswith(WEIGHT)]
    if not names:
        raise ValueError("the forecasts are not of an ensemble: they have no weights")
    time, first = np.unique(_times(table["made_at"]), return_index=True)
    figure, (axes,) = create_figure()
    shares = [np.asarray(table[name])[first] for name in names]
    labels = [name.removeprefix(WEIGHT) for name in names]
    axes.stackplot(time, *shares, labels=labels, colors=COLORS[: len(names)], alpha=0.85)
    axes.set_ylim(0, 1)
    axes.margins(x=0)
    label_axes(axes, title="Weights of the members", y="weight")
    label_times(axes)
    add_legend(axes)
    return figure


def _draw_series(
    axes: Axes, rows: pa.Table, past: SeriesHistory | None, index: int, coverage: float | None
) -> None:
    """Draw the last rows of a target, the forecasts of an ensemble's members, and the forecast with its band."""
    if past is not None:
        axes.plot(past.times, past.targets[:, index], color=GRAY, linewidth=1.2, label="observed")
        marker, line = (".", "none") if len(rows) == 1 else ("", "-")
        for (name, values), color in zip(past.members.items(), itertools.cycle(COLORS[1:]), strict=False):
            (drawn,) = axes.plot(_times(rows["time"]), values[:, index], linewidth=1.0, label=name)
            drawn.set(color=color, marker=marker, linestyle=line)
    _draw_forecast(axes, rows, coverage)
    label_times(axes)
    add_legend(axes)


def _draw_forecast(axes: Axes, rows: pa.Table, coverage: float | None) -> None:
    time = _times(rows["time"])
    forecast = np.asarray(rows["forecast"])
    # A single step is a point with an error bar; a path is a line with a band.
    single = len(time) == 1
    if "lower" in rows.column_names and rows["lower"].null_count < len(rows):
        lower, upper = (np.asarray(rows[name], float) for name in ("lower", "upper"))
        label = "interval" if coverage is None else f"{coverage:.0%} interval"
        if single:
            axes.vlines(time, lower, upper, color=BLUE, alpha=0.35, linewidth=5, label=label)
        else:
            axes.fill_between(time, lower, upper, color=BLUE, alpha=0.18, linewidth=0, label=label)
    style = {"marker": "o", "linestyle": "none"} if single else {"linewidth": 1.8}
    axes.plot(time, forecast, color=BLUE, label="forecast", **style)


def _draw_spikes(axes: Axes, table: pa.Table, targets: list[str]) -> None:
    for target, color in zip(targets, (RED, *COLORS), strict=False):
        rows = table.filter(pc.equal(table["target"], target))
        time, chance = _times(rows["time"]), np.asarray(rows[SPIKE])
        axes.plot(time, chance, color=color, linewidth=1.6, marker="o", markersize=3, label=target)
    axes.set_ylim(0, 1)
    label_axes(axes, title="Probability of a spike", y="probability")
    label_times(axes)
    add_legend(axes)


def _times(column: pa.ChunkedArray) -> np.ndarray:
    """Return times as datetime64, those of a zone on its clock."""
    if getattr(column.type, "tz", None):
        column = pc.local_timestamp(column)
    return np.asarray(column)


def plot_forecast_and_truth(
    time: np.ndarray,
    truth: np.ndarray,
    forecast: np.ndarray,
    *,
    band: tuple[np.ndarray, np.ndarray] | None = None,
    title: str = "",
    unit: str = "",
) -> Figure:
    """Return a figure of forecasts that are all the same number of steps ahead, and of the truth.

    Args:
        time: Times ``[n]`` that were forecast.
        truth: Truths ``[n]``, NaN where unobserved.
        forecast: Forecasts ``[n]``.
        band: Lower and upper bounds ``[n]``, or None.
        title: Title.
        unit: Unit of the values.
    """
    figure, (axes,) = create_figure()
    axes.plot(time, truth, color=GRAY, linewidth=1.2, label="observed")
    if band is not None:
        axes.fill_between(
            time, *band, color=BLUE, alpha=0.18, linewidth=0, label="lowest to highest quantile"
        )
    axes.plot(time, forecast, color=BLUE, linewidth=1.5, label="forecast")
    label_axes(axes, title=title, y=unit)
    label_times(axes)
    add_legend(axes)
    return figure
