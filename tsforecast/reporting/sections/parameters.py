"""Parameters by layer."""

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section, Table

ORDER = 90


def build(report: Report) -> list[Section]:
    """Return the table of layers with the total of their parameters."""
    if not report.parameters:
        return []
    return [Section("Parameters by layer", [Table.from_records(report.parameters, total="params")])]
