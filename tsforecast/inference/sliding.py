"""Windows over a stream of rows: scaled and filled as in training, each once, in memory that does not grow."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from tsforecast.data.filling import carry_forward
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.serving.grid import Grid, check_step
from tsforecast.serving.stream import Batch


class Stretch(NamedTuple):
    """Rows one behind the other, and the windows that end in them.

    Args:
        time: ``[N]`` datetime64[s].
        place: ``[N]`` on the grid, rising.
        inputs: float32 ``[N, C]``, scaled, no NaN.
        truths: float64 ``[N, T]`` in the targets' unit, NaN where unobserved.
        ends: ``[n]`` rows in which windows end that no stretch before had.
        lookback: L.
    """

    time: np.ndarray
    place: np.ndarray
    inputs: np.ndarray
    truths: np.ndarray
    ends: np.ndarray
    lookback: int

    def windows(self, ends: np.ndarray) -> np.ndarray:
        """The inputs ``[b, L, C]`` of windows by their last rows."""
        return self.inputs[ends[:, None] + np.arange(1 - self.lookback, 1)]


def stretches(batches: Iterable[Batch], metadata: ModelMetadata, stride: int) -> Iterator[Stretch]:
    """Every window of a stream.

    A value that is missing is the last one before it (before the first one, the training mean), as in training. A
    window without a single reading is left out, and so is one that a long gap runs through.

    Args:
        batches: rows in the order of time.
        metadata: of the model.
        stride: places from one window to the next.

    Raises:
        UserError: the rows are not one of the model's steps apart, or go back in time.
    """
    grid = Grid(metadata.step, pad=metadata.lookback + metadata.reach)
    tail = _Tail(metadata, stride)
    for number, batch in enumerate(batches):
        if number == 0:
            check_step(batch.time, metadata.step)
        raw = np.stack([batch.columns[name] for name in batch.columns], axis=1)
        names = list(batch.columns)
        yield from tail.extended(grid, names, *grid.add(batch.time, raw))
    last = grid.finish()
    if last is not None:
        yield from tail.extended(grid, names, *last)


class _Tail:
    """The newest rows of a stream, which windows to come still need."""

    def __init__(self, metadata: ModelMetadata, stride: int):
        self.metadata, self.stride = metadata, stride
        self.place = np.empty(0, np.int64)
        self.raw: np.ndarray | None = None
        self.inputs = np.empty((0, len(metadata.channels)), np.float32)
        self.filled = np.zeros(len(metadata.channels), np.float32)  # what stands in before the first reading

    def extended(self, grid: Grid, names: list[str], place: np.ndarray, raw: np.ndarray) -> Iterator[Stretch]:
        if not len(place):
            return
        metadata, keep = self.metadata, self.metadata.lookback - 1
        raw = raw if self.raw is None else np.concatenate([self.raw, raw])
        place = np.concatenate([self.place, place])
        time = grid.times(place)
        old = len(self.inputs)
        if len(place) - metadata.reach > old:
            columns = dict(zip(names, raw[old:].T, strict=True))
            fresh = metadata.inputs(time[old:], metadata.rows(time[old:], columns))
            self._fill(fresh)
            self.inputs = np.concatenate([self.inputs, fresh])
        targets = [names.index(name) for name in metadata.targets]
        yield Stretch(
            time, place, self.inputs, raw[:, targets], self._ends(place, raw, old), metadata.lookback
        )
        cut = max(0, len(self.inputs) - keep)
        self.place, self.raw, self.inputs = place[cut:], raw[cut:], self.inputs[cut:]

    def _fill(self, fresh: np.ndarray) -> None:
        for index in range(fresh.shape[1]):
            fresh[:, index] = carry_forward(fresh[:, index], before=self.filled[index])
        self.filled = fresh[-1].copy()

    def _ends(self, place: np.ndarray, raw: np.ndarray, old: int) -> np.ndarray:
        lookback = self.metadata.lookback
        ends = np.arange(max(old, lookback - 1), len(self.inputs), dtype=np.int64)
        starts = ends - lookback + 1
        readings = np.concatenate([[0], np.cumsum(~np.isnan(raw).all(axis=1))])
        unbroken = place[ends] - place[starts] == lookback - 1
        on_stride = place[ends] % self.stride == 0 if self.stride > 1 else True
        selected: np.ndarray = ends[unbroken & (readings[ends + 1] > readings[starts]) & on_stride]
        return selected
