"""The report of a run: one self-contained HTML page, built from the files in ``sections/``."""

from tsforecast.reporting.context import Report
from tsforecast.reporting.report import write_report

__all__ = ["Report", "write_report"]
