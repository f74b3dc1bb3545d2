"""The spike scorecard of each target."""

from collections.abc import Mapping
from typing import Any

from tsforecast.metrics import METRICS, metric_label
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section, Table

ORDER = 70
COLUMNS = {
    "model": "model",
    "random": "random score",
    "always": "always alarming",
    "persistence": "persistence",
}


def build(report: Report) -> list[Section]:
    """Return one table for each target that was scored."""
    scorecards = report.result.get("spikes") or {}
    return [
        Section(
            f"Spikes{f' of {target}' if len(scorecards) > 1 else ''}",
            [Table.from_records(_rows(scores, report.unit))],
            _note(scores, report.unit),
        )
        for target, scores in scorecards.items()
    ]


def _rows(scores: Mapping[str, Any], unit: str) -> list[dict[str, object]]:
    names = [metric.name for metric in METRICS.values() if metric.source == "scorecard"]
    return [
        {
            "figure": metric_label(name, unit),
            **{label: scores[column].get(name) for column, label in COLUMNS.items()},
        }
        for name in names
    ]


def _note(scores: Mapping[str, Any], unit: str) -> str:
    model = scores["model"]
    return (
        f"A spike is a rise of more than {scores['threshold']:.4g}{f' {unit}' if unit else ''} over the"
        f" window's last value; {100 * model['prevalence']:.1f} % of the windows have one,"
        f" {model['events']:.0f} events. Windows are ranked by the {scores['score']}; the alarm level is the one with"
        " the best event F1 on the validation split. For comparison: two scores that know nothing, and the errors of"
        " persistence."
    )
