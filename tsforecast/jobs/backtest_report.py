"""What a backtest tells: mean and spread over the origins, its page, its printed lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.series import Series
from tsforecast.evaluation.backtest_result import load_forecasts
from tsforecast.metrics import metric_label

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
    from tsforecast.reporting.report import write_report

    found, count = result["origins"], len(result["origins"])
    whole = load_forecasts(forecasts)
    over = f"Mean over {count} origins." if count > 1 else "One origin."
    write_report(
        path,
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
        bars=[("RMSE at each origin", "The mark is persistence on the same windows.", _bars(found))],
        tables=[
            ("Origins", "Every model knew the rows up to its origin and no later one.", _origin_rows(found)),
            (
                "Mean and spread",
                f"{over} The spread is the standard deviation between origins.",
                _spread_rows(result),
            ),
        ],
    )


def _bars(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "label": f"{one['origin']}: after {_minute(one)}",
            "value": one["metrics"]["test/rmse"],
            "beside": one["baselines"]["persistence"]["test/rmse"],
        }
        for one in found
    ]


def _minute(one: Mapping[str, Any]) -> str:
    return one["known_until"].replace("T", " ")[:16]


def _origin_rows(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "origin": f"{one['origin']}",
            "known until": _minute(one),
            "trained": one["training"]["how"],
            "forecasts": one["windows"],
            "RMSE": one["metrics"]["test/rmse"],
            "MAE": one["metrics"]["test/mae"],
            **{
                f"RMSE of {name.replace('_', ' ')}": row["test/rmse"]
                for name, row in one["baselines"].items()
            },
            "seconds": one["seconds"],
        }
        for one in found
    ]


def _spread_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    mean, std = result["mean"], result["std"]
    rows = []
    for key, value in mean["metrics"].items():
        row = {
            "metric": metric_label(key, result["unit"]),
            "mean": value,
            "spread": std["metrics"][key],
        }
        for name in mean["baselines"]:
            shown = name.replace("_", " ")
            row |= {
                shown: mean["baselines"][name].get(key),
                f"{shown}, spread": std["baselines"][name].get(key),
            }
        rows.append(row)
    return rows
