"""Two-sided CUSUM charts with a slowly moving baseline, and thresholds for a stated rate of false alarms.

Source: Page (1954), Continuous Inspection Schemes, Biometrika 41: ``S = max(0, S + z - slack)`` on each side. The
deviations from the paper serve signals with daily, weekly and yearly rhythms and with spikes: ``z`` is a deviation from
a profile and from a baseline with a half-life of weeks, and clipped, so that no single block raises an alarm; small and
large shifts have charts of their own (Lucas, 1982, combines charts for the same reason); and since the blocks are
correlated, thresholds come from the peaks that the charts reached in training instead of tables for independent values.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.rounding import to_array, to_plain_list

# (slack, clip) in scales of the profile: charts for small, medium and large shifts. Of four sets, these found faults
# that were planted in validation rows soonest, at equal false alarms.
CHARTS = ((0.5, 3.0), (2.0, 10.0), (6.0, 40.0))
SLACKS = np.array([slack for slack, _ in CHARTS])[:, None, None]
CLIPS = np.array([clip for _, clip in CHARTS])[:, None, None]
SIDES = np.array([1.0, -1.0])[:, None]
BASELINE_CLIP = 3.0
PEAKS = 10  # highest excursions that the tail is fitted on
MIN_THRESHOLD = 5.0
CAP = 1.5  # of the threshold, that a statistic in service rises to at most, so that an alarm ends soon after its cause
WEEK = 7 * 86_400


@dataclass(frozen=True)
class PeakTail:
    """Exponential tails of the peaks of charts ``[A, 2, K]`` (slacks, sides, statistics).

    Peaks above ``level`` occur ``per_week`` times a week, and exceed it by ``excess`` on average.

    Example:
        >>> tail = PeakTail(level=np.array([20.0]), excess=np.array([10.0]), per_week=np.array([0.1]))
        >>> tail.thresholds(0.01).round(1).tolist()  # 20 + 10 ln(10)
        [43.0]
    """

    level: np.ndarray
    excess: np.ndarray
    per_week: np.ndarray

    @classmethod
    def fit(cls, path: np.ndarray, seconds: int) -> "PeakTail":
        """Fit tails on the path of the charts over training.

        Args:
            path: Statistics ``[n, A, 2, K]``.
            seconds: Seconds of one block.
        """
        shape = path.shape[1:]
        level, excess, per_week = np.zeros(shape), np.zeros(shape), np.zeros(shape)
        weeks = max(len(path) * seconds / WEEK, 1e-9)
        for index in np.ndindex(shape):
            peaks = excursion_peaks(path[:, index[0], index[1], index[2]])[:PEAKS]
            if len(peaks):
                level[index] = peaks[-1]
                excess[index] = max((peaks - peaks[-1]).mean(), 0.1 * peaks[-1])
                per_week[index] = len(peaks) / weeks
        return cls(level, excess, per_week)

    def thresholds(self, per_week: float) -> np.ndarray:
        """Return the thresholds that each chart exceeds ``per_week`` times a week."""
        ratio = np.maximum(self.per_week, 1e-12) / per_week
        raised = self.level + self.excess * np.maximum(np.log(ratio), 0.0)
        return np.asarray(np.maximum(raised, MIN_THRESHOLD))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {name: to_plain_list(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "PeakTail":
        """Read what ``to_dict`` returned."""
        return cls(*(to_array(stored[name]) for name in ("level", "excess", "per_week")))


class Cusum:
    """The charts of K statistics, fed block by block.

    Args:
        count: Number of statistics K.
        memory: Blocks after which half of a lasting shift is part of the baseline.
        thresholds: Thresholds ``[A, 2, K]``, or None while they are not known: statistics then rise without a limit.

    Example:
        >>> charts = Cusum(1, memory=1000, thresholds=np.full((3, 2, 1), 10.0))
        >>> [bool(charts.update(np.array([2.0])).any()) for _ in range(8)]  # rises by 1.5 a block
        [False, False, False, False, False, False, True, True]
    """

    def __init__(self, count: int, memory: float, thresholds: np.ndarray | None = None):
        self.rate = 1 - 0.5 ** (1 / memory)
        self.thresholds = thresholds
        self.sums = np.zeros((len(CHARTS), 2, count))
        self.baseline = np.zeros(count)
        self.recent = np.zeros(count)  # mean of about the last 12 deviations
        self.is_over = np.zeros(self.sums.shape, bool)

    def update(self, deviation: np.ndarray) -> np.ndarray:
        """Add one block, and return which statistics are beyond a threshold ``[K]``.

        Args:
            deviation: Deviations ``[K]`` from the profile in its scales; NaN leaves a statistic as it is.
        """
        shift = np.where(np.isnan(deviation), np.nan, deviation - self.baseline)
        is_known = ~np.isnan(shift)
        shift = np.where(is_known, shift, 0.0)
        step = np.clip(SIDES * shift, -CLIPS, CLIPS) - SLACKS
        self.sums = np.maximum(0.0, self.sums + step * is_known)
        self.baseline += self.rate * np.clip(shift, -BASELINE_CLIP, BASELINE_CLIP)
        self.recent += (np.clip(shift, -20.0, 20.0) - self.recent) / 12 * is_known
        if self.thresholds is None:
            return np.zeros(len(shift), bool)
        self.sums = np.minimum(self.sums, CAP * self.thresholds)
        # Over: since the statistic passed the threshold, until it has halved or the shift is gone.
        is_shifted: np.ndarray = np.greater(SIDES * self.recent, SLACKS / 2)
        stays = self.is_over & (self.sums > self.thresholds / 2) & is_shifted
        ends = self.is_over & ~stays
        self.sums[ends] = 0.0
        self.is_over = stays | (self.sums > self.thresholds)
        return np.asarray(self.is_over.any(axis=(0, 1)))

    def run(self, deviations: np.ndarray) -> np.ndarray:
        """Add blocks ``[n, K]``, and return the statistics ``[n, A, 2, K]`` after each."""
        path = np.empty((len(deviations), *self.sums.shape), np.float32)
        for index, deviation in enumerate(deviations):
            self.update(deviation)
            path[index] = self.sums
        return path

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {name: getattr(self, name).tolist() for name in ("sums", "baseline", "recent", "is_over")}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        for name in ("sums", "baseline", "recent", "is_over"):
            value = getattr(self, name)
            setattr(self, name, np.array(stored[name], value.dtype).reshape(value.shape))


def excursion_peaks(path: np.ndarray) -> np.ndarray:
    """Return the peaks of the excursions of a statistic above 0, the highest first.

    Example:
        >>> excursion_peaks(np.array([0.0, 1.0, 3.0, 0.0, 2.0])).tolist()
        [3.0, 2.0]
    """
    is_up = path > 0
    starts = np.flatnonzero(is_up & ~np.concatenate([[False], is_up[:-1]]))
    if not len(starts):
        return np.zeros(0)
    return np.sort(np.maximum.reduceat(path.astype(np.float64), starts))[::-1]
