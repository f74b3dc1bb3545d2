"""What a backtest tells: mean and spread over the origins, its page, its printed lines."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.config import Config, stem
from tsforecast.config.stored import as_yaml
from tsforecast.data.series import Series
from tsforecast.files import atomic_path
from tsforecast.metrics import metric_label

MEANS = ("metrics", "baselines", "skill")
HOW = {
    "none": "The model was trained once, before the first origin.",
    "warm": "The model was trained before the first origin and went on from its weights at each later one, on the rows"
    " that had come since; scaling and spike threshold stayed those of the first.",
    "full": "The model was trained anew at each origin on all rows before it, with scaling and spike threshold of its"
    " own.",
}


def mean_and_spread(found: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Mean and standard deviation over the origins of ``metrics``, ``baselines`` and ``skill``.

    Args:
        found: the figures of each origin; None is one that is not defined there, and left out.

    Returns:
        Two mappings shaped as the figures. The deviation is that of a sample (n - 1), None for fewer than two values.
    """
    mean, std = {}, {}
    for part in MEANS:
        mean[part], std[part] = _over([one[part] for one in found])
    return mean, std


def _over(values: Sequence[Any]) -> tuple[Any, Any]:
    if isinstance(values[0], Mapping):
        pairs = {
            key: _over([one.get(key) for one in values])
            for key in dict.fromkeys(k for v in values for k in v)
        }
        return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}
    numbers = [float(value) for value in values if value is not None and math.isfinite(value)]
    if not numbers:
        return None, None
    return float(np.mean(numbers)), float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None


def save_forecasts(path: Path, evaluation: Any, naive: Mapping[str, Any]) -> None:
    """Keeps the first step of a block's forecasts for the page's chart, whole or not at all; 12 bytes a value."""
    arrays = {
        "truth": evaluation.truth,
        "forecast": evaluation.forecast,
        "persistence": naive["persistence"].forecast,
    }
    with atomic_path(path) as part:
        np.savez_compressed(
            part,
            ends=evaluation.ends,
            **{name: values[:, 0].astype(np.float32) for name, values in arrays.items()},
        )


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
    blocks = []
    for file in forecasts:
        with np.load(file) as stored:
            blocks.append(dict(stored))
    whole = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
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


def line(one: Mapping[str, Any], unit: str) -> str:
    """An origin's figures in one printed line."""
    beside = ", ".join(f"{name} {row['test/rmse']:.4f}" for name, row in one["baselines"].items())
    return f"  RMSE {one['metrics']['test/rmse']:.4f} {unit} ({beside}), {one['seconds']:.0f} s"


def closing(mean: Mapping[str, Any], std: Mapping[str, Any], unit: str, count: int) -> str:
    """The printed lines at the end: mean and spread of the model and of the baselines."""
    lines = [f"{count} origins, mean and standard deviation:"]
    for name, values, spread in [
        ("model", mean["metrics"], std["metrics"]),
        *((name, mean["baselines"][name], std["baselines"][name]) for name in mean["baselines"]),
    ]:
        said = [
            f"{key} {values[f'test/{key.lower()}']:.4f}"
            + (f" ± {spread[f'test/{key.lower()}']:.4f}" if spread[f"test/{key.lower()}"] is not None else "")
            for key in ("RMSE", "MAE")
        ]
        lines.append(f"  {name}: {', '.join(said)} {unit}")
    return "\n".join(lines)
