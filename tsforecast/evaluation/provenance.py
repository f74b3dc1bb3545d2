"""What the figures of a run depend on: data, window, seed, device, versions and commit."""

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from tsforecast.data.identity import DataIdentity
from tsforecast.data.series import Series
from tsforecast.data.splits import Borders
from tsforecast.runtime import RuntimeInfo, peak_memory_mb
from tsforecast.tracking.run_folder import git_commit


class Provenance(TypedDict):
    """The fields of a `RunResult` that say what its figures depend on."""

    unit: str
    window: dict[str, int]
    data: dict[str, Any]
    seed: int
    device: str
    policy: str
    versions: dict[str, str]
    commit: str | None
    peak_memory_mb: float | None


def describe_provenance(
    series: Series, parts: Borders | np.ndarray, window: Mapping[str, int], seed: int, runtime: RuntimeInfo
) -> Provenance:
    """Return what the figures of a run depend on.

    Args:
        series: Data of the run.
        parts: Rows of the splits, see ``ForecastDataset.parts``.
        window: At least ``lookback``, ``lead`` and ``horizon``.
        seed: Random seed.
        runtime: Device, precision and versions; the version of this package is among them.
    """
    return {
        "unit": series.unit,
        "window": {name: int(window[name]) for name in ("lookback", "lead", "horizon")},
        "data": DataIdentity.from_series(series, parts).to_dict(),
        "seed": seed,
        "device": runtime.device_name,
        "policy": runtime.policy,
        "versions": runtime.versions,
        "commit": git_commit(),
        "peak_memory_mb": peak_memory_mb(),
    }
