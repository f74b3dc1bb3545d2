"""Windows over a stream of rows of many series: each series has a sliding window of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tsforecast.columns.categories import UNKNOWN
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.missing import MissingStretches
from tsforecast.inference.series_coder import SeriesCoder
from tsforecast.inference.series_state import SeriesState, to_steps
from tsforecast.inference.sliding import Segment, SegmentStream, time_format
from tsforecast.panels.identifiers import series_codes
from tsforecast.tables.streaming import Rows, stream_rows
from tsforecast.tables.table import Hints, Source, check_unique, naming_predict_keys
from tsforecast.times.formats import TimeFormat

CHECKED_PIECES = 4  # of the table, each of which has up to 65,536 rows
MIN_ROWS = 1024  # of a series on average, up to which pieces are joined: each series of a piece takes a while
MAX_JOINED = 4_000_000  # values of joined pieces


class PanelStream:
    """Splits a stream of rows of many series into the windows of each.

    An unknown series is scaled by its first window, and forecast from there on.

    Args:
        source: Where the rows come from; they are in the order of time within each series.
        metadata: Metadata of a model of many series.
        time: The time column; None for that of the training data.
        stride: Grid positions from one window to the next.

    Attributes:
        states: The series so far, by the numbers of their names.
    """

    def __init__(
        self,
        source: Source,
        metadata: ModelMetadata,
        time: str | Sequence[str] | None = None,
        stride: int = 1,
    ):
        self.source, self.metadata, self.stride = source, metadata, stride
        self.time = (time,) if isinstance(time, str) else tuple(time or ())
        self.coder = SeriesCoder(metadata)
        self._code_name = (metadata.panel or {}).get(
            "name"
        ) or ""  # of the feature with the code of the series
        self._static = tuple((metadata.panel or {}).get("static") or ())
        self._codes = series_codes(metadata.categories.get(self._code_name, ()))
        self.states: dict[tuple[int, ...], SeriesState] = {}
        recipe = metadata.recipe
        if recipe is None or not recipe.series_id:
            raise UserError(
                "The model was trained on a wide table, with one column for each series: train it on a long one"
                " (data.series_id) to forecast files."
            )
        self.recipe, self.columns = recipe, recipe.series_id

    def segments(self, pieces: int | None = None) -> Iterator[tuple[SeriesState, Segment]]:
        """Yield the segments of all series as their rows arrive.

        Args:
            pieces: Number of pieces of the table to read; None for all.

        Raises:
            UserError: As ``inference.sliding.segments``; or a row has no series.
        """
        rows = self._read() if pieces is None else itertools.islice(self._read(), pieces)
        for joined in self._join(rows):
            for key, part in self._split(joined):
                yield from self._add(self._state(key), part)
        if pieces is not None:
            return
        for state in self.states.values():
            if not state.waiting:
                yield from state.take(state.stream.finish())

    def warnings(self, most: int = 3) -> list[str]:
        """Return sentences on unknown series, and on missing values of the first few that have many."""
        lines = [f"Warning: {note}" for note in self.coder.notes()]
        unknown = [state.name for state in self.states.values() if not state.is_known]
        if unknown:
            lines.append(
                f"{len(unknown):,} series were not in the training data (first: '{unknown[0]}'): each is scaled by its"
                " first window."
            )
        short = [state.name for state in self.states.values() if not state.windows]
        if short:
            lines.append(
                f"{len(short):,} series (first: '{short[0]}') have fewer rows than a window, or gaps in all of them: no"
                " forecast."
            )
        gaps = [
            f"Series '{state.name}': {line}"
            for state in self.states.values()
            for line in state.missing.warnings()
        ]
        more = [f"{len(gaps) - most:,} more such lines."] if len(gaps) > most else []
        return [*lines, *gaps[:most], *more]

    def _read(self) -> Iterator[Rows]:
        metadata, recipe = self.metadata, self.recipe
        name = self._code_name
        with naming_predict_keys():
            table = self.source.open(Hints.from_recipe(recipe, self.time or recipe.time.columns))
            written: TimeFormat = time_format(recipe.time, self.time or recipe.time.columns)
            features = [
                feature for feature in metadata.all_features if feature in table.columns and feature != name
            ]
            check_unique(table, [*metadata.all_features, *self.columns])
            given = [*features, name] if name else features
            metadata.check_features(given, f"predict.data: {table.label}", near=table.columns)
            for column in self.columns:
                if column not in table.columns:
                    raise UserError(
                        f"predict.data: {table.label} has no column '{column}', which names the series of each row."
                    )
            yield from stream_rows(table, [*features, *self.columns], written, recipe, self.coder)

    def _join(self, pieces: Iterable[Rows]) -> Iterator[Rows]:
        """Yield pieces joined until their series have enough rows on average, in memory that does not grow."""
        waiting: list[Rows] = []
        for piece in pieces:
            waiting.append(piece)
            rows = sum(len(part.time) for part in waiting)
            if rows >= min(MAX_JOINED // len(piece.columns), MIN_ROWS * self._count_series(piece)):
                yield Rows.join(waiting)
                waiting = []
        if waiting:
            yield Rows.join(waiting)

    def _count_series(self, rows: Rows) -> int:
        """Return the number of series in a piece, of several columns at most."""
        counts = [np.count_nonzero(np.bincount(rows.columns[name].astype(np.int64))) for name in self.columns]
        return int(np.prod(counts))

    def _split(self, rows: Rows) -> Iterator[tuple[tuple[int, ...], Rows]]:
        """Yield the rows of each series in a piece."""
        if not len(rows.time):
            return
        sizes = [len(self.coder.labels[name]) for name in self.columns]
        numbers = np.ravel_multi_index([rows.columns[name].astype(np.int64) for name in self.columns], sizes)
        # Short numbers are sorted several times as fast.
        keys = numbers.astype(np.uint16) if np.prod(sizes) <= 2**16 else numbers
        order = np.argsort(keys, kind="stable")
        keys = numbers[order]
        starts = np.flatnonzero(np.append(True, np.diff(keys) != 0))
        stops = [*starts[1:].tolist(), len(keys)]
        features = {name: column for name, column in rows.columns.items() if name not in self.columns}
        sorted_rows = Rows(rows.time, features).select(order)
        names = zip(*(part.tolist() for part in np.unravel_index(keys[starts], sizes)), strict=True)
        for key, start, stop in zip(names, starts.tolist(), stops, strict=True):
            yield key, sorted_rows.select(slice(start, stop))

    def _state(self, key: tuple[int, ...]) -> SeriesState:
        if key not in self.states:
            labels = tuple(
                self.coder.labels[column][number] for column, number in zip(self.columns, key, strict=True)
            )
            self.states[key] = self._start("/".join(labels), labels)
        return self.states[key]

    def _start(self, name: str, labels: tuple[str, ...]) -> SeriesState:
        metadata, levels = self.metadata, self.metadata.scaler.levels
        is_known = levels is None or name in levels.index_of
        if levels is not None and is_known:
            index = levels.index_of[name]
            metadata = metadata.with_level(levels.shift[index], levels.width[index])
        missing = MissingStretches(metadata.lookback, metadata.categories, metadata.history)
        return SeriesState(
            name, labels, metadata, SegmentStream(metadata, self.stride, missing), missing, is_known
        )

    def _add(self, state: SeriesState, rows: Rows) -> Iterator[tuple[SeriesState, Segment]]:
        rows = state.fill_static(rows, self._static)
        if self._code_name:
            code = np.full(len(rows.time), self._codes.get(state.name, UNKNOWN), np.float64)
            rows = Rows(rows.time, {**rows.columns, self._code_name: code})
        if state.metadata.scaler.levels is not None:  # of an unknown series before its first window
            state.waiting.append(rows)
            rows = Rows.join(state.waiting)
            steps = to_steps(rows, self.metadata)
            if len(steps.time) < self.metadata.lookback:
                state.waiting = [rows]
                return
            state.waiting = []
            window = steps.select(slice(self.metadata.lookback))
            state.metadata = self.metadata.with_level(*self.metadata.level_of(window.columns))
            state.stream = SegmentStream(state.metadata, self.stride, state.missing)
        yield from state.take(state.stream.add(rows))


def check_panel_rows(
    source: Source, metadata: ModelMetadata, time: str | Sequence[str] | None = None
) -> None:
    """Read the first pieces of a table of many series, to refuse it before a model is loaded.

    Args:
        source: Where the table comes from.
        metadata: Metadata of the model.
        time: See ``PanelStream``.

    Raises:
        UserError: The table cannot be used, or its first rows do not fit the model.
    """
    for _ in PanelStream(source, metadata, time).segments(pieces=CHECKED_PIECES):
        pass
