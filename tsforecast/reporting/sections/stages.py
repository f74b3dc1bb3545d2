"""Time of each stage of the run."""

from tsforecast.formatting import is_number
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section, Table
from tsforecast.stages import stage_rows

ORDER = 97


def build(report: Report) -> list[Section]:
    """Return the stages of the run, none for a result of before they were measured."""
    stages = report.result.get("stages") or {}
    if not stages or not all(is_number(entry.get("seconds")) for entry in stages.values()):
        return []
    note = (
        "Up to this page. Processor seconds count all cores. The stage start is Python and the config, imports is "
        "TensorFlow; neither is part of the seconds of the run."
    )
    return [Section("Time by stage", [Table.from_records(stage_rows(stages))], note)]
