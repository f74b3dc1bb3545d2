"""Charts as the data that ``charts.js`` draws with uPlot: no NaN, few digits, a bounded size.

Parallel coordinates, which uPlot cannot draw, are in `parallel`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from tsforecast.formatting import readable_name
from tsforecast.reporting.elements import Chart

MAX_VALUES = 20_000
COLORS = ("forecast", "second", "good", "baseline", "truth", "bad")  # of lines that are all of one kind
DIGITS = 5  # more cannot be seen in a chart

Numbers = list[float | int | None]
Values = Sequence[float | None] | npt.NDArray[np.floating]
Line = list[object]  # label, values, color, kind; and for charts of runs: x values and number of the run


class ForecastInput(TypedDict, total=False):
    """Forecasts and truths over time, as a report shows them.

    Args:
        time: ``[n]`` datetime64, the time of each target.
        timezone: Zone in which to show times that are in UTC; empty to show them as they are.
        truth: ``[n]`` or ``[n, T]``, NaN where unobserved.
        forecast: Like ``truth``.
        lower: Lower end of an interval, like ``truth``.
        upper: Its upper end.
        interval: Name of the interval.
        baselines: Name to forecasts, each like ``truth``.
        target: Name of the target, or T names.
        unit: Unit of the target, or T units.
        caption: Sentence about the chart.
    """

    time: npt.NDArray[np.datetime64]
    timezone: str
    truth: npt.NDArray[np.floating]
    forecast: npt.NDArray[np.floating]
    lower: npt.NDArray[np.floating]
    upper: npt.NDArray[np.floating]
    interval: str
    baselines: Mapping[str, npt.NDArray[np.floating]]
    target: str | Sequence[str]
    unit: str | Sequence[str]
    caption: str


def to_numbers(values: npt.ArrayLike) -> Numbers:
    """Round finite values to a few digits; everything else becomes None."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return [_round(value) if math.isfinite(value) else None for value in array.tolist()]


