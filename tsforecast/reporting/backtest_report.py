"""The report page of a backtest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.data.series import Series
from tsforecast.evaluation.backtest_result import load_forecasts
from tsforecast.formatting import is_finite
from tsforecast.reporting.charts import ForecastInput
from tsforecast.reporting.context import Report
from tsforecast.reporting.report import write_report

REFIT_NOTES = {
    "none": "The model was trained once, before the first origin.",
    "warm": "The model was trained before the first origin, and training continued from its weights at each later one,"
    " on the rows that had come since; scaling and spike threshold stayed those of the first.",
    "full": "The model was trained from scratch at each origin on all rows before it, with its own scaling and spike"
    " threshold.",
}


def write_backtest_report(
    path: Path,
    series: Series,
    result: Mapping[str, Any],
    forecasts: Sequence[Path],
    config_yaml: str,
    formats: Sequence[str] = (),
) -> None:
    """Write the report page of a backtest.

    Args:
        path: The page.
        series: The data.
        result: Content of ``backtest.json``.
        forecasts: Files that `save_forecasts` wrote, in the order of the origins.
        config_yaml: The config.
        formats: ``png`` and ``svg`` for the charts as pictures.
    """
    note = REFIT_NOTES[result["refit"]]
    report = Report(
        title=f"Backtest of {result['model']} on {series.name}",
        result=result,
        forecast=_forecast_chart(series, result, load_forecasts(forecasts), note),
        config_yaml=config_yaml,
        notes=[*series.notes, note],
    )
    write_report(path, report, formats)


def _forecast_chart(
    series: Series, result: Mapping[str, Any], first_steps: Mapping[str, np.ndarray], note: str
) -> ForecastInput | None:
    """Return the forecasts as the chart takes them, of many series those of one with a middle MASE.

    None for many series whose times number steps, or none of which has a MASE.
    """
    shown = ""
    if series.panel is not None:
        middle = middle_series(result["series"])
        if middle is None or not series.panel.has_clock:
            return None
        of_window = series.series_of(first_steps["ends"]) == series.panel.ids.index(middle)
        first_steps = {name: values[of_window] for name, values in first_steps.items()}
        shown = f"The series shown is {middle}, whose MASE is the middle one. "
    return {
        "time": series.time[first_steps["ends"] + result["window"]["lead"]],
        "timezone": series.clock.timezone if series.clock.is_utc else "",
        "truth": first_steps["truth"],
        "forecast": first_steps["forecast"],
        "target": list(series.targets),
        "unit": series.unit,
        "baselines": {"persistence": first_steps["persistence"]},
        "caption": f"{shown}{note} The figures above and in the tables of metrics are means over the"
        f" {len(result['origins'])} origins.",
    }


def middle_series(figures: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the series whose MASE is the middle one; None if there is none.

    Example:
        >>> middle_series({"a": {"mase": 3.0}, "b": {"mase": 1.0}, "c": {"mase": 2.0}, "d": {"mase": None}})
        'c'
    """
    scored = sorted(
        (name for name in figures if is_finite(figures[name]["mase"])), key=lambda n: figures[n]["mase"]
    )
    return scored[len(scored) // 2] if scored else None
