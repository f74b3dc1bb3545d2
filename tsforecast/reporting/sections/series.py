"""The series of a panel: how their errors spread, and the best and the worst of them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tsforecast.formatting import is_finite
from tsforecast.metrics import metric_label
from tsforecast.reporting.charts import line as chart_line
from tsforecast.reporting.charts import line_chart
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Section, Table

ORDER = 33
SHOWN = 10  # series at either end
FIGURES = ("mase", "smape", "rmsse", "mae")
LABELS = {"mase": "MASE", "smape": "sMAPE"}  # what the series are ordered by: the first that is defined
POINTS = 200  # of the curve


def build(report: Report) -> list[Section]:
    """Return the spread of MASE over the series, of sMAPE if MASE is defined for none, and the series at either end."""
    series: Mapping[str, Mapping[str, Any]] = report.result.get("series") or {}
    metric = next((name for name in LABELS if any(is_finite(one.get(name)) for one in series.values())), None)
    if metric is None:
        return []
    scored = {name: figures for name, figures in series.items() if is_finite(figures.get(metric))}
    label = LABELS[metric]
    order = sorted(scored, key=lambda name: scored[name][metric])
    note = f"{len(series):,} series with test windows"
    note += (
        f"; {label} is not defined for {len(series) - len(scored):,} of them."
        if len(scored) < len(series)
        else "."
    )
    sections = [Section("Series", [*_curve([scored[name][metric] for name in order], label)], note)]
    if len(order) <= 2 * SHOWN:
        return [*sections, _table("All series", order, scored, report.unit)]
    return [
        *sections,
        _table("Best series", order[:SHOWN], scored, report.unit),
        _table("Worst series", order[: -SHOWN - 1 : -1], scored, report.unit),
    ]


def _curve(values: list[float], label: str) -> list[Any]:
    """Return the chart of the metric that each share of the series stays below."""
    picks = np.unique(np.linspace(0, len(values) - 1, POINTS).round().astype(int))
    shares = [round(100 * (int(index) + 1) / len(values), 2) for index in picks]
    curve = chart_line(label, [values[index] for index in picks], "forecast", "from-zero")
    chart = line_chart(
        "series", f"{label} by share of the series", "% of the series, best first", shares, [curve]
    )
    return [] if chart is None else [chart]


def _table(heading: str, names: list[str], figures: Mapping[str, Mapping[str, Any]], unit: str) -> Section:
    rows = [
        {
            "series": name,
            "windows": figures[name]["windows"],
            **{metric_label(key, unit): figures[name].get(key) for key in FIGURES},
        }
        for name in names
    ]
    return Section(heading, [Table.from_records(rows)])
