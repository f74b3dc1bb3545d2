"""Batches of rows put on a regular grid one behind the other, by the rules of ``data.regular``."""

import numpy as np

from tsforecast.data.time_grid import SECOND, describe
from tsforecast.errors import UserError


class Grid:
    """Gives each row its place on the grid, as ``data.regular.regularize`` does for a whole series.

    Differences, since the file is seen once: rows must come in the order of time from batch to batch (within a batch
    they are sorted), and of a gap longer than ``2 * pad`` only ``pad`` rows on each side are given.

    Args:
        step: seconds from one row to the next.
        pad: missing rows to give next to an observed one.
    """

    def __init__(self, step: int, pad: int):
        self.step, self.pad = step, pad
        self.phase: int | None = None
        self._held: tuple[np.ndarray, np.ndarray] | None = (
            None  # the newest row, which a later one may replace
        )

    def add(self, time: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Takes a batch and gives the rows that are settled.

        Args:
            time: ``[N]`` datetime64[ns], NaT allowed.
            values: ``[N, F]``.

        Returns:
            Places ``[M]`` on the grid, rising, and values ``[M, F]``, NaN in places without a row.

        Raises:
            UserError: the rows begin before the place where the batch before ended.
        """
        known = ~np.isnat(time)
        time, values = time[known], values[known]
        if not len(time):
            return np.empty(0, np.int64), values
        order = np.argsort(time, kind="stable")
        seconds = -(-time[order].astype(np.int64) // SECOND)
        if self.phase is None:
            phases, count = np.unique(seconds % self.step, return_counts=True)
            self.phase = int(phases[count.argmax()])
        place = -(-(10 * (seconds - self.phase) - self.step) // (10 * self.step))  # a tenth early is on time
        values = values[order]
        before = self._held
        if before is not None:
            if place[0] < before[0][0]:
                raise UserError(
                    f"predict.data: the rows go back in time, to {time[order][0]} after {self.times(before[0])[0]}: "
                    "sort the file by time."
                )
            place, values = np.concatenate([before[0], place]), np.concatenate([before[1], values])
        last = np.append(place[1:] != place[:-1], True)
        place, values = self._filled(place[last], values[last])
        self._held = place[-1:], values[-1:]
        return place[:-1], values[:-1]

    def finish(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The row held back, or None when there never was one."""
        held, self._held = self._held, None
        return held

    def times(self, place: np.ndarray) -> np.ndarray:
        """The times datetime64[s] of places."""
        return (place * self.step + (self.phase or 0)).astype("datetime64[s]")

    def _filled(self, place: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gaps = np.flatnonzero(np.diff(place) > 1)
        if not len(gaps):
            return place, values
        missing = np.concatenate([self._missing(place[gap], place[gap + 1]) for gap in gaps])
        places = np.union1d(place, missing)
        filled = np.full((len(places), values.shape[1]), np.nan)
        filled[np.searchsorted(places, place)] = values
        return places, filled

    def _missing(self, before: int, after: int) -> np.ndarray:
        if after - before - 1 <= 2 * self.pad:
            return np.arange(before + 1, after)
        near = np.arange(1, self.pad + 1)
        return np.concatenate([before + near, after - near[::-1]])


def check_step(time: np.ndarray, step: int) -> None:
    """Refuses rows whose commonest step is not the model's: its window would span another stretch of time.

    Raises:
        UserError: naming both.
    """
    known = np.sort(time[~np.isnat(time)])
    steps = np.diff(known).astype(np.int64)
    steps = steps[steps > 0]
    if not len(steps):
        return
    found, count = np.unique(steps, return_counts=True)
    commonest = int(found[count.argmax()])
    if abs(commonest - step * SECOND) > 0.1 * step * SECOND:
        raise UserError(
            f"predict.data: the rows are {describe(max(1, commonest // SECOND))} apart and the model's "
            f"{describe(step)}: resample them."
        )
