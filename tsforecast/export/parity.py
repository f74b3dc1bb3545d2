"""An exported file beside the original on the same windows: how far apart, how large, how quick, how wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tsforecast.inference.metadata import ModelMetadata
from tsforecast.timing import seconds_per_call

Run = Callable[[np.ndarray], dict[str, np.ndarray]]
OTHER_BRANCH = 0.02  # of the windows may take another branch of some tree; on household power it is 1 %


@dataclass(frozen=True)
class Sample:
    """Windows of the test split.

    Args:
        values: float32 ``[n, L, C]`` in the channels' units.
        truth: ``[n, H, T]`` in the targets' unit, NaN where unobserved.
    """

    values: np.ndarray
    truth: np.ndarray


def answers(run: Run, sample: Sample) -> dict[str, np.ndarray]:
    """The outputs for all windows, asked for one by one."""
    found = [run(sample.values[i : i + 1]) for i in range(len(sample.values))]
    return {name: np.concatenate([one[name] for one in found]) for name in found[0]}


def difference(
    ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], metadata: ModelMetadata, trees: bool = False
) -> float:
    """The largest distance of any output: of forecasts in the target's standard deviations, else as it is.

    NaN, and so beyond any tolerance, where one of them is no number or an output is missing.

    Args:
        ours: outputs by name, ``[n, ...]``.
        theirs: the same of the file.
        metadata: of the model.
        trees: leave out the farthest ``OTHER_BRANCH`` of the windows, since trees jump where sums in another order
            differ in their last digit and lie at a threshold.
    """
    if ours.keys() != theirs.keys():
        return float("nan")
    scale = metadata.scaler.scale[list(metadata.target_indices)]
    scale = scale if metadata.quantile_levels is None else scale[:, None]
    apart = {name: np.abs(theirs[name] - ours[name]) for name in ours}
    apart["forecast"] = apart["forecast"] / scale
    farthest = np.max([values.reshape(len(values), -1).max(axis=1) for values in apart.values()], axis=0)
    return float(np.quantile(farthest, 1 - OTHER_BRANCH if trees else 1, method="lower"))  # NaN stays NaN


def row(
    name: str, run: Run, found: dict[str, np.ndarray], path: Path, sample: Sample, metadata: ModelMetadata
) -> dict[str, Any]:
    """A line of the table: size, one-window latency and test error."""
    levels, forecast = metadata.quantile_levels, found["forecast"]
    point = forecast if levels is None else forecast[..., levels.index(0.5)]
    times = seconds_per_call(lambda: run(sample.values[:1]), seconds=1.0)
    return {
        "model": name,
        "file": path.name,
        "bytes": size(path),
        "ms": 1000 * times["median"],
        "ms_low": 1000 * times["low"],
        "ms_high": 1000 * times["high"],
        "calls": times["calls"],
        "rmse": float(np.sqrt(np.nanmean((point - sample.truth) ** 2))),
    }


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)


def as_markdown(rows: list[dict[str, Any]], metadata: ModelMetadata, windows: int) -> str:
    """The table, and what it was measured on."""
    unit = f" ({metadata.unit})" if metadata.unit else ""
    lines = [
        f"| model | file | size (KiB) | one window (ms) | quartiles | test RMSE{unit} | largest difference |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for one in rows:
        told = f"| {one['model']} | {one['file']} |"
        if one.get("refused"):
            lines.append(f"{told} | | | | {one['refused']} |")
            continue
        apart = "" if one["difference"] is None else f"{one['difference']:.2g}"
        lines.append(
            f"{told} {one['bytes'] / 1024:,.0f} | {one['ms']:.2f} | {one['ms_low']:.2f} to {one['ms_high']:.2f}"
            f" | {one['rmse']:.4f} | {apart} |"
        )
    note = (
        f"RMSE and difference on {windows:,} windows of the test split, evenly spaced; the difference is in standard"
        " deviations of the target (of a probability or weight as it is). The time is the median of warm calls on this"
        " machine, by each format's own runtime."
    )
    return "\n".join(lines) + f"\n\n{note}\n"
