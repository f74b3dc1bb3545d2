"""Anomaly score of a reading: the conformal p-value of its residual among the newest residuals of similar forecasts.

Sources: Laxhammar & Falkman (2014), Online Learning and Sequential Anomaly Detection in Trajectories, for p-values of
the newest nonconformity scores; Vovk, Gammerman & Shafer (2005), section 4.5, for p-values within groups (Mondrian);
Fisher's sum of logarithms for several readings together. The level of the alarm follows Gibbs & Candès (2021), eq. 2,
so that the stated share of readings is flagged although residuals are neither independent nor stationary.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import Any, NamedTuple

import numpy as np

MEMORY = 10_000  # readings that a new one is compared with
GROUPS = 10  # of forecasts, by their quantiles: a large residual is rarer where little is forecast
MIN_GROUP = 300  # readings of a group
REGROUP = 1000  # readings after which the groups are formed again
MIN_RESIDUALS = 100  # before a p-value is given
WINDOW = 5  # readings that are scored together; chosen on validation rows, as the number of groups
LEVEL_RATE = 0.05  # step of the alarm level, as a share of the stated rate


class AnomalyScores(NamedTuple):
    """Scores of m readings, NaN where unknown.

    Args:
        p_values: Share of the newest readings that are at least as anomalous, together with the readings before each.
        surprise: Mean negative logarithm of the p-values of single readings, over the newest five.
        flags: Whether each is flagged.
    """

    p_values: np.ndarray
    surprise: np.ndarray
    flags: np.ndarray


class AnomalyScorer:
    """Scores the readings of one target.

    Args:
        rate: Share of the readings to flag, in (0, 1).
        memory: Number of the newest readings to compare with.

    Example:
        >>> scorer = AnomalyScorer(rate=0.01)
        >>> noise = np.random.default_rng(0).normal(size=1000)
        >>> scores = scorer.update(noise, np.zeros(1000))
        >>> scores = scorer.update(np.array([9.0, 9.0]), np.zeros(2))
        >>> scores.p_values[-1] < 0.01, bool(scores.flags[-1])
        (np.True_, True)
    """

    def __init__(self, rate: float, memory: int = MEMORY):
        self.rate, self.memory = rate, memory
        self.level = rate
        self._readings: deque[tuple[float, float]] = deque()  # forecast and absolute residual
        self._groups: list[list[float]] = [[]]  # their residuals, sorted
        self._edges: list[float] = []
        self._count = 0
        self._recent: deque[float] = deque(maxlen=WINDOW)
        self._surprises: deque[float] = deque()
        self._sorted: list[float] = []

    def update(self, residuals: np.ndarray, forecasts: np.ndarray) -> AnomalyScores:
        """Add readings.

        Args:
            residuals: Truth less forecast ``[m]``, NaN where unknown.
            forecasts: Forecasts ``[m]``.
        """
        p_values, surprise = np.full((2, len(residuals)), np.nan)
        flags = np.zeros(len(residuals), bool)
        pairs = zip(np.abs(residuals).tolist(), forecasts.tolist(), strict=True)
        for index, (residual, forecast) in enumerate(pairs):
            if residual == residual and forecast == forecast:  # not NaN
                p_values[index], surprise[index], flags[index] = self._score(residual, forecast)
        return AnomalyScores(p_values, surprise, flags)

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        return {
            "level": self.level,
            "count": self._count,
            "edges": list(self._edges),
            "readings": [list(reading) for reading in self._readings],
            "recent": list(self._recent),
            "surprises": list(self._surprises),
        }

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self.level, self._count = float(stored["level"]), int(stored["count"])
        self._readings = deque((forecast, residual) for forecast, residual in stored["readings"])
        self._recent.clear()
        self._recent.extend(stored["recent"])
        self._surprises = deque(stored["surprises"])
        self._sorted = sorted(self._surprises)
        self._fill_groups(list(stored["edges"]))

    def _score(self, residual: float, forecast: float) -> tuple[float, float, bool]:
        if self._count % REGROUP == 0:
            self._regroup()
        self._count += 1
        group = self._groups[bisect_left(self._edges, forecast)]
        p_value, surprise, flag = float("nan"), float("nan"), False
        if len(group) >= MIN_RESIDUALS:
            self._recent.append(-float(np.log(_p_value(group, residual))))
            surprise = sum(self._recent) / len(self._recent)
            if len(self._sorted) >= MIN_RESIDUALS:
                p_value = _p_value(self._sorted, surprise)
                flag = p_value <= self.level
                self.level = min(max(self.level + LEVEL_RATE * self.rate * (self.rate - flag), 0.0), 1.0)
            self._surprises.append(surprise)
            insort(self._sorted, surprise)
            if len(self._surprises) > self.memory:
                _remove(self._sorted, self._surprises.popleft())
        self._readings.append((forecast, residual))
        insort(group, residual)
        if len(self._readings) > self.memory:
            oldest, value = self._readings.popleft()
            _remove(self._groups[bisect_left(self._edges, oldest)], value)
        return p_value, surprise, flag

    def _regroup(self) -> None:
        groups = min(max(len(self._readings) // MIN_GROUP, 1), GROUPS)
        forecasts = [forecast for forecast, _ in self._readings]
        quantiles = np.arange(1, groups) / groups
        self._fill_groups(np.unique(np.quantile(forecasts, quantiles)).tolist() if groups > 1 else [])

    def _fill_groups(self, edges: list[float]) -> None:
        self._edges, self._groups = edges, [[] for _ in range(len(edges) + 1)]
        for forecast, residual in self._readings:
            self._groups[bisect_left(edges, forecast)].append(residual)
        for group in self._groups:
            group.sort()


def _p_value(ordered: list[float], value: float) -> float:
    """Return the share of ordered values, and of this one, that are at least as large."""
    return (len(ordered) - bisect_left(ordered, value) + 1) / (len(ordered) + 1)


def _remove(ordered: list[float], value: float) -> None:
    del ordered[bisect_left(ordered, value)]
