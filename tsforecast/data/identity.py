"""The identity of a run's data: what ``result.json`` records of it, and how today's data differ from it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tsforecast.data.series import Series
from tsforecast.data.splits import PARTS, Borders, borders
from tsforecast.errors import UserError


@dataclass(frozen=True)
class DataIdentity:
    """The rows that a run was trained and scored on.

    Args:
        name: Name of the data set.
        hash: ``Series.data_hash`` over all rows.
        rows: Number of rows.
        splits: First and last time of ``train``, ``val`` and ``test``, as ISO text.
        recipe: ``ReadingRecipe.to_dict`` of the source; None if it needs no decisions.
        last: Time of the last row, as ISO text; empty for runs that did not store it.
        series: Number of series of a panel; 0 for one series.
        ends: Of a panel whose times number steps, the last training step and the last step of each series by its name.

    Example:
        >>> before = DataIdentity("load", "a1", 300, {"train": ("2024-01-01", "2024-07-01")})
        >>> after = DataIdentity("load", "b2", 400, {"test": ("2024-12-01", "2025-02-01")})
        >>> compare_data(before, after, scored="test")
        'the data have changed since the run: 300 rows then (hash a1), 400 rows now (hash b2)'
    """

    name: str
    hash: str
    rows: int
    splits: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    recipe: Mapping[str, Any] | None = None
    last: str = ""
    series: int = 0
    ends: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @classmethod
    def from_series(cls, series: Series, parts: Borders | np.ndarray = ()) -> "DataIdentity":
        """Return the identity of a series and its split into ``parts``, see ``ForecastDataset.parts``."""
        recipe = None if series.recipe is None else series.recipe.to_dict()
        has_clock = series.panel is None or series.panel.has_clock
        times = _times(series.time, parts if has_clock else ())
        last = str(series.time.max() if series.panel else series.time[-1])
        count = 0 if series.panel is None else len(series.panel)
        ends = {} if has_clock else _ends(series, parts)
        return cls(series.name, series.data_hash(), len(series), times, recipe, last, count, ends)

    @classmethod
    def from_dict(
        cls, stored: Mapping[str, Any], series: Series, split: Mapping[str, object]
    ) -> "DataIdentity":
        """Return the identity that ``to_dict`` stored.

        Args:
            stored: The entry ``data`` of ``result.json``; runs of version 0.1 have no ``splits`` there.
            series: The data of today, whose first time and step complete such an entry.
            split: ``data.split`` of the run, for the same purpose.
        """
        splits = stored.get("splits")
        count = int(stored.get("series", 0))
        if not splits and not count:
            time = series.grid.shift(series.time[0], np.arange(stored["rows"]))
            splits = _times(time, borders(split, time))
        rows, recipe = int(stored["rows"]), stored.get("recipe")
        last = stored.get("last", "")
        return cls(stored.get("name", ""), stored["hash"], rows, splits or {}, recipe, last, count)

    def to_dict(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        stored = asdict(self)
        if not self.series:
            del stored["series"]
        if not self.ends:
            del stored["ends"]
        return stored


def compare_data(before: DataIdentity, now: DataIdentity, scored: str | None = None) -> str:
    """Say in one sentence how data differ from those of a run; an empty text if they are the same.

    Args:
        before: Data of the run.
        now: Data of today.
        scored: The split that is about to be scored; None if none is.

    Raises:
        UserError: Rows to be scored were training rows of the run, so that their figures would mean nothing.
    """
    if before.hash == now.hash:
        return ""
    sentence = (
        f"the data have changed since the run: {before.rows:,} rows then (hash {before.hash}),"
        f" {now.rows:,} rows now (hash {now.hash})"
    )
    if scored is not None and (before.series or now.series):
        raise UserError(
            f"{sentence[0].upper()}{sentence[1:]}: evaluate the model on the series that it was trained with, or train"
            " again."
        )
    if scored is not None and "train" in before.splits:
        first, last = (np.datetime64(time) for time in before.splits["train"])
        start, stop = (np.datetime64(time) for time in now.splits[scored])
        if start <= last and stop >= first:
            raise UserError(
                f"{sentence[0].upper()}{sentence[1:]}, and its {scored} rows ({start} to {stop}) were training rows"
                f" of the run ({first} to {last}): give the run's data, or train again."
            )
    return sentence


def _times(time: np.ndarray, parts: Borders | np.ndarray) -> dict[str, tuple[str, str]]:
    """Return the first and the last time of each part, over all series."""
    times = {}
    for name, part in zip(PARTS, parts, strict=False):
        ranges = np.reshape(part, (-1, 2))
        start, stop = ranges[ranges[:, 1] > ranges[:, 0]].T
        times[name] = (str(time[start].min()), str(time[stop - 1].max()))
    return times


def step_numbers(series: Series) -> np.ndarray:
    """Return the numbers ``[N]`` of the steps that the times of a panel without a clock stand for."""
    seconds: np.ndarray = series.time.astype("datetime64[s]").astype(np.int64)
    return seconds // series.grid.step.seconds


def _ends(series: Series, parts: Borders | np.ndarray) -> dict[str, Sequence[int]]:
    """Return the last training step and the last step of each series; both are the same without splits."""
    if series.panel is None:
        return {}
    numbers, stops = step_numbers(series), series.panel.bounds[1:]
    trained = np.reshape(parts[0], (-1, 2))[:, 1] if len(parts) else stops
    pairs = np.stack([numbers[trained - 1], numbers[stops - 1]], axis=1).tolist()
    return dict(zip(series.panel.ids, pairs, strict=True))
