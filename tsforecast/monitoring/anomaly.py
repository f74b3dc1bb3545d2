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
USUAL_MEMORY = 500  # readings of one of many series that its usual residual is the mean of
USUAL_COUNT = 100  # readings that a usual residual from validation windows counts as
MIN_USUAL = 20  # readings of a series before it is scored
MAX_RATIO = 5.0  # of the usual residual, that one reading counts as at most
SMALLEST = 1e-12


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
                p_values[index], surprise[index], flags[index] = self.score(residual, forecast, self._recent)
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

    def score(self, residual: float, forecast: float, recent: deque[float]) -> tuple[float, float, bool]:
        """Add one reading, and return its p-value, its surprise and whether it is flagged.

        Args:
            residual: Absolute residual.
            forecast: Forecast.
            recent: Surprises of the readings before it, to which its own is added.
        """
        if self._count % REGROUP == 0:
            self._regroup()
        self._count += 1
        group = self._groups[bisect_left(self._edges, forecast)]
        p_value, surprise, flag = float("nan"), float("nan"), False
        if len(group) >= MIN_RESIDUALS:
            recent.append(-float(np.log(_p_value(group, residual))))
            surprise = sum(recent) / len(recent)
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


class SeriesScorer:
    """Scores the readings of one of many series among those of all, each relative to what is usual in its series.

    A series keeps a few means, so that thousands take little memory, and a new one is scored after few readings.

    Args:
        pool: Scorer that the series share.
        usual: Usual absolute residual of the series, above 0; NaN: its first readings tell.

    Example:
        >>> pool, noise = AnomalyScorer(rate=0.01), np.random.default_rng(0).normal(size=(2, 600))
        >>> small, large = SeriesScorer(pool), SeriesScorer(pool)
        >>> for residuals in noise.T:
        ...     scores = small.update(residuals[:1], np.zeros(1)), large.update(100 * residuals[1:], np.zeros(1))
        >>> large.update(np.full(2, 9.0), np.zeros(2)).flags.tolist()
        [False, False]
        >>> small.update(np.full(2, 9.0), np.zeros(2)).flags.tolist()
        [True, True]
    """

    def __init__(self, pool: AnomalyScorer, usual: float = float("nan")):
        self.pool = pool
        self._residual = _RunningMean(usual, 0 if np.isnan(usual) else USUAL_COUNT)
        self._center, self._spread = _RunningMean(), _RunningMean()  # of the forecasts
        self._recent: deque[float] = deque(maxlen=WINDOW)

    def update(self, residuals: np.ndarray, forecasts: np.ndarray) -> AnomalyScores:
        """Add readings, see ``AnomalyScorer.update``."""
        p_values, surprise = np.full((2, len(residuals)), np.nan)
        flags = np.zeros(len(residuals), bool)
        pairs = zip(np.abs(residuals).tolist(), forecasts.tolist(), strict=True)
        for index, (residual, forecast) in enumerate(pairs):
            if residual == residual and forecast == forecast:  # not NaN
                p_values[index], surprise[index], flags[index] = self._score(residual, forecast)
        return AnomalyScores(p_values, surprise, flags)

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``, without that of the pool."""
        means = (self._residual, self._center, self._spread)
        return {"means": [mean.to_list() for mean in means], "recent": list(self._recent)}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self._residual, self._center, self._spread = (
            _RunningMean(float("nan") if value is None else value, count) for value, count in stored["means"]
        )
        self._recent.clear()
        self._recent.extend(stored["recent"])

    def _score(self, residual: float, forecast: float) -> tuple[float, float, bool]:
        scores = float("nan"), float("nan"), False
        usual, known = self._residual.value, self._residual.count >= MIN_USUAL
        if known:
            distance = forecast - self._center.value if self._center.count else 0.0
            spread = self._spread.value if self._spread.count else 0.0
            scores = self.pool.score(
                residual / max(usual, SMALLEST), distance / max(spread, SMALLEST), self._recent
            )
        # A broken series does not make its own anomalies usual.
        self._residual.add(min(residual, MAX_RATIO * usual) if known and usual > 0 else residual)
        self._center.add(forecast)
        self._spread.add(abs(forecast - self._center.value))
        return scores


class _RunningMean:
    """The mean of all values at first, later of the newest few hundred."""

    def __init__(self, value: float = float("nan"), count: int = 0):
        self.value, self.count = value, count

    def add(self, value: float) -> None:
        self.count = min(self.count + 1, USUAL_MEMORY)
        self.value = value if self.count == 1 else self.value + (value - self.value) / self.count

    def to_list(self) -> list[float | int | None]:
        return [None if np.isnan(self.value) else self.value, self.count]


def _p_value(ordered: list[float], value: float) -> float:
    """Return the share of ordered values, and of this one, that are at least as large."""
    return (len(ordered) - bisect_left(ordered, value) + 1) / (len(ordered) + 1)


def _remove(ordered: list[float], value: float) -> None:
    del ordered[bisect_left(ordered, value)]
