"""What is needed to reproduce the figures: seed, data hash, commit, device, versions."""

from tsforecast.formatting import duration, readable_name
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Facts, Section

ORDER = 110


def build(report: Report) -> list[Section]:
    """Return what is known of it."""
    result = report.result
    data = result.get("data") or {}
    seconds = result.get("seconds")
    facts = {
        "Seed": result.get("seed"),
        "Commit": result.get("commit"),
        "Data": data.get("name"),
        "Data hash": data.get("hash"),
        "Device": result.get("device"),
        "Training time": None if seconds is None else duration(seconds),
        **{readable_name(name): version for name, version in (result.get("versions") or {}).items()},
    }
    known = {name: str(value) for name, value in facts.items() if value is not None}
    return [Section("To reproduce these figures", [Facts(known)])] if known else []
