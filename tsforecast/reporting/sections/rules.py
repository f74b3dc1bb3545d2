"""What each rule of a rule-based model did on the test split."""

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section, Table

ORDER = 80


def build(report: Report) -> list[Section]:
    """Return the table of rules, if the model has any."""
    rules = report.result.get("rules")
    if not rules:
        return []
    unit = f" ({report.unit})" if report.unit else ""
    note = (
        "On how many test windows the condition of each rule was true (fired) and how many forecasts it changed, the"
        f" trust that the model learned (0: ignored, 1: obeyed), and the RMSE{unit} over the windows where it fired,"
        " with the rule and without it."
    )
    return [Section("Rules", [Table.from_records(rules)], note)]
