"""What a job adds to the report of any run, such as the comparison of a distilled model with its teacher."""

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section

ORDER = 40


def build(report: Report) -> list[Section]:
    """Return the sections that the job handed over."""
    return list(report.sections)
