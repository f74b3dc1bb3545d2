"""The spike scorecard of each target."""

from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.formatting import format_aligned, readable_name
from tsforecast.metrics import METRICS, metric_label
from tsforecast.reporting.charts import line, line_chart
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Cell, Chart, Section, Table, TableRow

ORDER = 70
COLUMNS = {
    "model": "model",
    "random": "random score",
    "always": "always alarming",
    "persistence": "persistence",
}


def build(report: Report) -> list[Section]:
    """Return the tables of each target that was scored."""
    scorecards = report.result.get("spikes") or {}
    return [
        Section(
            f"Spikes{f' of {target}' if len(scorecards) > 1 else ''}",
            [*_tables(scores, scores.get("unit", report.unit)), *_reliability(scores, target)],
            _note(scores, scores.get("unit", report.unit)),
        )
        for target, scores in scorecards.items()
    ]


def _reliability(scores: Mapping[str, Any], target: str) -> list[Chart]:
    """Return the reliability curve of a score that is a probability."""
    curve = scores.get("reliability")
    if not curve:
        return []
    diagonal = line("calibrated", curve["probability"], "baseline", "dash")
    shares = line("share of windows with a spike", curve["share"], "forecast", "from-zero")
    heading = "How often there is a spike at each forecast probability (bins of equal numbers of windows)"
    chart = line_chart(
        f"reliability-{target}", heading, "Forecast probability", curve["probability"], [shares, diagonal]
    )
    return [chart] if chart else []


def _tables(scores: Mapping[str, Any], unit: str) -> list[Table]:
    """Return a table of the scores and one of the errors, each with the columns that have any of them."""
    metrics = [metric for metric in METRICS.values() if metric.source == "scorecard"]
    tables = []
    for is_error in (False, True):
        names = [metric.name for metric in metrics if (metric.unit == "target") == is_error]
        columns = [
            column for column in COLUMNS if any(scores[column].get(name) is not None for name in names)
        ]
        tables += [_table(scores, unit, columns, names)] if columns else []
    return tables


def _table(scores: Mapping[str, Any], unit: str, columns: Sequence[str], names: Sequence[str]) -> Table:
    head = [Cell("Figure"), *(Cell(readable_name(COLUMNS[column]), "n") for column in columns)]
    rows = []
    for name in names:
        texts = format_aligned([scores[column].get(name) for column in columns])
        rows.append(
            TableRow([Cell(metric_label(name, unit), is_header=True), *(Cell(text, "n") for text in texts)])
        )
    return Table(head, rows)


def _note(scores: Mapping[str, Any], unit: str) -> str:
    model, limit = scores["model"], scores.get("max_false_alarms_per_day")
    chosen = (
        "the best event F1"
        if limit is None
        else f"the most hits among those with at most {limit:g} false alarms per day"
    )
    return (
        f"A spike is a rise of more than {scores['threshold']:.4g}{f' {unit}' if unit else ''} over the"
        f" window's last value; {100 * model['prevalence']:.1f} % of the windows have one,"
        f" {model['events']:.0f} events. Windows are ranked by the {scores['score']}; the alarm level is the one with"
        f" {chosen} on the validation split. For comparison: two scores that know nothing, and the errors of"
        " persistence."
    )
