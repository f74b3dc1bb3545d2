"""Anomaly score of a reading: the conformal p-value of its residual among the newest residuals.

Source: Laxhammar & Falkman (2014), Online Learning and Sequential Anomaly Detection in Trajectories, for p-values of
the newest nonconformity scores. The level of the alarm follows Gibbs & Candès (2021), eq. 2, so that the stated share
of readings is flagged although residuals are neither independent nor stationary.
"""

from bisect import bisect_left, insort
from collections import deque
from typing import Any

import numpy as np

MEMORY = 10_000  # residuals
MIN_RESIDUALS = 100  # before a p-value is given
HALF_LIFE = 60  # readings, of the scale that residuals are divided by
LEVEL_RATE = 0.05  # step of the alarm level, as a share of the stated rate


class AnomalyScorer:
    """Scores the readings of one target.

    Residuals are divided by the mean absolute residual of the readings before them, so that a busy evening is not an
    anomaly as a whole.

    Args:
        rate: Share of the readings to flag, in (0, 1).
        memory: Number of the newest residuals to compare with.

    Example:
        >>> scorer = AnomalyScorer(rate=0.01)
        >>> noise = np.random.default_rng(0).normal(size=1000)
        >>> p_values, flags = scorer.update(noise)
        >>> p_value, flag = scorer.update(np.array([9.0]))
        >>> p_value[0] < 0.01, bool(flag[0])
        (np.True_, True)
    """

    def __init__(self, rate: float, memory: int = MEMORY):
        self.rate, self.memory = rate, memory
        self.level = rate
        self._decay = 0.5 ** (1 / HALF_LIFE)
        self._scale = float("nan")
        self._newest: deque[float] = deque()
        self._sorted: list[float] = []

    def update(self, residuals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Add residuals ``[m]``, NaN where unknown, and return p-values (NaN) and flags ``[m]``."""
        p_values, flags = np.full(len(residuals), np.nan), np.zeros(len(residuals), bool)
        for index, residual in enumerate(np.abs(residuals).tolist()):
            if residual == residual:  # not NaN
                p_values[index], flags[index] = self._score(residual)
        return p_values, flags

    def to_dict(self) -> dict[str, Any]:
        """Return the state, for ``restore``."""
        scale = None if np.isnan(self._scale) else self._scale
        return {"level": self.level, "scale": scale, "newest": list(self._newest)}

    def restore(self, stored: dict[str, Any]) -> None:
        """Restore what ``to_dict`` returned."""
        self.level = float(stored["level"])
        self._scale = float("nan") if stored["scale"] is None else float(stored["scale"])
        self._newest = deque(stored["newest"][-self.memory :])
        self._sorted = sorted(self._newest)

    def _score(self, residual: float) -> tuple[float, bool]:
        score = residual / self._scale if self._scale > 0 else 0.0
        count = len(self._sorted)
        p_value, flag = float("nan"), False
        if count >= MIN_RESIDUALS:
            p_value = (count - bisect_left(self._sorted, score) + 1) / (count + 1)
            flag = p_value <= self.level
            self.level = min(max(self.level + LEVEL_RATE * self.rate * (self.rate - flag), 0.0), 1.0)
        self._scale = (
            residual
            if self._scale != self._scale
            else (self._decay * self._scale + (1 - self._decay) * residual)
        )
        self._remember(score)
        return p_value, flag

    def _remember(self, score: float) -> None:
        self._newest.append(score)
        insort(self._sorted, score)
        if len(self._newest) > self.memory:
            del self._sorted[bisect_left(self._sorted, self._newest.popleft())]
