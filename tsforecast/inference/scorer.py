"""Intervals along a stream: each forecast gets one from the truths known when it is made, and is scored later."""

import numpy as np

from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.intervals import AdaptiveIntervals
from tsforecast.inference.metadata import ModelMetadata


class Scorer:
    """Computes intervals block by block, and updates them with the rows that have arrived by then.

    Args:
        intervals: Intervals to compute and to update.
        metadata: Lead, horizon and targets of the model.

    Example:
        ::

            scorer = Scorer(intervals, predictor.metadata)
            scorer.observe(stretch.place, stretch.truths)
            lower, upper = scorer.compute_intervals(stretch.place[ends], forecasts)
            ...
            scorer.finish()
    """

    def __init__(self, intervals: AdaptiveIntervals, metadata: ModelMetadata):
        self.intervals, self.metadata = intervals, metadata
        self._truth_places = np.empty(0, np.int64)
        self._truths = np.empty((0, len(metadata.targets)))
        self._ends = np.empty(0, np.int64)  # of forecasts that are not scored yet
        self._bands: list[np.ndarray] = []  # low, high, lower, upper of them

    def observe(self, places: np.ndarray, truths: np.ndarray) -> None:
        """Add rows; rows that have been added before are skipped.

        Args:
            places: Places ``[N]`` on the time grid, rising.
            truths: ``[N, T]`` in the targets' unit, NaN where unobserved.
        """
        newest = self._truth_places[-1] if len(self._truth_places) else np.iinfo(np.int64).min
        new = places > newest
        self._truth_places = np.concatenate([self._truth_places, places[new]])
        self._truths = np.concatenate([self._truths, truths[new]])

    def compute_intervals(self, ends: np.ndarray, forecasts: Forecasts) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and upper bounds ``[n, H, T]`` of a block of forecasts.

        They depend only on truths up to the first of the places, whatever else has been observed.

        Args:
            ends: Places ``[n]`` of the last row of each window, rising.
            forecasts: Forecasts of the n windows.
        """
        self._update(int(ends[0]))
        lower, upper = self.intervals.bounds(forecasts.low, forecasts.high)
        bands = [forecasts.low, forecasts.high, lower, upper]
        self._ends = np.concatenate([self._ends, ends])
        pairs = zip(self._bands, bands, strict=True) if self._bands else ()
        self._bands = [np.concatenate(pair) for pair in pairs] or bands
        return lower, upper

    def finish(self) -> None:
        """Score the forecasts whose truths are known by the end of the stream."""
        if len(self._truth_places):
            self._update(int(self._truth_places[-1]))

    def _update(self, now: int) -> None:
        ahead = np.arange(self.metadata.lead, self.metadata.lead + self.metadata.horizon)
        due = int(np.searchsorted(self._ends + ahead[-1], now, side="right"))
        if due:
            truth = self._select_truths(self._ends[:due, None] + ahead)
            low, high, lower, upper = (band[:due] for band in self._bands)
            self.intervals.update(low, high, lower, upper, truth)
            self._ends, self._bands = self._ends[due:], [band[due:] for band in self._bands]
        oldest = int(self._ends[0]) if len(self._ends) else now
        cut = int(np.searchsorted(self._truth_places, oldest))
        # The newest row stays, so that a repeated row is recognized.
        cut = min(cut, max(0, len(self._truth_places) - 1))
        self._truth_places, self._truths = self._truth_places[cut:], self._truths[cut:]

    def _select_truths(self, places: np.ndarray) -> np.ndarray:
        index = np.minimum(np.searchsorted(self._truth_places, places), len(self._truth_places) - 1)
        is_known = (self._truth_places[index] == places)[..., None]
        return np.where(is_known, self._truths[index], np.nan)
