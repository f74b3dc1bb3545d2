"""Error and skill of each target, for a run with several targets."""

from collections.abc import Mapping
from typing import Any

from tsforecast.formatting import format_percent, is_finite, readable_name
from tsforecast.metrics import metric_label
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section, Table

ORDER = 35
METRICS = ("test/rmse", "test/mae")


def build(report: Report) -> list[Section]:
    """Return one row per target."""
    targets = report.result.get("targets")
    if not targets:
        return []
    mixed = " Targets have different units: compare each with its baselines." if not report.unit else ""
    note = f"Skill is the share of a baseline's RMSE that the model saves.{mixed}"
    rows = [_row(name, scores, report.unit) for name, scores in targets.items()]
    return [Section("Targets", [Table.from_records(rows)], note)]


def _row(name: str, scores: Mapping[str, Any], unit: str) -> dict[str, object]:
    figures = {metric_label(key, unit): scores["metrics"].get(key) for key in METRICS}
    skill = {
        f"Skill over {readable_name(baseline).lower()}": f"{format_percent(value)} %"
        if is_finite(value)
        else None
        for baseline, value in scores["skill"].items()
    }
    return {"target": name, **figures, **skill}
