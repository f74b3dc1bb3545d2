"""Sample paths of the forecasts of a file, as a tidy table."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tsforecast.inference.dependence import Dependence
from tsforecast.inference.forecast_table import repeat_names
from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata


class PathSampler:
    """Draws sample paths of forecasts.

    The paths of a window depend on the seed, its time and the name of its series alone, not on which other windows are
    forecast.

    Args:
        dependence: How steps and targets go together.
        metadata: Targets and times of the model.
        levels: Levels of the quantiles of the forecasts.
        samples: Paths per window.
        seed: Random seed.

    Example:
        ::

            sampler = PathSampler(dependence, predictor.metadata, levels, samples=100, seed=0)
            table = sampler.table(made_at, forecasts)  # made_at, time, target, sample, value
    """

    def __init__(
        self,
        dependence: Dependence,
        metadata: ModelMetadata,
        levels: Sequence[float],
        *,
        samples: int,
        seed: int,
    ):
        self.dependence, self.metadata, self.levels = dependence, metadata, list(levels)
        self.samples, self.seed = samples, seed
        self._series: tuple[int, ...] = ()  # a further seed for each of many series

    def select_series(self, name: str) -> PathSampler:
        """Return the sampler of one of many series, whose paths are independent of those of the others."""
        sampler = copy.copy(self)
        sampler._series = (zlib.crc32(name.encode()),)
        return sampler

    def draw(self, made_at: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
        """Return paths ``[n, S, H, T]``.

        Args:
            made_at: Time datetime64[s] ``[n]`` of the last row of each window.
            quantiles: ``[n, H, T, Q]``.
        """
        seconds = made_at.astype("datetime64[s]").astype(np.int64).astype(np.uint64)  # a seed is not negative
        generators = [np.random.default_rng([self.seed, int(second), *self._series]) for second in seconds]
        drawn = [
            self.dependence.draw(window, self.levels, self.samples, generator)
            for window, generator in zip(quantiles, generators, strict=True)
        ]
        return np.stack(drawn)

    def table(self, made_at: np.ndarray, forecasts: Forecasts) -> pa.Table:
        """Return the paths as a table: ``made_at``, ``time``, ``target``, ``sample`` (from 1) and ``value``.

        Args:
            made_at: Time datetime64[s] ``[n]`` of the last row of each window.
            forecasts: Forecasts of the n windows, with quantiles at the sampler's levels.
        """
        paths = self.draw(made_at, np.asarray(forecasts.quantiles))
        count, samples, horizon, targets = paths.shape
        times = np.repeat(self.metadata.target_times(made_at)[:, None], samples, axis=1)  # [n, S, H]
        numbers = np.broadcast_to(np.arange(1, samples + 1)[:, None], (count, samples, horizon * targets))
        return pa.table(
            {
                "made_at": self.metadata.times_to_arrow(np.repeat(made_at, samples * horizon * targets)),
                "time": self.metadata.times_to_arrow(np.repeat(times.ravel(), targets)),
                "target": repeat_names(self.metadata.targets, count * samples * horizon),
                "sample": numbers.ravel(),
                "value": paths.ravel(),
            }
        )
