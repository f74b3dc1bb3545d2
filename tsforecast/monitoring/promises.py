"""What the evaluation of a version promised."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tsforecast.monitoring.monitor import Promise, Reference


def read_promise(
    result: Mapping[str, Any], targets: Sequence[str], coverage: float, reference: Reference | None
) -> Promise:
    """Return the error of each target as a share of persistence's, and the nominal coverage.

    Args:
        result: ``result.json`` of the version.
        targets: Names of the targets.
        coverage: Nominal coverage of the intervals.
        reference: Its shares on validation windows stand in where the result has no baselines.

    Example:
        >>> result = {"metrics": {"test/mae": 0.4}, "baselines": {"persistence": {"test/mae": 0.5}}}
        >>> read_promise(result, ["load"], 0.9, None).error.tolist()
        [0.8]
    """
    known = reference.promised if reference is not None else ()
    shares = list(known) if len(known) == len(targets) else [float("nan")] * len(targets)
    for index, name in enumerate(targets):
        scores = (result.get("targets") or {}).get(name) if len(targets) > 1 else result
        error, naive = _mae(scores, "metrics"), _mae(scores, "baselines")
        if error is not None and naive:
            shares[index] = error / naive
    return Promise(tuple(targets), np.array(shares), coverage)


def _mae(scores: Mapping[str, Any] | None, kind: str) -> float | None:
    figures = (scores or {}).get(kind) or {}
    value = (figures.get("persistence") or {} if kind == "baselines" else figures).get("test/mae")
    return float(value) if isinstance(value, (int, float)) else None