def _round(value: float) -> float | int:
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def forecast_series(forecast: ForecastInput) -> dict[str, object]:
    """Return the newest part of a forecast next to its truth, one entry per target.

    Args:
        forecast: Forecasts and truths.

    Returns:
        ``start``, ``step`` and ``count`` in seconds (and ``times`` where the step varies), ``total`` rows before the
        cut, ``interval``, and ``targets``: each with ``label``, ``truth``, ``forecast``, ``lower``, ``upper`` and
        ``baselines``.

    Raises:
        ValueError: An array does not have the shape of the truth, or not the length of the time.
    """
    time = np.asarray(forecast["time"]).astype("datetime64[ms]").astype(np.int64) / 1000
    truth = _columns(forecast["truth"], "truth", len(time))
    count = min(len(time), max(1, MAX_VALUES // truth.shape[1]))
    newest = slice(len(time) - count, None)

    def cut(name: str, values: npt.ArrayLike) -> list[Numbers]:
        array = _columns(values, name, len(time))
        if array.shape != truth.shape:
            raise ValueError(f"{name} has {array.shape[1]} targets, the truth has {truth.shape[1]}")
        return [to_numbers(array[newest, target]) for target in range(truth.shape[1])]

    lines = {"truth": cut("truth", truth), "forecast": cut("forecast", forecast["forecast"])}
    if forecast.get("lower") is not None and forecast.get("upper") is not None:
        lines |= {"lower": cut("lower", forecast["lower"]), "upper": cut("upper", forecast["upper"])}
    baselines = {
        readable_name(name): cut(name, values) for name, values in (forecast.get("baselines") or {}).items()
    }
    targets = [
        {
            "label": label,
            **{name: values[index] for name, values in lines.items()},
            "baselines": [{"name": name, "values": values[index]} for name, values in baselines.items()],
        }
        for index, label in enumerate(target_labels(forecast, truth.shape[1]))
    ]
    interval = str(forecast.get("interval") or "Interval")
    zone = {"timezone": forecast["timezone"]} if forecast.get("timezone") else {}
    return {**_times(time[newest]), **zone, "total": len(time), "interval": interval, "targets": targets}


def target_labels(forecast: ForecastInput, count: int) -> list[str]:
    """Return ``name (unit)`` of each target."""
    names, units = (_repeat(value, count) for value in (forecast.get("target"), forecast.get("unit")))
    return [
        f"{name or f'Target {i + 1}'}{f' ({unit})' if unit else ''}"
        for i, (name, unit) in enumerate(zip(names, units, strict=True))
    ]


def _repeat(value: str | Sequence[str] | None, count: int) -> list[str]:
    if value is None or isinstance(value, str):
        return [value or ""] * count
    if len(value) != count:
        raise ValueError(f"{len(value)} names or units given for {count} targets")
    return [str(item) for item in value]


def _columns(values: npt.ArrayLike, name: str, rows: int) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != rows:
        raise ValueError(
            f"{name} has shape {array.shape}, expected {rows} rows, as many as times, and one column per target"
        )
    return array


def _times(seconds: npt.NDArray[np.float64]) -> dict[str, object]:
    """Start, step and count; the times themselves only where they are irregular, because 20,000 are half of a page."""
    steps = np.diff(seconds)
    step = float(np.median(steps)) if len(steps) else 60.0
    start = float(seconds[0]) if len(seconds) else 0.0
    irregular = len(steps) > 0 and not np.all(steps == step)
    times: dict[str, object] = {"start": start, "step": step, "count": len(seconds)}
    return times | ({"times": seconds.tolist()} if irregular else {})


def line(label: str, values: Values, color: str, kind: str = "line") -> Line:
    """Return one line of a chart.

    Args:
        label: Name in the legend.
        values: As many as the chart has positions; None leaves a gap.
        color: A color of ``report.css``, for example ``forecast``.
        kind: ``line``, ``dash``, ``from-zero`` (a line on an axis that starts at 0), ``dot``, ``bar-wide`` or
            ``bar-narrow``.
    """
    return [label, to_numbers([math.nan if value is None else value for value in values]), color, kind]


def line_chart(
    name: str, heading: str, x_name: str, x: Sequence[float | int], lines: Sequence[Line]
) -> Chart | None:
    """Return a chart of lines or bars over one axis, None if no line has a value.

    Args:
        name: Name of the chart, unique in its page.
        heading: What it shows.
        x_name: Name of the axis.
        x: Its rising positions.
        lines: Results of `line`.
    """
    series = [item for item in lines if _has_values(item)]
    if not series:
        return None
    data = {"id": f"chart-{name}", "heading": heading, "x_name": x_name, "x": list(x), "series": series}
    return Chart(f"chart-{name}", heading, data)


def _has_values(item: Line) -> bool:
    values = item[1]
    return isinstance(values, list) and any(value is not None for value in values)


def lines_chart(
    name: str,
    heading: str,
    x_name: str,
    x: Sequence[float],
    lines: Mapping[str, Values],
) -> Chart | None:
    """Return a chart of several lines of one kind, each in a color of its own.

    Args:
        name: Name of the chart, unique in its page.
        heading: What it shows.
        x_name: Name of the axis.
        x: Its rising positions.
        lines: Label to values, as many as ``x``.
    """
    series = [
        line(label, values, COLORS[index % len(COLORS)], "from-zero")
        for index, (label, values) in enumerate(lines.items())
    ]
    return line_chart(name, heading, x_name, list(x), series)


def baseline_lines(errors: Mapping[str, Values]) -> list[Line]:
    """Return the dashed lines of the baselines, which have keys such as ``persistence/rmse``."""
    split = {key: key.partition("/") for key in errors}
    return [
        line(f"{readable_name(name)} {metric.upper()}", errors[key], "baseline", "dash")
        for key, (name, _, metric) in split.items()
        if metric
    ]


@dataclass(frozen=True)
class RunPoints:
    """The points of one run in a chart that compares runs.

    Args:
        run: Its place on the leaderboard, from 0.
        label: Its name.
        x: Positions.
        y: As many values.
    """

    run: int
    label: str
    x: Sequence[float]
    y: Sequence[float]


def runs_chart(
    name: str, heading: str, x_name: str, y_name: str, runs: Sequence[RunPoints], *, log_x: bool = False
) -> Chart:
    """Return a chart with one line per run, or one dot where a run has one point.

    Args:
        name: Name of the chart, unique in its page.
        heading: What it shows.
        x_name: Name of the horizontal axis.
        y_name: Name of the vertical axis.
        runs: The runs, best first.
        log_x: Whether the horizontal axis is logarithmic.
    """
    ordered = [_run_line(run) for run in reversed(runs)]  # the best is drawn last, on top
    data = {"id": f"chart-{name}", "x_name": x_name, "y_name": y_name, "log_x": log_x, "series": ordered}
    return Chart(f"chart-{name}", heading, data)


def _run_line(run: RunPoints) -> Line:
    kind = "dot" if len(run.x) == 1 else "line"
    return [run.label, to_numbers(run.y), run_color(run.run), kind, to_numbers(run.x), run.run]


def run_color(run: int) -> str:
    """Return the color of the run at a place of the leaderboard: ten of their own, and gray for the others."""
    return f"c{run}" if run < 10 else "ink-2"
