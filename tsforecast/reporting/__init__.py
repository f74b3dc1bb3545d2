"""The report of a run: one self-contained HTML page."""

from tsforecast.reporting.report import write_report

__all__ = ["write_report"]
