"""How each feature follows from the others: a ridge regression on block means.

A sensor that drifts leaves its relation to the others within hours, long before its own level is unusual: in household
power 99.95 % of the variance of the active power's hourly means is explained by the others.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tsforecast.monitoring.rounding import to_array, to_plain_list

MAX_SOURCES = 8  # features that a feature is regressed on: those most correlated with it
MIN_BLOCKS = 30
RIDGE = 1e-3  # in units of the standardized Gram matrix over n


@dataclass(frozen=True)
class Relations:
    """Linear relations between the block means of F features.

    Args:
        weights: Weights ``[F, F]``: row j estimates feature j from the others; all 0 where there is no relation.
        intercept: Intercepts ``[F]``, NaN where there is no relation.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> volts, amps = rng.normal(240, 3, 500), rng.gamma(2, 2, 500)
        >>> relations = Relations.fit(np.stack([volts, amps, 0.24 * amps], axis=1))
        >>> residual = relations.residuals(np.array([[240.0, 5.0, 1.32]]))[0]  # 10 % too much power
        >>> round(float(residual[2]), 2)
        0.12
    """

    weights: np.ndarray
    intercept: np.ndarray

    @classmethod
    def fit(cls, mean: np.ndarray) -> "Relations":
        """Fit the relations.

        Args:
            mean: Block means ``[n, F]``, NaN where unknown.
        """
        features = mean.shape[1]
        weights, intercept = np.zeros((features, features)), np.full(features, np.nan)
        usable = np.isfinite(mean).any(axis=0)
        rows = mean[np.isfinite(mean[:, usable]).all(axis=1)]
        if len(rows) < MIN_BLOCKS:
            return cls(weights, intercept)
        center, spread = np.zeros(features), np.zeros(features)
        center[usable], spread[usable] = rows[:, usable].mean(axis=0), rows[:, usable].std(axis=0)
        varies = np.flatnonzero(spread > 0)
        standardized = (rows[:, varies] - center[varies]) / spread[varies]
        correlation = standardized.T @ standardized / len(rows)
        for position, feature in enumerate(varies if len(varies) > 1 else ()):
            strength = np.abs(correlation[position])
            strength[position] = -1.0
            sources = np.argsort(-strength, kind="stable")[: min(MAX_SOURCES, len(varies) - 1)]
            gram = correlation[np.ix_(sources, sources)] + RIDGE * np.eye(len(sources))
            solution = np.linalg.solve(gram, correlation[sources, position])
            weights[feature, varies[sources]] = solution * spread[feature] / spread[varies[sources]]
            intercept[feature] = center[feature] - weights[feature] @ center
        return cls(weights, intercept)

    def residuals(self, mean: np.ndarray, sources: np.ndarray | None = None) -> np.ndarray:
        """Return block means ``[n, F]`` less what the others say, NaN where one of those is unknown.

        Args:
            mean: Block means.
            sources: Those that others are estimated from, if they differ, with NaN where a sensor is broken.
        """
        others = mean if sources is None else sources
        residual: np.ndarray = mean - self.intercept
        for feature in range(mean.shape[1]):
            # Not a matrix product, whose rounding depends on the number of rows: pieces give what all rows give.
            for source in np.flatnonzero(self.weights[feature]):
                residual[:, feature] -= others[:, source] * self.weights[feature, source]
        return residual

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"weights": to_plain_list(self.weights), "intercept": to_plain_list(self.intercept)}

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "Relations":
        """Read what ``to_dict`` returned."""
        return cls(to_array(stored["weights"]), to_array(stored["intercept"]))
