"""The report page of a backtest."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tsforecast.data.series import Series
from tsforecast.evaluation.backtest_result import load_forecasts
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
    first_steps = load_forecasts(forecasts)
    note = REFIT_NOTES[result["refit"]]
    report = Report(
        title=f"Backtest of {result['model']} on {series.name}",
        result=result,
        forecast={
            "time": series.time[first_steps["ends"] + result["window"]["lead"]],
            "timezone": series.clock.timezone if series.clock.is_utc else "",
            "truth": first_steps["truth"],
            "forecast": first_steps["forecast"],
            "target": list(series.targets),
            "unit": series.unit,
            "baselines": {"persistence": first_steps["persistence"]},
            "caption": f"{note} The figures above and in the tables of metrics are means over the"
            f" {len(result['origins'])} origins.",
        },
        config_yaml=config_yaml,
        notes=[*series.notes, note],
    )
    write_report(path, report, formats)
