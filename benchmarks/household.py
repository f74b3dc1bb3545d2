"""Household power for the benchmark of monitoring: measured features, rows to learn from, and a model of the power."""

import numpy as np

from tsforecast.data.sources.household_power import load

DAY = 1440
YEAR, VALIDATION = 365 * DAY, 180 * DAY
LAGS = 8
SAMPLE = 200_000
TREES = {"objective": "regression", "num_leaves": 31, "num_threads": 1, "verbose": -1, "seed": 0}


class Household:
    """Seven features per minute.

    ``first`` and ``last`` bound the rows to replay: the last year, or the 180 days of validation before it. Rows before
    ``fitted`` are for training; those from there to ``first`` for thresholds.
    """

    def __init__(self, split):
        series = load()
        self.features = series.features[:7]
        self.seconds = series.time.astype("datetime64[s]").astype(np.int64)
        self.values = series.values[:, :7].astype(np.float64)
        year = len(self.seconds) - YEAR
        self.first, self.last = (year, len(self.seconds)) if split == "test" else (year - VALIDATION, year)
        self.fitted = self.first - VALIDATION
        self._model = self._fit()

    def residuals(self, rows):
        """The active power of these rows less its forecast, from the rows before each."""
        return self.values[rows, 0] - self._model.predict(self._inputs(np.arange(rows.start, rows.stop)))

    def pieces(self):
        """The rows before those to replay."""
        for start in range(0, self.first, 200_000):
            rows = slice(start, min(start + 200_000, self.first))
            yield self.seconds[rows], self.values[rows]

    def _inputs(self, index):
        lags = [self.values[index - lag, 0] for lag in range(1, LAGS + 1)]
        others = [self.values[index - 1, feature] for feature in range(1, 7)]
        return np.stack([*lags, *others, self.seconds[index] // 60 % DAY], axis=1)

    def _fit(self):
        import lightgbm

        index = np.sort(np.random.default_rng(0).integers(LAGS, self.fitted, SAMPLE))
        index = index[np.isfinite(self.values[index, 0])]
        data = lightgbm.Dataset(self._inputs(index), self.values[index, 0])
        return lightgbm.train(TREES, data, num_boost_round=100)
