"""The figures of a backtest: what each origin stores, their mean and spread, and the printed lines."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsforecast.evaluation.result import RunResult
from tsforecast.files import atomic_path
from tsforecast.metrics import format_value, mean_over_runs
from tsforecast.metrics.window_errors import WindowErrors
from tsforecast.untrusted.archives import read_arrays

if TYPE_CHECKING:
    from tsforecast.evaluation.provenance import Provenance
    from tsforecast.evaluation.scores import TestScores

FIGURES, FORECASTS, ERRORS = "origin.json", "forecasts.npz", "errors.npz"  # files of a finished origin
MEANS = ("metrics", "baselines", "skill")


@dataclasses.dataclass(frozen=True)
class BacktestSummary:
    """The figures of all origins of a backtest.

    Args:
        result: The result of the run: means over the origins.
        mean: Means of ``metrics``, ``baselines``, ``skill`` and ``targets``.
        spread: Their standard deviations.
        origins: The figures of each origin.
        errors: Errors of all windows, in order of time.
        forecasts: Files with the first step of each block's forecasts.
        refit: How the model was trained at later origins, see `Backtest`.
    """

    result: RunResult
    mean: dict[str, Any]
    spread: dict[str, Any]
    origins: list[dict[str, Any]]
    errors: WindowErrors
    forecasts: list[Path]
    refit: str

    @classmethod
    def from_origins(
        cls, folders: Sequence[Path], refit: str, model: str, provenance: Provenance
    ) -> BacktestSummary:
        """Read the folders of finished origins, in order of time."""
        origins = [read_origin(folder) for folder in folders]
        mean, spread = mean_and_spread(origins)
        result = RunResult(
            status="done",
            model=model,
            params=origins[-1]["params"],
            users_estimate=origins[-1]["users_estimate"],
            seconds=sum(origin["seconds"] for origin in origins),  # over all interruptions
            **mean,
            **provenance,
            series=mean_by_series(origins),
            more={"std": spread},
        )
        errors = WindowErrors.concatenate([WindowErrors.load(folder / ERRORS) for folder in folders])
        forecasts = [folder / FORECASTS for folder in folders]
        return cls(result, mean, spread, origins, errors, forecasts, refit)

    def closing_lines(self, unit: str) -> list[str]:
        """Return the printed lines at the end, see `closing_lines`."""
        of_series = self.result.series is not None
        return closing_lines(self.mean, self.spread, unit, len(self.origins), of_series=of_series)

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``backtest.json``."""
        return self.result.to_json() | {"refit": self.refit, "mean": self.mean, "origins": self.origins}


def read_origin(folder: Path) -> dict[str, Any]:
    """Return what the folder of a finished origin stores in ``origin.json``."""
    stored: dict[str, Any] = json.loads((folder / FIGURES).read_text(encoding="utf-8"))
    return stored


