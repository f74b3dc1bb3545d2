"""Time of one forecast."""

from tsforecast.formatting import duration, is_finite
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Facts, Section

ORDER = 95


def build(report: Report) -> list[Section]:
    """Return the latency of one window, if it was measured."""
    latency = report.result.get("latency_ms") or {}
    if not is_finite(latency.get("median")):
        return []
    facts = {
        "Median": _milliseconds(latency["median"]),
        "Quartiles": f"{_milliseconds(latency['low'])} to {_milliseconds(latency['high'])}",
    }
    note = f"A warm forecast of one window on this machine, over {latency['calls']:,} calls."
    return [Section("Time of one forecast", [Facts(facts)], note)]


def _milliseconds(value: float) -> str:
    return f"{value:.3g} ms" if value < 1000 else duration(value / 1000)
