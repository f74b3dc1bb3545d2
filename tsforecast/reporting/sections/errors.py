"""Test error by horizon step and by hour of day."""

from tsforecast.reporting.charts import baseline_lines, line, line_chart
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Chart, Section

ORDER = 30


def build(report: Report) -> list[Section]:
    """Return the charts that say more than the figures: of several steps, and of several hours."""
    charts = [chart for chart in (_by_step(report), _by_hour(report)) if chart is not None]
    note = f"Test error in {report.unit}." if report.unit else "Test error."
    if len(charts) == 1:
        return [Section(charts[0].heading, charts, note)]
    return [Section("Where the errors are", charts, note, "pair")] if charts else []


def _by_step(report: Report) -> Chart | None:
    errors = report.by_step
    if not errors or len(errors["rmse"]) < 2:
        return None
    lines = [line("RMSE", errors["rmse"], "forecast"), line("MAE", errors["mae"], "second")]
    steps = range(1, len(errors["rmse"]) + 1)
    return line_chart("error-step", "Error by horizon step", "Step", steps, [*lines, *baseline_lines(errors)])


def _by_hour(report: Report) -> Chart | None:
    errors = report.by_hour
    if not errors or len(errors["group"]) < 2:
        return None
    places = {int(hour or 0): index for index, hour in enumerate(errors["group"])}
    rows = [places.get(hour) for hour in range(24)]  # an hour without windows is a gap, not a line across it
    errors = {
        name: [None if row is None else values[row] for row in rows]
        for name, values in errors.items()
        if name != "group"
    }
    lines = [
        line("RMSE", errors["rmse"], "forecast", "bar-wide"),
        line("MAE", errors["mae"], "forecast", "bar-narrow"),  # never above the RMSE, so it fits inside
    ]
    return line_chart(
        "error-hour", "Error by hour of day", "Hour", range(24), [*lines, *baseline_lines(errors)]
    )
