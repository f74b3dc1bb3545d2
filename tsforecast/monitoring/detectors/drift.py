"""Drift of inputs and residuals: CUSUM charts on block statistics, see `tsforecast.monitoring.cusum`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.cusum import CHARTS, Cusum, PeakTail
from tsforecast.monitoring.detectors.signal import Signal
from tsforecast.monitoring.profile import Profile

DAY = 86_400
# Share of the stated rate that thresholds are set for: on validation rows, twice as many alarms were raised as peaks of
# the rows before predict, since signals change from year to year.
SAFETY = 0.5


@dataclass(frozen=True, kw_only=True)
class DriftOptions:
    """How fast, and how seldom by mistake.

    Args:
        per_week: False alarms per week over all charts of one detector, above 0.
        memory_days: Days after which half of a lasting shift counts as usual, above 0.
    """

    per_week: float
    memory_days: float = 28.0


@dataclass(frozen=True)
class ChartReference:
    """What the charts of K statistics start from.

    Args:
        profile: Profile of the statistics.
        tail: Peaks of the charts over the rows that they were fitted on.
        seconds: Seconds of one block.
    """

    profile: Profile
    tail: PeakTail
    seconds: int

    @classmethod
    def fit(
        cls,
        local: np.ndarray,
        values: np.ndarray,
        fitted: int,
        seconds: int,
        options: DriftOptions,
        min_scale: np.ndarray | float = 0.0,
    ) -> "ChartReference":
        """Fit the profile on the first blocks, and the tails on all.

        Args:
            local: Local second ``[n]`` of each block.
            values: Statistics ``[n, K]``.
            fitted: Number of blocks to fit the profile on.
            seconds: Seconds of one block.
            options: Options of the detector.
            min_scale: Smallest scales ``[K]`` of the profile.
        """
        profile = Profile.fit(local[:fitted], values[:fitted], min_scale)
        charts = Cusum(values.shape[1], memory_blocks(options, seconds))
        return cls(profile, PeakTail.fit(charts.run(profile.normalize(local, values)), seconds), seconds)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"profile": self.profile.to_dict(), "tail": self.tail.to_dict(), "seconds": self.seconds}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "ChartReference":
        """Read what ``to_dict`` returned."""
        profile, tail = Profile.from_dict(stored["profile"]), PeakTail.from_dict(stored["tail"])
        return cls(profile, tail, int(stored["seconds"]))


class DriftDetector:
    """Watches K block statistics.

    Args:
        reference: Profile and tails from training.
        options: Options of the detector.
        rising: Statistics of which a fall is welcome, such as errors.
    """

    def __init__(self, reference: ChartReference, options: DriftOptions, rising: slice = slice(0)):
        self.profile = reference.profile
        count = reference.profile.center.shape[1]
        per_chart = SAFETY * options.per_week / (2 * len(CHARTS) * max(count, 1))
        thresholds = reference.tail.thresholds(per_chart)
        thresholds[:, 1, rising] = np.inf
        self.thresholds = thresholds
        self.charts = Cusum(count, memory_blocks(options, reference.seconds), thresholds)

    def update(self, local: np.ndarray, values: np.ndarray) -> Signal:
        """Add blocks.

        Args:
            local: Local second ``[m]`` of each block.
            values: Statistics ``[m, K]``.
        """
        deviations = self.profile.normalize(local, values)
        active = np.zeros(values.shape, bool)
        level, shift = np.empty((2, *values.shape))
        for index, deviation in enumerate(deviations):
            active[index] = self.charts.update(deviation)
            level[index] = self.level
            shift[index] = self.charts.recent
        usual = self.profile.center[self.profile.slot(local)]
        return Signal(active, {"value": values, "usual": usual, "shift": shift, "level": level})

    @property
    def level(self) -> np.ndarray:
        """The highest chart of each statistic ``[K]``, as a share of its threshold: 1 raises an alarm."""
        level: np.ndarray = (self.charts.sums / self.thresholds).max(axis=(0, 1))
        return level

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return self.charts.to_dict()

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self.charts.restore(stored)


def memory_blocks(options: DriftOptions, seconds: int) -> float:
    """Return the memory in blocks of so many seconds."""
    return max(options.memory_days * DAY / seconds, 10.0)
