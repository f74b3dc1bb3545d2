"""The head of a report and the frames of its charts."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.formatting import duration, is_number
from tsforecast.reporting.format import figure, readable, section, text

_HEADLINE = [("test/rmse", "Test RMSE"), ("test/mae", "Test MAE")]


def summary(result: Mapping[str, Any], forecast: Mapping[str, Any] | None) -> str:
    """Returns the sentence below the title: which model forecasts what, from which data."""
    data, window = result.get("data") or {}, result.get("window") or {}
    parts = [f"Model <b>{text(result.get('model', 'unknown'))}</b>"]
    if result.get("params") is not None:
        parts.append(f" with {figure(result['params'])} parameters")
    target = (forecast or {}).get("target")
    if target:
        names = [target] if isinstance(target, str) else list(target)
        shown = names[0] if len(names) == 1 else f"{len(names)} targets"
        parts.append(f" forecasts <b>{text(shown)}</b>")
    if window.get("lead"):
        first, horizon = int(window["lead"]), int(window.get("horizon", 1))
        steps = f"{first}" if horizon == 1 else f"{first} to {first + horizon - 1}"
        parts.append(f" {steps} step{'' if steps == '1' else 's'} ahead")
        if window.get("lookback"):
            parts.append(f" from the last {figure(int(window['lookback']))} rows")
    if data.get("name"):
        rows = f", {figure(data['rows'])} rows" if data.get("rows") is not None else ""
        parts.append(f"; data <b>{text(data['name'])}</b>{rows}")
    if result.get("seconds") is not None:
        parts.append(f"; {duration(result['seconds'])}")
        if result.get("device"):
            parts.append(f" on {text(result['device'])}")
    return "".join(parts) + "."


def banner(result: Mapping[str, Any]) -> str:
    """Returns a warning where the run did not finish, and nothing where it did."""
    status = result.get("status", "done")
    if status == "done":
        return ""
    return f'<p class="banner" role="alert">This run did not finish (status: {text(status)}).</p>'


def headline_figures(result: Mapping[str, Any]) -> str:
    """Returns the tiles: test RMSE and MAE beside the baselines', and the skill over each baseline."""
    metrics, baselines = result.get("metrics") or {}, result.get("baselines") or {}
    tiles = []
    for key, label in _HEADLINE:
        if key in metrics:
            beside = [f"{text(readable(name))} {figure(row.get(key))}" for name, row in baselines.items()]
            unit = f'<span class="unit">{text(result["unit"])}</span>' if result.get("unit") else ""
            tiles.append(_tile(label, f"{figure(metrics[key])}{unit}", "<br>".join(beside)))
    for name, value in (result.get("skill") or {}).items():
        tiles.append(
            _tile(f"Skill over {readable(name).lower()}", _signed_percent(value), _skill_words(value))
        )
    return f'<dl class="tiles">{"".join(tiles)}</dl>' if tiles else ""


def _tile(label: str, value: str, beside: str) -> str:
    return (
        f'<div class="tile"><dt>{text(label)}</dt><dd class="value">{value}</dd>'
        f'<dd class="beside">{beside}</dd></div>'
    )


def _signed_percent(value: Any) -> str:
    if not is_number(value) or not math.isfinite(value):
        return "–"
    css = "good" if value > 0 else "bad"
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f'<span class="{css}">{sign}{abs(100 * value):.1f}</span><span class="unit">%</span>'


def _skill_words(value: Any) -> str:
    if not is_number(value) or not math.isfinite(value):
        return "not defined"
    return "RMSE lower than the baseline’s" if value > 0 else "no better than the baseline"


def forecast_section(shown: Mapping[str, Any] | None, forecast: Mapping[str, Any] | None) -> str:
    """Returns the frame of the forecast chart; its caption says what part of the forecasts it shows."""
    if not shown or not shown["count"] or not forecast:
        return ""
    count, total = shown["count"], shown["total"]
    part = f"All {count:,} forecasts" if count == total else f"The newest {count:,} of {total:,} forecasts"
    caption = [
        str(forecast.get("caption") or ""),
        f"{part}. Drag to zoom, double-click (or tap twice) to see all.",
        "Tap a name below the chart to show or hide its line.",
        "Gaps in the measured line were not observed and are not scored.",
    ]
    body = (
        f'<p class="note">{text(" ".join(caption).strip())}</p><div class="bar" id="forecast-bar"></div>'
        f'<h3 id="forecast-target">{text(shown["targets"][0]["label"])}</h3>'
        + _frame("chart-forecast", "Forecast and measured values over time")
    )
    return section("Forecast against truth", f"<figure>{body}</figure>")


def _frame(name: str, label: str) -> str:
    return f'<div class="chart" id="{name}" role="img" aria-label="{text(label)}"></div>'


def learning_section(charts: Sequence[Mapping[str, Any]], history: Sequence[Mapping[str, Any]]) -> str:
    """Returns the learning curves, with the best epoch in words."""
    frames = [
        f"<figure><h3>{text(chart['heading'])}</h3>{_frame(chart['id'], chart['heading'])}</figure>"
        for chart in charts
        if chart["id"].startswith("chart-learning-")
    ]
    if not frames:
        return ""
    # The curves of the error come first and get half of the width each, those of the machinery a third.
    return section("Learning curves", f'<div class="grid">{"".join(frames)}</div>', _best_epoch(history))


def _best_epoch(history: Sequence[Mapping[str, Any]]) -> str:
    scored = [
        (row["val/rmse"], row.get("epoch", index + 1))
        for index, row in enumerate(history)
        if is_number(row.get("val/rmse")) and math.isfinite(row["val/rmse"])
    ]
    if not scored:
        return ""
    best, epoch = min(scored)
    return f"Lowest validation RMSE: {figure(best)} in epoch {epoch} of {len(history)}."


def error_sections(charts: Sequence[Mapping[str, Any]], unit: str) -> str:
    """Returns error by horizon step and by hour of day, side by side where there is room."""
    note = f"Test error in {unit}." if unit else "Test error."
    found = [
        section(chart["heading"], _frame(chart["id"], chart["heading"]), note)
        for chart in charts
        if chart["id"].startswith("chart-error-")
    ]
    return f'<div class="pair">{"".join(found)}</div>' if found else ""


def chart_sections(charts: Sequence[Mapping[str, Any]]) -> str:
    """Returns a section for each further chart."""
    found = [section(chart["heading"], _frame(chart["id"], chart["heading"])) for chart in charts]
    return "\n".join(found)
