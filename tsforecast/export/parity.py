"""An exported file compared with the original on the same windows: difference, size, latency and error."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.export.scaling import value_type
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.timing import seconds_per_call

Run = Callable[[np.ndarray], dict[str, np.ndarray]]
# Share of the windows that may take another branch of some tree; on household power it is 1 %.
TREE_TOLERANCE = 0.02
TIMING_SECONDS = 1.0


@dataclass(frozen=True)
class Sample:
    """Windows of the test split.

    Args:
        values: ``[n, L, C]`` in the channels' units, of the type that the file takes.
        truth: ``[n, H, T]`` in the targets' unit, NaN where unobserved.
    """

    values: np.ndarray
    truth: np.ndarray

    @classmethod
    def from_dataset(cls, dataset: ForecastDataset, windows: int) -> "Sample":
        """Return evenly spaced windows of the test split, at most ``windows``."""
        selected, scaler = dataset.windows("test", limit=windows), dataset.scaler
        values = scaler.inverse(selected.inputs(selected.ends))
        return cls(values.astype(value_type(scaler)), scaler.inverse_targets(selected.targets(selected.ends)))


def run_sample(run: Run, sample: Sample) -> dict[str, np.ndarray]:
    """Return the outputs for all windows, computed one by one."""
    outputs = [run(sample.values[i : i + 1]) for i in range(len(sample.values))]
    return {name: np.concatenate([output[name] for output in outputs]) for name in outputs[0]}


def max_difference(
    expected: Mapping[str, np.ndarray],
    actual: Mapping[str, np.ndarray],
    metadata: ModelMetadata,
    trees: bool = False,
) -> float:
    """Return the largest difference of any output; forecasts in the target's standard deviations.

    It is NaN, and so beyond any tolerance, if a value is not a number or an output is missing.

    Args:
        expected: Outputs ``[n, ...]`` of the original by name.
        actual: Outputs of the file.
        metadata: Metadata of the model.
        trees: Leave out the ``TREE_TOLERANCE`` of the windows with the largest differences: trees jump where a sum in
            another order differs in its last digit and is at a threshold.
    """
    if expected.keys() != actual.keys():
        return float("nan")
    differences = {name: np.abs(actual[name] - expected[name]) for name in expected}
    differences["forecast"] = _forecast_difference(expected["forecast"], actual["forecast"], metadata)
    largest = np.max([values.reshape(len(values), -1).max(axis=1) for values in differences.values()], axis=0)
    return float(np.quantile(largest, 1 - TREE_TOLERANCE if trees else 1, method="lower"))  # NaN stays NaN


def _forecast_difference(expected: np.ndarray, actual: np.ndarray, metadata: ModelMetadata) -> np.ndarray:
    """Return the differences of forecasts in the targets' standard deviations; of scaled forecasts under a curve."""
    scaler, has_quantiles = metadata.scaler, metadata.quantile_levels is not None
    if scaler.curved_targets:
        both = (np.moveaxis(values, -2, -1) if has_quantiles else values for values in (expected, actual))
        first, second = (scaler.transform_targets(values) for values in both)
        difference: np.ndarray = np.abs(second - first)
        return difference
    scale = scaler.scale[list(metadata.target_indices)]
    return np.asarray(np.abs(actual - expected) / (scale[:, None] if has_quantiles else scale))


def measure_row(
    name: str,
    run: Run,
    outputs: Mapping[str, np.ndarray],
    path: Path,
    sample: Sample,
    metadata: ModelMetadata,
) -> dict[str, Any]:
    """Return a row of the table: size, latency of one window, and test error.

    Args:
        name: Name of the variant.
        run: Runs it.
        outputs: Its outputs for the sample.
        path: Its file or folder.
        sample: Windows of the test split.
        metadata: Metadata of the model.
    """
    levels, forecast = metadata.quantile_levels, outputs["forecast"]
    point = forecast if levels is None else forecast[..., levels.index(0.5)]
    times = seconds_per_call(lambda: run(sample.values[:1]), seconds=TIMING_SECONDS)
    return {
        "model": name,
        "file": path.name,
        "bytes": file_size(path),
        "ms": 1000 * times["median"],
        "ms_low": 1000 * times["low"],
        "ms_high": 1000 * times["high"],
        "calls": times["calls"],
        "rmse": float(np.sqrt(np.nanmean((point - sample.truth) ** 2))),
    }


def file_size(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def to_markdown(rows: Sequence[Mapping[str, Any]], metadata: ModelMetadata, windows: int) -> str:
    """Return the table, and what was measured.

    Args:
        rows: Rows as ``measure_row`` returns them, with ``difference``; or with ``refused``, a reason.
        metadata: Metadata of the model.
        windows: Number of windows of the sample.
    """
    unit = f" ({metadata.unit})" if metadata.unit else ""
    lines = [
        f"| model | file | size (KiB) | one window (ms) | quartiles | test RMSE{unit} | largest difference |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        start = f"| {row['model']} | {row['file']} |"
        if row.get("refused"):
            lines.append(f"{start} | | | | {row['refused']} |")
            continue
        difference = "" if row["difference"] is None else f"{row['difference']:.2g}"
        lines.append(
            f"{start} {row['bytes'] / 1024:,.0f} | {row['ms']:.2f} | {row['ms_low']:.2f} to {row['ms_high']:.2f}"
            f" | {row['rmse']:.4f} | {difference} |"
        )
    note = (
        f"RMSE and difference on {windows:,} windows of the test split, evenly spaced; differences of forecasts are in"
        " standard deviations of the target. The time is the median of warm calls on this machine, with each format's"
        " own runtime."
    )
    return "\n".join(lines) + f"\n\n{note}\n"
