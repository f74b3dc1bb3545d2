"""Windows over a stream of rows, each once: scaled and filled as in training, in memory that does not grow."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tsforecast.columns.categories import CategoryCoder
from tsforecast.data.filling import carry_forward
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.missing import MissingStretches
from tsforecast.tables.streaming import Rows, stream_rows
from tsforecast.tables.table import Hints, Source, check_unique, naming_predict_keys
from tsforecast.times.formats import TimeFormat
from tsforecast.times.grid import GridStream, check_step
from tsforecast.times.order import sort_rows
from tsforecast.times.resample import Resampler
from tsforecast.times.search import find_time
from tsforecast.times.text import ISO

CHECKED_PIECES = 16  # of a table, each of which has up to 65,536 rows


class Segment(NamedTuple):
    """Consecutive rows of a stream, and the windows that end in them.

    Args:
        time: ``[N]`` datetime64[s].
        position: ``[N]`` positions on the grid, rising.
        inputs: float32 ``[N, C]``, scaled, no NaN.
        truths: float64 ``[N, T]`` in the targets' unit, NaN where unobserved.
        ends: ``[n]`` rows in which windows end that no earlier segment had.
        lookback: L.
    """

    time: np.ndarray
    position: np.ndarray
    inputs: np.ndarray
    truths: np.ndarray
    ends: np.ndarray
    lookback: int

    def windows(self, ends: np.ndarray) -> np.ndarray:
        """Return the inputs ``[b, L, C]`` of windows, given their last rows."""
        return self.inputs[ends[:, None] + np.arange(1 - self.lookback, 1)]


def read_rows(
    source: Source,
    metadata: ModelMetadata,
    time: str | Sequence[str] | None = None,
    report: Callable[[str], None] = print,
) -> Iterator[Rows]:
    """Yield the columns that a model needs, piece by piece in the order of a table.

    Args:
        source: Where the table comes from.
        metadata: Metadata of the model; columns that it does not know are left out.
        time: The time column, or a date and a time-of-day column; None to find it.
        report: Called with each note at the end of the rows.

    Raises:
        UserError: The table cannot be used; the message names it.
    """
    with naming_predict_keys():
        recipe = metadata.recipe
        names = (time,) if isinstance(time, str) else tuple(time or (recipe.time.columns if recipe else ()))
        table = source.open(Hints.from_recipe(recipe, names))
        head = table.head()
        if not head.num_rows:
            raise UserError(f"{table.key}: {table.label} has no row.")
        written = find_time(head, names).format if recipe is None else time_format(recipe.time, names)
        features = [name for name in metadata.all_features if name in table.columns]
        check_unique(table, metadata.all_features)
        metadata.check_features(features, f"predict.data: {table.label}", near=table.columns)
        coder = CategoryCoder(metadata.categories, recipe.unknown_categories if recipe else "note")
        yield from stream_rows(table, features, written, recipe, coder)
    for note in coder.notes():
        report(f"predict.data: {note}")


def time_format(trained: TimeFormat, names: tuple[str, ...]) -> TimeFormat:
    """Return how times are written: as in the training data, or ISO 8601 in one column instead of several.

    Args:
        trained: How the times of the training data were written.
        names: Names of the time columns.

    Raises:
        UserError: There are other columns than that.
    """
    if len(names) == len(trained.columns):
        return replace(trained, columns=names)
    if len(names) == 1:
        return replace(trained, columns=names, pattern=ISO, clock="", offset=trained.is_utc)
    raise UserError(
        f"predict.time names {len(names)} columns ({', '.join(names)}), but the times of the training data were in"
        f" {len(trained.columns)} ({', '.join(trained.columns)}): name as many, or one whose times are written as"
        " 2024-01-31 13:45."
    )


def check_rows(source: Source, metadata: ModelMetadata, time: str | Sequence[str] | None = None) -> None:
    """Read the first million rows or so of a table, to refuse it before a model is loaded.

    Args:
        source: Where the table comes from.
        metadata: Metadata of the model.
        time: See ``read_rows``.

    Raises:
        UserError: The table cannot be used, or its first rows do not fit the model.
    """
    rows = read_rows(source, metadata, time, report=lambda note: None)
    for segment in segments(itertools.islice(rows, CHECKED_PIECES), metadata, stride=1):
        del segment


def segments(
    batches: Iterable[Rows],
    metadata: ModelMetadata,
    stride: int,
    missing: MissingStretches | None = None,
    *,
    check_steps: bool = True,
) -> Iterator[Segment]:
    """Yield every window of a stream, segment by segment.

    A missing value is the last one before it (before the first one, the training mean), as in training. A window
    without a single reading is left out, and so is one that a long gap runs through.

    Args:
        batches: Rows in the order of time, with the same columns in each.
        metadata: Metadata of the model.
        stride: Grid positions from one window to the next.
        missing: Receives the rows; None if missing values are of no interest.
        check_steps: Whether the most common step of the first rows must be the model's; few rows may have gaps.

    Raises:
        UserError: A value is too far from the training rows, or the rows are not one of the model's steps apart, or
            go back in time.
    """
    stream = SegmentStream(metadata, stride, missing, check_steps)
    for batch in batches:
        yield from stream.add(batch)
    yield from stream.finish()


class SegmentStream:
    """Takes the rows of one series piece by piece, and returns every window once, see ``segments``.

    Args:
        metadata: Metadata of the model.
        stride: Grid positions from one window to the next.
        missing: Receives the rows; None if missing values are of no interest.
        check_steps: See ``segments``.
    """

    def __init__(
        self,
        metadata: ModelMetadata,
        stride: int,
        missing: MissingStretches | None = None,
        check_steps: bool = True,
    ):
        self._rows = _GridRows(metadata, check_steps)
        self._window = _SlidingWindow(metadata, stride, missing)
        self._categories = metadata.categories
        self._names: list[str] = []

    def add(self, batch: Rows) -> Iterator[Segment]:
        """Yield the segment that ends in the rows that no later piece can change, if there are any."""
        grid = self._rows.grid
        if not self._names:
            self._names = list(batch.columns)
            grid.codes = [self._names.index(name) for name in self._categories]
        raw = np.stack([batch.columns[name] for name in self._names], axis=1)
        rows = self._rows.add(batch.time, raw, self._names)
        yield from self._window.extend(grid, self._names, *rows)

    def finish(self) -> Iterator[Segment]:
        """Yield the segments that end in the last rows."""
        for rows in self._rows.finish():
            yield from self._window.extend(self._rows.grid, self._names, *rows)


class _GridRows:
    """Puts the rows of a stream on the grid of a model; resamples them if the training data were."""

    def __init__(self, metadata: ModelMetadata, check_steps: bool = True):
        self.metadata, self._is_first, self._check_steps = metadata, True, check_steps
        self.duplicates = metadata.recipe.duplicates if metadata.recipe else "last"
        self.grid = GridStream(
            metadata.grid.step,
            pad=metadata.input_rows,
            grid=metadata.grid if metadata.grid.exact else None,
            duplicates=self.duplicates,
        )
        self._resampler: Resampler | None = None

    def add(self, time: np.ndarray, raw: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the positions and values of the rows that no later piece can change."""
        metadata = self.metadata
        time = metadata.clock.to_grid(time)
        with _predict_data():
            if self._is_first:
                self._start(time, names)
            if self._resampler is not None:
                time, raw = self._resampler.add(*sort_rows(time, raw))
            return self.grid.add(time, raw)

    def finish(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the positions and values of the last rows."""
        with _predict_data():
            last = None if self._resampler is None else self._resampler.finish()
            rows = [] if last is None else [self.grid.add(*last)]
            newest = self.grid.finish()
        yield from rows
        if newest is not None:
            yield newest

    def _start(self, time: np.ndarray, names: list[str]) -> None:
        self._is_first, recipe = False, self.metadata.recipe
        if recipe is not None and self.metadata.grid.exact:
            how = recipe.aggregate_of(names)
            self._resampler = Resampler(self.metadata.grid, how, self.duplicates, self.grid.codes)
        elif self._check_steps:
            check_step(time, self.metadata.grid)


@contextmanager
def _predict_data() -> Iterator[None]:
    try:
        yield
    except UserError as error:
        raise UserError(f"predict.data: {error}") from None


class _SlidingWindow:
    """The newest rows of a stream, which windows to come still need."""

    def __init__(self, metadata: ModelMetadata, stride: int, missing: MissingStretches | None):
        self.metadata, self.stride, self.missing = metadata, stride, missing
        self.position = self._newest = np.empty(0, np.int64)
        self.raw: np.ndarray | None = None
        self.inputs = np.empty((0, len(metadata.channels)), np.float32)
        self.before = np.zeros(
            len(metadata.channels), np.float32
        )  # the last values, which fill what is missing

    def extend(
        self, grid: GridStream, names: list[str], position: np.ndarray, raw: np.ndarray
    ) -> Iterator[Segment]:
        """Yield the segment that ends in new rows, if there are any."""
        if not len(position):
            return
        if self.missing is not None:
            self.missing.add(names, grid.times(position), raw)
        metadata, keep = self.metadata, self.metadata.lookback + self.metadata.history - 1
        raw = raw if self.raw is None else np.concatenate([self.raw, raw])
        self._add_gaps(grid, position)
        position = np.concatenate([self.position, position])
        time = grid.times(position)
        old = len(self.inputs)
        if len(position) - metadata.reach > old:
            columns = dict(zip(names, raw[old:].T, strict=True))
            rows = metadata.rows(time[old:], columns)
            new = metadata.inputs(time[old:], rows)
            with _predict_data():
                metadata.check_range(new, time[old:], rows)
            self._fill(new)
            self.inputs = np.concatenate([self.inputs, new])
            metadata.add_context(self.inputs, old)
        targets = [names.index(name) for name in metadata.targets]
        ends = self._ends(position, raw, old)
        yield Segment(time, position, self.inputs, raw[:, targets], ends, metadata.lookback)
        cut = max(0, len(self.inputs) - keep)
        self.position, self.raw, self.inputs = position[cut:], raw[cut:], self.inputs[cut:]

    def _add_gaps(self, grid: GridStream, position: np.ndarray) -> None:
        """Add the gaps before new rows whose middle is not on the grid."""
        if self.missing is None or grid.pad is None:
            return
        position, self._newest = np.concatenate([self._newest, position]), position[-1:]
        for index in np.flatnonzero(np.diff(position) > 1):
            first, last = position[index] - grid.pad, position[index + 1] + grid.pad
            before, after = grid.times(np.array([first, last]))
            self.missing.add_gap(before, after, int(last - first) - 1)

    def _fill(self, new: np.ndarray) -> None:
        for index in range(new.shape[1]):
            new[:, index] = carry_forward(new[:, index], before=self.before[index])
        self.before = new[-1].copy()

    def _ends(self, position: np.ndarray, raw: np.ndarray, old: int) -> np.ndarray:
        lookback = self.metadata.lookback
        ends = np.arange(max(old, lookback - 1), len(self.inputs), dtype=np.int64)
        starts = ends - lookback + 1
        readings = np.concatenate([[0], np.cumsum(~np.isnan(raw).all(axis=1))])
        unbroken = position[ends] - position[starts] == lookback - 1
        on_stride = position[ends] % self.stride == 0 if self.stride > 1 else True
        selected: np.ndarray = ends[unbroken & (readings[ends + 1] > readings[starts]) & on_stride]
        return selected
