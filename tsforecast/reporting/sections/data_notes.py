"""Notes on the data: what was filled, how it was split."""

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import BulletList, Section

ORDER = 100


def build(report: Report) -> list[Section]:
    """Return the notes as a list."""
    return [Section("Notes on the data", [BulletList(report.notes)])] if report.notes else []
