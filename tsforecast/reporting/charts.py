"""Turns a run's arrays into the JSON that the page's charts read: no NaN, few digits, a bounded size."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsforecast.reporting.format import readable

MAX_VALUES = 20_000
LINE_COLOURS = ("forecast", "second", "good", "baseline", "truth", "bad")  # of lines that are all alike
DIGITS = 5  # more cannot be seen in a chart and would only weigh

# The learning curves: id and heading of a chart, then history key, label, colour and kind of each line in it.
_LEARNING: list[tuple[str, str, list[tuple[str, ...]]]] = [
    ("loss", "Loss", [("loss", "Training", "forecast"), ("val/loss", "Validation", "second")]),
    ("error", "Validation error{unit}", [("val/rmse", "RMSE", "forecast"), ("val/mae", "MAE", "second")]),
    ("rate", "Learning rate", [("learning_rate", "Learning rate", "second", "from-zero")]),
    ("speed", "Steps per second", [("steps_per_second", "Steps per second", "second", "from-zero")]),
    ("wait", "Waiting for input (% of time)", [("input_wait", "Input wait", "second", "from-zero")]),
]


def embed(value: Any) -> str:
    """Returns JSON that is safe inside a ``<script>`` element: no NaN, no ``</script>``, no ``<!--``."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def numbers(values: Any) -> list[float | int | None]:
    """Returns finite values rounded to a few digits, everything else as None."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return [_short(value) if math.isfinite(value) else None for value in array.tolist()]


def _short(value: float) -> float | int:
    rounded = float(f"{value:.{DIGITS}g}")
    return int(rounded) if rounded.is_integer() and abs(rounded) < 1e15 else rounded


def forecast_series(forecast: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the newest part of a forecast beside its truth, one entry a target.

    Args:
        forecast: As `write_report` takes it.

    Returns:
        ``start``, ``step``, ``count`` (and ``times`` where the step varies) in seconds, ``total`` rows before
        the cut, ``interval``, and ``targets``: each with ``label``, ``truth``, ``forecast``, ``lower``,
        ``upper``, ``baselines``.

    Raises:
        ValueError: If an array's shape is not that of the truth, or its length not that of the time.
    """
    time = np.asarray(forecast["time"]).astype("datetime64[ms]").astype(np.int64) / 1000
    truth = _columns(forecast["truth"], "truth", len(time))
    count = min(len(time), max(1, MAX_VALUES // truth.shape[1]))
    newest = slice(len(time) - count, None)

    def column(name: str, values: Any) -> list[list[float | int | None]]:
        array = _columns(values, name, len(time))
        if array.shape != truth.shape:
            raise ValueError(f"{name} has {array.shape[1]} targets, the truth has {truth.shape[1]}")
        return [numbers(array[newest, target]) for target in range(truth.shape[1])]

    made = {"truth": column("truth", truth), "forecast": column("forecast", forecast["forecast"])}
    if forecast.get("lower") is not None and forecast.get("upper") is not None:
        made |= {name: column(name, forecast[name]) for name in ("lower", "upper")}
    baselines = {
        readable(name): column(name, values) for name, values in (forecast.get("baselines") or {}).items()
    }
    targets = [
        {
            "label": label,
            **{name: values[index] for name, values in made.items()},
            "baselines": [{"name": name, "values": values[index]} for name, values in baselines.items()],
        }
        for index, label in enumerate(labels(forecast, truth.shape[1]))
    ]
    return {
        **_times(time[newest]),
        "total": len(time),
        "interval": str(forecast.get("interval") or "Interval"),
        "targets": targets,
    }


def labels(forecast: Mapping[str, Any], count: int) -> list[str]:
    """Returns ``name (unit)`` of each target."""
    names, units = (_one_each(forecast.get(key), count) for key in ("target", "unit"))
    return [
        f"{name or f'Target {i + 1}'}{f' ({unit})' if unit else ''}"
        for i, (name, unit) in enumerate(zip(names, units, strict=True))
    ]


def _one_each(value: Any, count: int) -> list[str]:
    each = [value or ""] * count if value is None or isinstance(value, str) else [str(item) for item in value]
    if len(each) != count:
        raise ValueError(f"{len(each)} names or units given for {count} targets")
    return each


def _columns(values: Any, name: str, rows: int) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != rows:
        raise ValueError(
            f"{name} has shape {array.shape}, expected {rows} rows, as many as times, and one column a target"
        )
    return array


def _times(seconds: np.ndarray) -> dict[str, Any]:
    """Start, step and count where the step is regular: 20,000 written-out times would be half of the page."""
    steps = np.diff(seconds)
    step = float(np.median(steps)) if len(steps) else 60.0
    found: dict[str, Any] = {
        "start": float(seconds[0]) if len(seconds) else 0.0,
        "step": step,
        "count": len(seconds),
    }
    if len(steps) and not np.all(steps == step):
        found["times"] = seconds.tolist()
    return found


def learning_curves(history: Sequence[Mapping[str, Any]], unit: str = "") -> list[dict[str, Any]]:
    """Returns a chart for each kind of learning curve of which the history has a finite value."""
    epochs = [row.get("epoch", index + 1) for index, row in enumerate(history)]
    charts = []
    for name, heading, lines in _LEARNING:
        series = [
            _line(label, [_percent(row.get(key), key) for row in history], *style)
            for key, label, *style in lines
        ]
        heading = heading.format(unit=f" ({unit})" if unit else "")
        charts.append(_chart(f"learning-{name}", heading, "Epoch", epochs, series))
    return [chart for chart in charts if chart["series"]]


def _percent(value: Any, key: str) -> Any:
    return 100 * value if key == "input_wait" and value is not None else value


def error_by_step(errors: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Returns the chart of error by horizon step; none for a single step, which the figures already give."""
    if not errors or len(errors["rmse"]) < 2:
        return []
    steps = list(range(1, len(errors["rmse"]) + 1))
    series = [
        _line("RMSE", errors["rmse"], "forecast"),
        _line("MAE", errors["mae"], "second"),
        *_baselines(errors),
    ]
    return [_chart("error-step", "Error by horizon step", "Step", steps, series)]


def error_by_hour(errors: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Returns the chart of error by hour of day; none where all targets share one hour."""
    if not errors or len(errors["group"]) < 2:
        return []
    series = [
        _line("RMSE", errors["rmse"], "forecast", "bar-wide"),
        _line("MAE", errors["mae"], "forecast", "bar-narrow"),  # never above the RMSE, so it fits inside
        *_baselines(errors),
    ]
    return [
        _chart("error-hour", "Error by hour of day", "Hour", [int(hour) for hour in errors["group"]], series)
    ]


def lines_chart(
    name: str, heading: str, x_name: str, x: Sequence[float], lines: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns a chart of lines over one axis, for ``write_report(charts=...)``.

    Args:
        name: of the chart in the page.
        heading: above it.
        x_name: of the axis.
        x: its values, rising.
        lines: label to values, as many as ``x``.
    """
    series = [
        _line(label, values, LINE_COLOURS[place % len(LINE_COLOURS)], "from-zero")
        for place, (label, values) in enumerate(lines.items())
    ]
    return _chart(f"more-{name}", heading, x_name, list(x), series)


def _baselines(errors: Mapping[str, Any]) -> list[list[Any]]:
    found = []
    for key, values in errors.items():
        name, _, metric = key.partition("/")
        if metric:
            found.append(_line(f"{readable(name)} {metric.upper()}", values, "baseline", "dash"))
    return found


def _line(label: str, values: Any, colour: str, kind: str = "line") -> list[Any]:
    clean = numbers([math.nan if value is None else value for value in values])
    return [label, clean, colour, kind]


def _chart(name: str, heading: str, x_name: str, x: list[Any], series: list[list[Any]]) -> dict[str, Any]:
    kept = [line for line in series if any(value is not None for value in line[1])]
    return {"id": f"chart-{name}", "heading": heading, "x_name": x_name, "x": x, "series": kept}
