"""The PIT histogram of a probabilistic model."""

from itertools import pairwise

from tsforecast.reporting.charts import line, line_chart
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section

ORDER = 37


def build(report: Report) -> list[Section]:
    """Return the PIT histogram: bars of equal height 1 mean that the forecast distributions are calibrated."""
    pit = report.result.get("pit")
    if not pit:
        return []
    bounds = [0.0, *pit["levels"], 1.0]
    widths = [upper - lower for lower, upper in pairwise(bounds)]
    middles = [round((lower + upper) / 2, 4) for lower, upper in pairwise(bounds)]
    density = [
        None if share is None else share / width for share, width in zip(pit["shares"], widths, strict=True)
    ]
    bars = line("test truths", density, "forecast", "bar-wide")
    calibrated = line("calibrated", [1.0] * len(middles), "baseline", "dash")
    chart = line_chart(
        "pit", "PIT histogram", "Level of the forecast distribution", middles, [bars, calibrated]
    )
    note = (
        "Density of the truths between the quantiles at neighboring levels. High ends mean forecasts that are too sure,"
        " a high middle forecasts that are not sure enough, and a slope a bias."
    )
    return [Section("Calibration", [chart], note)] if chart else []
