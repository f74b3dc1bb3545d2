"""What is known of one series of a stream: its level, its sliding window, its constant values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from tsforecast.errors import UserError
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.missing import MissingStretches
from tsforecast.inference.sliding import Segment, SegmentStream
from tsforecast.tables.streaming import Rows
from tsforecast.times.resample import Resampler


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
        windows: Number of its windows so far.
        static: Values of the columns that are constant within it.
    """

    name: str
    labels: tuple[str, ...]
    metadata: ModelMetadata
    stream: SegmentStream
    missing: MissingStretches
    is_known: bool = True
    waiting: list[Rows] = field(default_factory=list)
    windows: int = 0
    static: dict[str, float] = field(default_factory=dict)

    def take(self, segments: Iterable[Segment]) -> Iterator[tuple[SeriesState, Segment]]:
        """Yield segments of the series, and count their windows."""
        for segment in segments:
            self.windows += len(segment.ends)
            yield self, segment

    def fill_static(self, rows: Rows, names: Iterable[str]) -> Rows:
        """Return rows in which each static column has the one value of the series, NaN before it is known.

        Raises:
            UserError: A value changes within the series.
        """
        columns = dict(rows.columns)
        for name in names:
            known = columns[name][~np.isnan(columns[name])]
            value = self.static.get(name, float(known[0]) if len(known) else np.nan)
            if (known != value).any():
                raise UserError(
                    f"predict.data: '{name}' changes within series '{self.name}', and it was constant within each"
                    " series of the training data: give it one value for each series."
                )
            if len(known):
                self.static[name] = value
            columns[name] = np.full(len(rows.time), value)
        return Rows(rows.time, columns)


def to_steps(rows: Rows, metadata: ModelMetadata) -> Rows:
    """Return rows of one series in the order of time; as complete bins if the training data were resampled.

    Args:
        rows: Rows in any order.
        metadata: Metadata of the model.
    """
    rows = rows.select(np.argsort(rows.time, kind="stable"))
    recipe = metadata.recipe
    if recipe is None or not metadata.grid.exact:
        return rows
    rows, names = rows.select(~np.isnat(rows.time)), list(rows.columns)
    codes = [names.index(name) for name in metadata.categories if name in names]
    resampler = Resampler(metadata.grid, recipe.aggregate_of(names), recipe.duplicates, codes)
    time = metadata.clock.to_grid(rows.time).astype("datetime64[ns]")
    time, values = resampler.add(time, np.stack(list(rows.columns.values()), axis=1))
    return Rows(time, dict(zip(names, values.T, strict=True)))
