"""Windows over a stream of rows of many series: each series has a sliding window of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from tsforecast.columns.categories import UNKNOWN, CategoryCoder
from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.missing import MissingStretches
from tsforecast.inference.sliding import Segment, SegmentStream, time_format
from tsforecast.panels.identifiers import encode_values, series_codes
from tsforecast.tables.streaming import Rows, stream_rows
from tsforecast.tables.table import Hints, Source, check_unique, naming_predict_keys
from tsforecast.times.formats import TimeFormat

CHECKED_PIECES = 4  # of the table, each of which has up to 65,536 rows


class SeriesCoder(CategoryCoder):
    """Codes categories, and numbers the values of the columns that name series as they appear.

    Args:
        metadata: Metadata of a model of many series.

    Example:
        Rows of series ``b``, ``a`` and ``b`` get the numbers 0, 1 and 0, and ``names`` has ``["b", "a"]``.
    """

    def __init__(self, metadata: ModelMetadata):
        recipe = metadata.recipe
        columns = recipe.series_id if recipe else ()
        self.names: dict[str, dict[str, int]] = {name: {} for name in columns}
        vocabulary = {name: values for name, values in metadata.categories.items() if name not in columns}
        super().__init__(
            {**vocabulary, **dict.fromkeys(columns, ())}, recipe.unknown_categories if recipe else "note"
        )

    def encode(
        self,
        name: str,
        text: pa.ChunkedArray,
        first: int = 1,
        where: str = "",
        locate: Callable[[int], str] | None = None,
    ) -> np.ndarray:
        """Return the codes float64 ``[N]`` of a column."""
        if name not in self.names:
            return super().encode(name, text, first, where, locate)
        known = self.names[name]
        indices, dictionary = encode_values(text)
        values = dictionary.to_pylist()
        if None in values:
            row = first + int((indices == values.index(None)).argmax())
            raise UserError(f"{where}column '{name}' is empty in row {row:,}: name the series of each row.")
        numbers = np.array([known.setdefault(value, len(known)) for value in values], np.float64)
        codes: np.ndarray = numbers[indices]
        return codes


@dataclass
class SeriesState:
    """One series of a stream.

    Args:
        name: Its name, as in training.
        labels: Values of the columns that name it.
        metadata: Metadata of the model, with the level of the series.
        stream: Its sliding window.
        missing: Its missing values.
        is_known: Whether the training data had it.
        waiting: Rows of an unknown series, before its first window is complete.
    """

    name: str
    labels: tuple[str, ...]
    metadata: ModelMetadata
    stream: SegmentStream
    missing: MissingStretches
    is_known: bool = True
    waiting: list[Rows] = field(default_factory=list)


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
        for number, rows in enumerate(self._read()):
            for key, part in self._split(rows):
                yield from self._add(self._state(key), part)
            if pieces is not None and number + 1 >= pieces:
                return
        for state in self.states.values():
            if not state.waiting:
                yield from ((state, segment) for segment in state.stream.finish())

    def warnings(self, most: int = 3) -> list[str]:
        """Return sentences on unknown series, and on missing values of the first few that have many."""
        lines = [f"Warning: {note}" for note in self.coder.notes()]
        unknown = [state.name for state in self.states.values() if not state.is_known]
        if unknown:
            lines.append(
                f"{len(unknown):,} series were not in the training data (first: '{unknown[0]}'): each is scaled by its"
                " first window."
            )
        short = [state.name for state in self.states.values() if state.waiting]
        if short:
            lines.append(
                f"{len(short):,} of them (first: '{short[0]}') have fewer rows than a window: no forecast."
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

    def _split(self, rows: Rows) -> Iterator[tuple[tuple[int, ...], Rows]]:
        """Yield the rows of each series in a piece."""
        keys = np.stack([rows.columns[name] for name in self.columns], axis=1).astype(np.int64)
        values, index = np.unique(keys, axis=0, return_inverse=True) if keys.shape[1] > 1 else _numbers(keys)
        order = np.argsort(index, kind="stable")
        borders = np.searchsorted(index[order], np.arange(len(values) + 1))
        features = {name: column for name, column in rows.columns.items() if name not in self.columns}
        for number, key in enumerate(values):
            selected = order[borders[number] : borders[number + 1]]
            yield (
                tuple(int(part) for part in np.atleast_1d(key)),
                Rows(rows.time, features).select(selected),
            )

    def _state(self, key: tuple[int, ...]) -> SeriesState:
        if key not in self.states:
            labels = tuple(
                list(self.coder.names[column])[number]
                for column, number in zip(self.columns, key, strict=True)
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
        if self._code_name:
            code = np.full(len(rows.time), self._codes.get(state.name, UNKNOWN), np.float64)
            rows = Rows(rows.time, {**rows.columns, self._code_name: code})
        if state.metadata.scaler.levels is not None:  # of an unknown series before its first window
            state.waiting.append(rows)
            rows = Rows.join(state.waiting)
            if len(rows.time) < self.metadata.lookback:
                state.waiting = [rows]
                return
            state.waiting = []
            state.metadata = self._level_of(rows)
            state.stream = SegmentStream(state.metadata, self.stride, state.missing)
        yield from ((state, segment) for segment in state.stream.add(rows))

    def _level_of(self, rows: Rows) -> ModelMetadata:
        """Return the metadata of an unknown series, with the level of its first window."""
        first = np.argsort(rows.time, kind="stable")[: self.metadata.lookback]
        window = {name: column[first] for name, column in rows.columns.items()}
        return self.metadata.with_level(*self.metadata.level_of(window))


def _numbers(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    values, index = np.unique(keys[:, 0], return_inverse=True)
    return values[:, None], index


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
