"""Forecasts and measured values over time."""

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import ForecastChart, Section

ORDER = 10


def build(report: Report) -> list[Section]:
    """Return the chart, with a note on which part of the forecasts it shows."""
    series, forecast = report.forecast_series, report.forecast
    if series is None or forecast is None:
        return []
    count, total = series["count"], series["total"]
    part = f"All {count:,} forecasts" if count == total else f"The newest {count:,} of {total:,} forecasts"
    sentences = [
        str(forecast.get("caption") or ""),
        f"{part}. Drag to zoom, double-click (or tap twice) to see all.",
        "Tap a name below the chart to show or hide its line.",
        "Gaps in the measured line were not observed and are not scored.",
    ]
    chart = ForecastChart(series["targets"][0]["label"])
    return [Section("Forecast and measured values", [chart], " ".join(sentences).strip())]
