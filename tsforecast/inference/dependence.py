"""Sample paths: draws of whole horizons that keep how the errors of steps and targets go together."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tsforecast.untrusted.archives import read_arrays

FILE = "dependence.npz"  # in the folder of a run and of a version
MAX_WINDOWS = 500  # validation windows that are kept as templates
GRID = [0.005, *(round(index / 50, 2) for index in range(1, 50)), 0.995]  # levels that samples are drawn from


class Dependence(NamedTuple):
    """Where the truths of past windows were in their forecast distributions, for each step and target.

    A draw takes the ranks of as many of these windows as it needs samples, and gives the first one of the samples the
    quantiles at the first one's ranks, and so on: an empirical copula. Each step keeps its own distribution exactly,
    since the ranks are used rather than the values, and steps that were high together stay high together.

    Args:
        levels: Levels in (0, 1) ``[n, H, T]`` of the truths, of n validation windows without a missing truth.

    Source: Clark et al. (2004), The Schaake Shuffle; Schefzik, Thorarinsdottir & Gneiting (2013), Uncertainty
        Quantification in Complex Simulation Models Using Ensemble Copula Coupling. Deviation: the templates are levels
        of truths in their forecasts, not past observations.

    Example:
        >>> low_then_high = np.array([[[0.1], [0.9]], [[0.8], [0.2]]])  # what is below at one step is above at the next
        >>> levels, quantiles = [0.1, 0.5, 0.9], np.tile([[-1.0, 0.0, 1.0]], (2, 1, 1)).reshape(2, 1, 3)
        >>> paths = Dependence(low_then_high).draw(quantiles, levels, 2, np.random.default_rng(0))
        >>> bool((np.sign(paths[:, 0]) == -np.sign(paths[:, 1])).all())
        True
    """

    levels: np.ndarray

    @classmethod
    def fit(cls, truth: np.ndarray, quantiles: np.ndarray, levels: Sequence[float]) -> Dependence:
        """Find the levels of truths in forecast distributions.

        Args:
            truth: ``[n, H, T]``, NaN where unobserved.
            quantiles: ``[n, H, T, Q]`` of the forecasts of the same windows.
            levels: Q rising levels in (0, 1).
        """
        complete = ~np.isnan(truth).any(axis=(1, 2))
        values, edges = truth[complete], quantiles[complete].astype(np.float64)
        first, last = (edges < values[..., None]).sum(-1), (edges <= values[..., None]).sum(-1)
        bounds = np.concatenate([[0.0], levels, [1.0]])
        # Within a bin the level is interpolated; beyond the outermost and among equal quantiles it is random.
        share = np.random.default_rng(0).random(values.shape)
        inner = (first == last) & (first > 0) & (first < len(levels))
        left, right = (
            np.take_along_axis(edges, np.clip(index, 0, len(levels) - 1)[..., None], axis=-1)[..., 0]
            for index in (first - 1, first)
        )
        linear = (values - left) / np.maximum(right - left, 1e-300)
        share = np.where(inner, np.clip(linear, 0.0, 1.0), share)
        level = bounds[first] + share * (bounds[last + 1] - bounds[first])
        exact = np.asarray(levels)[np.minimum(first, len(levels) - 1)]
        return cls(np.where(last - first == 1, exact, level).astype(np.float32))

    def draw(
        self, quantiles: np.ndarray, levels: Sequence[float], samples: int, generator: np.random.Generator
    ) -> np.ndarray:
        """Draw sample paths ``[S, H, T]`` of one window.

        Args:
            quantiles: ``[H, T, Q]`` of its forecast.
            levels: Q rising levels in (0, 1), at least two.
            samples: Number of paths S.
            generator: Source of random numbers.
        """
        count = len(self.levels)
        rows = generator.choice(count, samples, replace=samples > count)
        templates = self.levels[rows].astype(np.float64)
        # A window that is drawn twice has ties, which are broken at random.
        ties = generator.random(templates.shape) * 1e-9
        ranks = np.argsort(np.argsort(templates + ties, axis=0), axis=0)
        return quantile_function(quantiles, levels, (ranks + generator.random(ranks.shape)) / samples)

    def to_bytes(self) -> bytes:
        """Return the levels as an npz file."""
        file = io.BytesIO()
        np.savez_compressed(file, levels=self.levels)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Dependence:
        """Return what ``to_bytes`` stored."""
        return cls(read_arrays(stored, FILE)["levels"])


def quantile_function(quantiles: np.ndarray, levels: Sequence[float], at: np.ndarray) -> np.ndarray:
    """Return quantiles ``[S, ...]`` at other levels: linear between those given, with exponential tails beyond them.

    Args:
        quantiles: ``[..., Q]``, rising.
        levels: Q rising levels in (0, 1), at least two.
        at: Levels ``[S, ...]`` in (0, 1).

    Example:
        >>> quantile_function(np.array([0.0, 1.0]), [0.25, 0.75], np.array([0.25, 0.5, 0.875])).round(3).tolist()
        [0.0, 0.5, 1.631]
    """
    grid = np.asarray(levels, np.float64)
    index = np.clip(np.searchsorted(grid, at) - 1, 0, len(grid) - 2)
    every = np.broadcast_to(quantiles, (*at.shape, len(grid)))
    left, right = (
        np.take_along_axis(every, (index + step)[..., None], axis=-1)[..., 0].astype(np.float64)
        for step in (0, 1)
    )
    inside = left + (at - grid[index]) / (grid[index + 1] - grid[index]) * (right - left)
    # The tails start with the slope that the outermost two quantiles have in the logarithm of what is left.
    lower = left - (right - left) * np.log(grid[0] / np.minimum(at, grid[0])) / np.log(grid[1] / grid[0])
    rest = 1.0 - grid
    upper = right + (right - left) * np.log(rest[-1] / np.minimum(1.0 - at, rest[-1])) / np.log(
        rest[-2] / rest[-1]
    )
    result: np.ndarray = np.where(at < grid[0], lower, np.where(at > grid[-1], upper, inside))
    return result
