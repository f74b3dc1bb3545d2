"""Long stretches of missing values in rows to forecast from: forecasts there use old values, or there are none."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np


class MissingStretches:
    """The longest stretch of missing values of each feature of a stream, and how many values are missing in all.

    Args:
        lookback: Rows of a window; a stretch of half of it is long.
        categories: Features in which a missing value is a category of its own.
        history: Rows before a window that its context summarizes.

    Example:
        >>> missing = MissingStretches(lookback=4)
        >>> time = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]")
        >>> missing.add(["load"], time, np.array([[1.0], [np.nan], [np.nan], [np.nan]]))
        >>> missing.warnings()
        ["Warning: 'load' is missing in 3 of 4 rows, 3 of them running from 2024-01-02: forecasts use older values."]
    """

    def __init__(self, lookback: int, categories: Collection[str] = (), history: int = 0):
        self.long, self.categories, self.history = max(lookback // 2, 2), categories, history
        self.rows = 0
        self._gaps: list[_Gap] = []
        self._features: dict[str, _Feature] = {}

    def add(self, names: Sequence[str], time: np.ndarray, values: np.ndarray) -> None:
        """Add rows.

        Args:
            names: Names of the C features.
            time: Times ``[N]``, one step apart except after long gaps.
            values: ``[N, C]``, NaN where missing.
        """
        self.rows += len(time)
        for index, name in enumerate(names):
            if name not in self.categories:
                self._features.setdefault(name, _Feature()).add(time, np.isnan(values[:, index]))

    def add_gap(self, before: np.datetime64, after: np.datetime64, steps: int) -> None:
        """Add a gap without rows, which no window runs through.

        Args:
            before: Time of the row before it.
            after: Time of the row after it.
            steps: Number of missing rows.
        """
        self._gaps.append(_Gap(steps, before, after))

    def warnings(self) -> list[str]:
        """Return sentences on rows before the first, on long gaps, and on each feature with a long stretch."""
        return [*self._history_warning(), *self._gap_warning(), *self._feature_warnings()]

    def _history_warning(self) -> list[str]:
        if not self.history:
            return []
        return [
            f"Warning: the context summarizes {self.history:,} rows before a row, which the first {self.history:,} rows"
            " do not have: forecasts from them know less of the past."
        ]

    def _gap_warning(self) -> list[str]:
        if not self._gaps:
            return []
        longest, total = max(self._gaps), sum(gap.steps for gap in self._gaps)
        if len(self._gaps) == 1:
            what = f"a gap of {total:,} steps from {longest.before} to {longest.after}, which is"
        else:
            what = f"{len(self._gaps):,} gaps of {total:,} steps in all, the longest from {longest.before} to"
            what += f" {longest.after}, which are"
        return [f"Warning: the rows have {what} too long to fill: there are no forecasts from within."]

    def _feature_warnings(self) -> list[str]:
        return [
            f"Warning: '{name}' is missing in {feature.count:,} of {self.rows:,} rows, {feature.longest:,} of them"
            f" running from {feature.start}: forecasts use older values."
            for name, feature in self._features.items()
            if feature.longest >= self.long
        ]


class _Gap(NamedTuple):
    """A gap; the longest is the largest."""

    steps: int
    before: np.datetime64
    after: np.datetime64


class _Feature:
    """Missing values of one feature."""

    def __init__(self) -> None:
        self.count = self.longest = self._open = 0
        self.start: np.datetime64 | None = None
        self._opened: np.datetime64 | None = None

    def add(self, time: np.ndarray, missing: np.ndarray) -> None:
        if not len(missing):
            return
        self.count += int(missing.sum())
        edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(np.int8)))
        for start, stop in edges.reshape(-1, 2).tolist():
            length, begins = stop - start, time[start]
            if start == 0 and self._open:
                length, begins = length + self._open, self._opened
            if length > self.longest:
                self.longest, self.start = length, begins
            self._open, self._opened = length, begins
        if not missing[-1]:
            self._open = 0
