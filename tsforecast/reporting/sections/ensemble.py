"""The comparison of an ensemble with its members: all forecasters, weights over time, and where it is better."""

from collections.abc import Mapping, Sequence
from typing import Any

from tsforecast.reporting.charts import lines_chart
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section, Table

ORDER = 42

Row = Mapping[str, Any]


def build(report: Report) -> list[Section]:
    """Return the sections for the result of an ensemble."""
    result = report.result.get("ensemble")
    if not result:
        return []
    sections = [*_build_weights(result), _build_leaderboard(result, report.unit)]
    if result.get("parts"):
        sections.append(_build_parts(result["parts"], report.unit))
    return [*sections, _build_stages(result["seconds"])]


def _build_weights(result: Row) -> list[Section]:
    """Return the chart of the mean weights on each day of the test split."""
    daily = result.get("daily_weights")
    if not daily:
        return []
    lines = {name.replace("_", " "): values for name, values in daily["weights"].items()}
    heading = "Weights over time (mean of each day of the test split)"
    chart = lines_chart("weights", heading, "Day", daily["day"], lines)
    return [] if chart is None else [Section(chart.heading, [chart])]


def _build_leaderboard(result: Row, unit: str) -> Section:
    rows, hindsight = result["board"], result["hindsight"]
    best = min((row for row in rows if row["kind"] == "member"), key=lambda row: row["rmse"])
    note = (
        f"RMSE and MAE{_bracket(unit)} with 95 % intervals from a block bootstrap. The difference is to"
        f" {best['name']}, the best member in hindsight, on the same windows. In hindsight the best fixed weights would"
        f" have reached {hindsight['fixed_rmse']:.4f}, and choosing the best member for each window"
        f" {hindsight['best_member_each_time_rmse']:.4f}, which no weighting can know."
    )
    records = [_leaderboard_record(row) for row in rows]
    return Section("All forecasters on the same test windows", [Table.from_records(records)], note)


def _leaderboard_record(row: Row) -> dict[str, object]:
    difference = _format_with_bounds(row["over_best_member"], row["over_best_member_interval"], "+")
    return {
        "forecaster": row["name"].replace("_", " "),
        "kind": row["kind"],
        "RMSE (95 %)": _format_with_bounds(row["rmse"], row["rmse_interval"]),
        "to best member (95 %)": difference,
        "MAE": row["mae"],
        "spike average precision": row["spike_average_precision"],
        "spike F1": row["spike_f1"],
        "params": row["params"],
    }


def _build_parts(rows: Sequence[Row], unit: str) -> Section:
    """Return the RMSE on parts of the test windows."""
    records = [
        {
            "test windows": row["part"],
            "share (%)": 100 * row["share"],
            **{name.replace("_", " "): rmse for name, rmse in row["rmse"].items()},
            "gain (%)": 100 * row["gain"],
        }
        for row in rows
    ]
    note = f"RMSE{_bracket(unit)} on parts of the test windows."
    return Section("Where the ensemble wins", [Table.from_records(records)], note)


def _build_stages(seconds: Mapping[str, float]) -> Section:
    records: list[dict[str, object]] = [{"stage": name, "seconds": value} for name, value in seconds.items()]
    records.append({"stage": "all", "seconds": sum(seconds.values())})
    note = "Seconds of each stage; those of the members are the seconds of their own training."
    return Section("Time", [Table.from_records(records)], note)


def _format_with_bounds(value: float | None, bounds: Sequence[float] | None, sign: str = "") -> str | None:
    if value is None:
        return None
    text = f"{value:{sign}.4f}"
    return text if bounds is None else f"{text} ({bounds[0]:{sign}.4f} to {bounds[1]:{sign}.4f})"


def _bracket(unit: str) -> str:
    return f" ({unit})" if unit else ""
