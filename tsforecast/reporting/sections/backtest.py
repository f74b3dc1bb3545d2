"""The origins of a backtest: the error at each of them, their mean and their spread."""

from collections.abc import Mapping
from typing import Any

from tsforecast.metrics import metric_label
from tsforecast.reporting.context import Report
from tsforecast.reporting.elements import Bar, Bars, Section, Table

ORDER = 45


def build(report: Report) -> list[Section]:
    """Return the error at each origin and the mean over all, for the result of a backtest."""
    origins = report.result.get("origins")
    if not origins:
        return []
    count = len(origins)
    return [
        Section(
            f"{metric_label('test/rmse', report.unit)} at each origin",
            [Bars([_bar(origin) for origin in origins])],
            "The mark is persistence on the same windows.",
        ),
        Section(
            "Origins",
            [Table.from_records([_origin(origin) for origin in origins])],
            "At each origin the model knew the rows before it and no later ones.",
        ),
        Section(
            "Mean and spread",
            [Table.from_records(_spreads(report))],
            f"{f'Mean over {count} origins.' if count > 1 else 'One origin.'} The spread is the standard deviation"
            " between origins.",
        ),
    ]


def _bar(origin: Mapping[str, Any]) -> Bar:
    return Bar(
        f"{origin['origin']}: after {_minute(origin)}",
        origin["metrics"]["test/rmse"],
        reference=origin["baselines"]["persistence"]["test/rmse"],
    )


def _minute(origin: Mapping[str, Any]) -> str:
    return str(origin["known_until"]).replace("T", " ")[:16]


def _origin(origin: Mapping[str, Any]) -> dict[str, object]:
    baselines = {
        f"RMSE of {name.replace('_', ' ')}": figures["test/rmse"]
        for name, figures in origin["baselines"].items()
    }
    return {
        "origin": str(origin["origin"]),
        "known until": _minute(origin),
        "trained": origin["training"]["how"],
        "forecasts": origin["windows"],
        "RMSE": origin["metrics"]["test/rmse"],
        "MAE": origin["metrics"]["test/mae"],
        **({"MASE": origin["metrics"]["test/mase"]} if origin.get("series") else {}),
        **baselines,
        "seconds": origin["seconds"],
    }


def _spreads(report: Report) -> list[dict[str, object]]:
    mean, spread = report.result["mean"], report.result["std"]
    rows = []
    for key, value in mean["metrics"].items():
        row = {"metric": metric_label(key, report.unit), "mean": value, "spread": spread["metrics"][key]}
        for name, figures in mean["baselines"].items():
            label = name.replace("_", " ")
            row |= {label: figures.get(key), f"{label}, spread": spread["baselines"][name].get(key)}
        rows.append(row)
    return rows
