"""Learning curves: losses and errors per epoch, learning rate and speed."""

from collections.abc import Sequence

from tsforecast.formatting import format_number, is_finite
from tsforecast.metrics import metric_label
from tsforecast.reporting.charts import Line, line, line_chart
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Record, Section

ORDER = 20
BEST = "val/rmse"  # whose best epoch is named


def build(report: Report) -> list[Section]:
    """Return one chart for each kind of curve of which the history has a value."""
    epochs = [int(str(row.get("epoch", index + 1))) for index, row in enumerate(report.history)]
    charts = [
        line_chart(f"learning-{name}", heading, "Epoch", epochs, lines)
        for name, heading, lines in _curves(report.history, report.unit)
    ]
    shown = [chart for chart in charts if chart is not None]
    return [Section("Learning curves", shown, _best_epoch(report), "grid")] if shown else []


def _curves(history: Sequence[Record], unit: str) -> list[tuple[str, str, list[Line]]]:
    def curve(key: str, label: str, color: str, kind: str = "line", factor: float = 1.0) -> Line:
        values = [row.get(key) for row in history]
        return line(label, [factor * v if is_finite(v) else None for v in values], color, kind)

    errors = [curve("val/rmse", "RMSE", "forecast"), curve("val/mae", "MAE", "second")]
    return [
        ("loss", "Loss", [curve("loss", "Training", "forecast"), curve("val/loss", "Validation", "second")]),
        ("error", f"Validation error{f' ({unit})' if unit else ''}", errors),
        ("rate", "Learning rate", [curve("learning_rate", "Learning rate", "second", "from-zero")]),
        ("speed", "Steps per second", [curve("steps_per_second", "Steps per second", "second", "from-zero")]),
        (
            "wait",
            "Waiting for input (% of time)",
            [curve("input_wait", "Input wait", "second", "from-zero", 100)],
        ),
    ]


def _best_epoch(report: Report) -> str:
    scored = [
        (row[BEST], row.get("epoch", index + 1))
        for index, row in enumerate(report.history)
        if is_finite(row.get(BEST))
    ]
    if not scored:
        return ""
    best, epoch = min(scored)
    label = metric_label(BEST)
    unit = f" {report.unit}" if report.unit else ""
    return (
        f"Lowest validation {label}: {format_number(best)}{unit} in epoch {epoch} of {len(report.history)}."
    )