def mean_and_spread(origins: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return mean and standard deviation over the origins of ``metrics``, ``baselines``, ``skill`` and ``targets``.

    Args:
        origins: The figures of each origin; None is a figure that is not defined there, and is left out.

    Returns:
        Two mappings with the shape of the figures, see `mean_over_runs`.

    Example:
        >>> part = {"baselines": {}, "skill": {}}
        >>> mean, spread = mean_and_spread([{"metrics": {"test/mae": value}, **part} for value in (1.0, 3.0)])
        >>> mean["metrics"], spread["metrics"]
        ({'test/mae': 2.0}, {'test/mae': 1.4142135623730951})
    """
    names = [*MEANS, *(["targets"] if origins[0].get("targets") else [])]
    pairs = {name: _average([origin[name] for origin in origins]) for name in names}
    return {name: pair[0] for name, pair in pairs.items()}, {name: pair[1] for name, pair in pairs.items()}


def mean_by_series(origins: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]] | None:
    """Return the means over the origins of the figures of each series of a panel, with the sum of its windows.

    A series counts at those origins whose block it has forecasts in. None for data of one series.

    Example:
        >>> parts = [{"series": {"a": {"windows": 2, "mase": value}}} for value in (0.5, 1.0)]
        >>> mean_by_series([*parts, {"series": {"b": {"windows": 3, "mase": 2.0}}}])
        {'a': {'windows': 4, 'mase': 0.75}, 'b': {'windows': 3, 'mase': 2.0}}
    """
    stored = [origin.get("series") or {} for origin in origins]
    if not any(stored):
        return None
    means: dict[str, dict[str, Any]] = _average(stored)[0]
    for name, figures in means.items():
        figures["windows"] = sum(one[name]["windows"] for one in stored if name in one)
    return means


def _average(values: Sequence[Any]) -> tuple[Any, Any]:
    if not isinstance(values[0], Mapping):
        return mean_over_runs(values)
    keys = dict.fromkeys(key for value in values for key in value)
    # A series of a panel may have no forecast in a block, and then counts in the others only.
    pairs = {key: _average([value[key] for value in values if key in value]) for key in keys}
    return {key: pair[0] for key, pair in pairs.items()}, {key: pair[1] for key, pair in pairs.items()}


def save_forecasts(path: Path, scores: TestScores, ends: np.ndarray) -> None:
    """Store the first step of a block's forecasts for the report's chart, whole or not at all; 12 bytes per value.

    Args:
        path: The file.
        scores: Forecasts of the block.
        ends: ``[n]`` row, of all data, of the last input of each.
    """
    with atomic_path(path) as temporary:
        np.savez_compressed(
            temporary,
            ends=ends,
            truth=scores.test.truth[:, 0].astype(np.float32),
            forecast=scores.test.forecast[:, 0].astype(np.float32),
            persistence=scores.baselines["persistence"].forecast[:, 0].astype(np.float32),
        )


def load_forecasts(paths: Sequence[Path]) -> dict[str, np.ndarray]:
    """Return what `save_forecasts` stored for consecutive blocks, joined: ``ends``, ``truth``, ``forecast``, ..."""
    blocks = [read_arrays(path) for path in paths]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def origin_line(origin: Mapping[str, Any], unit: str) -> str:
    """Return the figures of an origin in one line.

    Example:
        >>> figures = {"metrics": {"test/rmse": 0.5}, "baselines": {"persistence": {"test/rmse": 0.75}}}
        >>> origin_line({**figures, "seconds": 2.0}, "kW")
        '  RMSE 0.5000 kW (persistence 0.7500), 2 s'
    """
    baselines = ", ".join(
        f"{name} {figures['test/rmse']:.4f}" for name, figures in origin["baselines"].items()
    )
    rmse = format_value(origin["metrics"]["test/rmse"], unit)
    mase = f", MASE {format_value(origin['metrics']['test/mase'], '')}" if origin.get("series") else ""
    return f"  RMSE {rmse} ({baselines}){mase}, {origin['seconds']:.0f} s"


def closing_lines(
    mean: Mapping[str, Any], spread: Mapping[str, Any], unit: str, count: int, *, of_series: bool = False
) -> list[str]:
    """Return the lines at the end: mean and spread of the model and of the baselines over the origins.

    Args:
        mean: Means of ``metrics`` and ``baselines``.
        spread: Their standard deviations.
        unit: Unit of the targets.
        count: Number of origins.
        of_series: Whether to add MASE, the mean over many series.
    """

    def line(name: str, means: Mapping[str, Any], spreads: Mapping[str, Any]) -> str:
        parts = [
            _with_spread(label, key, means, spreads) for label, key in (("RMSE", "rmse"), ("MAE", "mae"))
        ]
        mase = f", {_with_spread('MASE', 'mase', means, spreads)}" if of_series else ""
        return f"  {name}: {', '.join(parts)} {unit}".rstrip() + mase

    lines = [
        f"{count} origins, mean and standard deviation:",
        line("model", mean["metrics"], spread["metrics"]),
    ]
    for name, figures in mean["baselines"].items():
        lines.append(line(name, figures, spread["baselines"][name]))
    return lines


def _with_spread(label: str, metric: str, means: Mapping[str, Any], spreads: Mapping[str, Any]) -> str:
    mean, deviation = means[f"test/{metric}"], spreads[f"test/{metric}"]
    if mean is None:
        return f"{label} undefined"
    return f"{label} {mean:.4f}" + ("" if deviation is None else f" ± {deviation:.4f}")
