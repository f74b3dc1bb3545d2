"""The composed config."""

from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Listing, Section

ORDER = 120


def build(report: Report) -> list[Section]:
    """Return the config, folded."""
    return [Section("", [Listing("Config", report.config_yaml)])] if report.config_yaml.strip() else []
