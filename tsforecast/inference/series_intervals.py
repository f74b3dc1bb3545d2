"""Prediction intervals of many series: each begins with the errors of all, and learns from its own truths."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from tsforecast.inference.intervals import AdaptiveIntervals, CoverageSummary, create_intervals
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.options import IntervalOptions

MIN_TRUTHS = 100  # of a series whose coverage is stated


class SeriesIntervals:
    """The intervals of the series of a model; those of one series have the empty name.

    The scores that a model of many series begins with are relative to the level of a series, so that they fit series of
    any size. What a series learns is its own.

    Args:
        metadata: Metadata of the model.
        options: Options of the intervals.
        calibration: What ``evaluation.interval_start.calibrate_intervals`` returned for the model; None for no scores.

    Example:
        >>> from tsforecast.models.task import Task
        >>> task = Task(lookback=8, channels=1, lead=1, horizon=1, target_indices=(0,))
        >>> scaler = {"mean": [2.0], "scale": [0.5], "target_indices": [0]}
        >>> stored = {"channels": ["load"], "targets": ["load"], "step_seconds": 60, "scaler": scaler}
        >>> metadata = ModelMetadata.from_task(task, stored)
        >>> intervals = SeriesIntervals(metadata, IntervalOptions(coverage=0.8, rate=0.01, memory=100))
        >>> intervals.of("", metadata).seen.tolist()
        [[0]]
    """

    def __init__(self, metadata: ModelMetadata, options: IntervalOptions, calibration: bytes | None = None):
        self._horizon, self._targets = metadata.horizon, len(metadata.targets)
        self._options = options
        self._start = create_intervals(self._horizon, self._targets, options, calibration)
        self._scale = metadata.without_level().scaler.scale
        self._by_name: dict[str, AdaptiveIntervals] = {}

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    @property
    def coverage(self) -> float:
        """Nominal share of truths inside."""
        return self._options.coverage

    def of(self, name: str, series: ModelMetadata) -> AdaptiveIntervals:
        """Return the intervals of a series, new ones if it has none yet.

        Args:
            name: Its name.
            series: Its metadata, with its level.
        """
        if name not in self._by_name:
            intervals = copy.deepcopy(self._start)
            width = series.scaler.scale / self._scale
            chosen = width[list(series.target_indices)]
            if (chosen != 1).any():
                intervals.scores *= chosen[:, None].astype(np.float32)
            self._by_name[name] = intervals
        return self._by_name[name]

    def summary(self) -> CoverageSummary:
        """Return the nominal coverage, and the observed one over all series."""
        each = self._by_name.values()
        truths = sum(int(intervals.truths.sum()) for intervals in each)
        inside = sum(int(intervals.inside.sum()) for intervals in each)
        return {
            "nominal": self._options.coverage,
            "observed": float(inside / truths) if truths else None,
            "truths": truths,
        }

    def describe_spread(self, least: int = MIN_TRUTHS) -> str:
        """Return the coverage of the series with the lowest and of the one with the highest, for a line of output.

        Args:
            least: Truths that a series must have to count.
        """
        shares = {
            name: float(intervals.inside.sum() / intervals.truths.sum())
            for name, intervals in self._by_name.items()
            if intervals.truths.sum() >= least
        }
        if len(set(shares.values())) < 2:
            return ""
        low, high = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
        middle = float(np.median(list(shares.values())))
        return f", with coverage from {shares[low]:.1%} ('{low}') to {shares[high]:.1%} ('{high}'), median {middle:.1%}"
