"""Intervals along a stream: each forecast gets one from the truths known when it is made, and is judged later."""

import numpy as np

from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.intervals import AdaptiveIntervals
from tsforecast.inference.metadata import ModelMetadata


class Scorer:
    """Gives intervals block by block and learns from the rows that have come by then.

    Args:
        intervals: to give and to teach.
        metadata: of the model.
    """

    def __init__(self, intervals: AdaptiveIntervals, metadata: ModelMetadata):
        self.intervals, self.metadata = intervals, metadata
        self._truth_at = np.empty(0, np.int64)
        self._truths = np.empty((0, len(metadata.targets)))
        self._ends = np.empty(0, np.int64)  # of forecasts that are not judged yet
        self._bands: list[np.ndarray] = []  # low, high, lower, upper of them

    def observe(self, place: np.ndarray, truths: np.ndarray) -> None:
        """Takes rows, which may have been seen before: their places, rising, and truths ``[N, T]``."""
        new = place > (self._truth_at[-1] if len(self._truth_at) else np.iinfo(np.int64).min)
        self._truth_at = np.concatenate([self._truth_at, place[new]])
        self._truths = np.concatenate([self._truths, truths[new]])

    def intervals_of(self, ends: np.ndarray, forecasts: Forecasts) -> tuple[np.ndarray, np.ndarray]:
        """The intervals ``[n, H, T]`` of a block of forecasts made at places ``ends``, rising.

        They hang on truths up to the first of these places alone, whatever else has been observed.
        """
        self._learn(int(ends[0]))
        lower, upper = self.intervals.around(forecasts.low, forecasts.high)
        given = [forecasts.low, forecasts.high, lower, upper]
        self._ends = np.concatenate([self._ends, ends])
        joined = zip(self._bands, given, strict=True) if self._bands else ()
        self._bands = [np.concatenate(pair) for pair in joined] or given
        return lower, upper

    def finish(self) -> None:
        """Judges what can still be judged."""
        if len(self._truth_at):
            self._learn(int(self._truth_at[-1]))

    def _learn(self, now: int) -> None:
        ahead = np.arange(self.metadata.lead, self.metadata.lead + self.metadata.horizon)
        due = int(np.searchsorted(self._ends + ahead[-1], now, side="right"))
        if due:
            truth = self._at(self._ends[:due, None] + ahead)
            low, high, lower, upper = (band[:due] for band in self._bands)
            self.intervals.update(low, high, lower, upper, truth)
            self._ends, self._bands = self._ends[due:], [band[due:] for band in self._bands]
        oldest = int(self._ends[0]) if len(self._ends) else now
        cut = int(np.searchsorted(self._truth_at, oldest))
        # The newest row stays, so that a row that comes again is known.
        cut = min(cut, max(0, len(self._truth_at) - 1))
        self._truth_at, self._truths = self._truth_at[cut:], self._truths[cut:]

    def _at(self, places: np.ndarray) -> np.ndarray:
        index = np.minimum(np.searchsorted(self._truth_at, places), len(self._truth_at) - 1)
        return np.where((self._truth_at[index] == places)[..., None], self._truths[index], np.nan)
