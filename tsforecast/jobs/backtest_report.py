"""What a backtest tells: mean and spread over the origins, its page, its printed lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.series import Series
from tsforecast.evaluation.backtest_result import load_forecasts

HOW = {
    "none": "The model was trained once, before the first origin.",
    "warm": "The model was trained before the first origin and went on from its weights at each later one, on the rows"
    " that had come since; scaling and spike threshold stayed those of the first.",
    "full": "The model was trained anew at each origin on all rows before it, with scaling and spike threshold of its"
    " own.",
}


def write_page(
    config: Config, series: Series, path: Path, result: Mapping[str, Any], forecasts: Sequence[Path]
) -> None:
    """Writes the report page of a backtest.

    Args:
        config: of the backtest.
        series: the data.
        path: the page.
        result: as ``backtest.json`` holds it.
        forecasts: what ``save_forecasts`` wrote, in the order of the origins.
    """
    from tsforecast.reporting import Report, write_report

    count = len(result["origins"])
    whole = load_forecasts(forecasts)
    report = Report(
        title=f"Backtest of {stem(config.model)} on {series.name}",
        result=result,
        forecast={
            "time": series.time[whole["ends"] + config.window.lead],
            "truth": whole["truth"],
            "forecast": whole["forecast"],
            "target": list(series.targets),
            "unit": series.unit,
            "baselines": {"persistence": whole["persistence"]},
            "caption": f"{HOW[result['refit']]} The figures above and in the tables of metrics are means over the"
            f" {count} origins.",
        },
        config_yaml=as_yaml(config),
        notes=[*series.notes, HOW[result["refit"]]],
    )
    write_report(path, report)
