"""Series: what every source returns, and the choice of its features and targets."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.derived import Derived
from tsforecast.errors import UserError, nearest
from tsforecast.panels.panel import Panel
from tsforecast.storage.rows import chunks
from tsforecast.times.clock import Clock
from tsforecast.times.frequency import Frequency
from tsforecast.times.time_grid import TimeGrid

if TYPE_CHECKING:
    from tsforecast.reading.recipe import ReadingRecipe


@dataclass(frozen=True)
class StoredRows:
    """The rows of a series in files that are mapped into memory, see ``data.stored_series``.

    Args:
        folder: Folder of all stored data.
        key: Key of these.
        hash: ``Series.data_hash`` of the whole series with ``names``.
        names: Its features and its targets.
        time: ``[N]`` datetime64[s].
        values: ``[N, C]`` float64.
    """

    folder: Path
    key: str
    hash: str
    names: tuple[tuple[str, ...], tuple[str, ...]]
    time: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Series:
    """A regular multivariate series, or a panel of many of them.

    Args:
        time: ``[N]`` datetime64[s], one step apart.
        values: ``[N, C]`` float32 or float64 in the features' own units, codes of categories (see
            ``columns.categories``), NaN where missing.
        features: the C names.
        targets: the names to forecast, all among ``features``.
        season: steps in a season (a day, a week or a year), for MASE and the seasonal-naive baseline.
        unit: unit of the targets, empty if unknown or mixed.
        known_ahead: features whose future is known, such as the calendar's.
        notes: one sentence for each thing that was corrected.
        name: name of the data set.
        derived: features that are computed from others, so that data to forecast from need not bring them.
        recipe: how the source was read; None for sources that need no decisions.
        stored: the stored rows that ``time`` and ``values`` are views of; None in memory.
        panel: the series whose rows follow each other, each regular; None for one series.
    """

    time: np.ndarray
    values: np.ndarray
    features: tuple[str, ...]
    targets: tuple[str, ...]
    season: int
    unit: str = ""
    known_ahead: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    name: str = "series"
    derived: Derived = field(default_factory=dict)
    recipe: "ReadingRecipe | None" = None
    stored: StoredRows | None = None
    panel: Panel | None = None

    def __len__(self) -> int:
        return len(self.time)

    @property
    def step(self) -> int:
        """Seconds from one row to the next, on average for months and business days (0 for a single row)."""
        if self.recipe is not None and self.recipe.grid is not None:
            return self.recipe.grid.step.seconds
        return int((self.time[1] - self.time[0]).astype("int64")) if len(self) > 1 else 0

    @property
    def categories(self) -> Mapping[str, tuple[str, ...]]:
        """The features that hold codes of categories -> those categories."""
        return self.recipe.categories if self.recipe else {}

    @property
    def clock(self) -> Clock:
        """What the times mean."""
        return self.recipe.clock if self.recipe is not None else Clock()

    @property
    def grid(self) -> TimeGrid:
        """The grid that the times are on."""
        if self.recipe is not None and self.recipe.grid is not None:
            return self.recipe.grid
        step = Frequency(max(1, self.step))
        return TimeGrid(step, int(self.time[0].astype("datetime64[s]").astype("int64")) % step.count)

    @property
    def bounds(self) -> np.ndarray:
        """``[S + 1]`` the first row of each series, and the number of all rows."""
        return np.array([0, len(self)]) if self.panel is None else self.panel.bounds

    def series_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the index ``[n]`` of the series that rows belong to; 0 for one series."""
        rows = np.asarray(rows)
        return np.zeros(len(rows), np.int64) if self.panel is None else self.panel.series_of(rows)

    def column(self, feature: str) -> np.ndarray:
        """Return a view ``[N]`` of one feature."""
        return self.values[:, self.features.index(feature)]

    def newest(self, rows: int) -> "Series":
        """Return the last ``rows`` rows, of many series those of each, or all if there are fewer."""
        if self.panel is None:
            return replace(self, time=self.time[-rows:], values=self.values[-rows:])
        before = self.panel.bounds[1:][self.panel.series_of(np.arange(len(self)))] - np.arange(len(self))
        return self.select(before <= rows)

    def select(self, kept: np.ndarray) -> "Series":
        """Return some of the rows; a series of a panel without any of them is left out.

        Args:
            kept: ``[N]`` which rows; those of a series follow each other.
        """
        panel = None
        if self.panel is not None:
            of_row = self.panel.series_of(np.flatnonzero(kept))
            counts = np.bincount(of_row, minlength=len(self.panel))
            left, _ = self.panel.select(counts > 0)
            panel = replace(left, bounds=np.concatenate([[0], np.cumsum(counts[counts > 0])]))
        return replace(self, time=self.time[kept], values=self.values[kept], panel=panel, stored=None)

    def single(self, index: int) -> "Series":
        """Return one series of a panel, without the features that are constant within each; 0 is a series itself."""
        if self.panel is None:
            return self
        rows = slice(*self.panel.bounds[index : index + 2])
        names = tuple(name for name in self.features if name not in self.panel.constant)
        columns = [self.features.index(name) for name in names]
        values = self.values[rows][:, columns]
        return replace(self, time=self.time[rows], values=values, features=names, panel=None, stored=None)

    @property
    def stored_range(self) -> tuple[int, int] | None:
        """The range of stored rows that these are, or None if the values are in memory."""
        if self.stored is None or self.values.strides != self.stored.values.strides:
            return None
        whole = self.stored.values
        start = (self.values.ctypes.data - whole.ctypes.data) // whole.strides[0]
        return (start, start + len(self)) if 0 <= start <= len(whole) - len(self) else None

    def data_hash(self) -> str:
        """Return 16 hex digits of the SHA-256 over times, values and names: equal data, equal hash."""
        stored = self.stored
        if (
            stored
            and stored.names == (self.features, self.targets)
            and self.stored_range == (0, len(stored.time))
        ):
            return stored.hash
        digest = hashlib.sha256()
        digest.update(repr((self.features, self.targets, self.values.dtype.str)).encode())
        if self.categories:
            digest.update(repr(sorted(self.categories.items())).encode())
        if self.panel is not None:
            digest.update(repr((self.panel.ids, self.panel.bounds.tolist())).encode())
        for array in (self.time, self.values):
            for rows in chunks(0, len(self)):
                digest.update(np.ascontiguousarray(array[rows]).view(np.uint8).data)
        return digest.hexdigest()[:16]


def pick_targets(target: str | Sequence[str] | None, candidates: Sequence[str]) -> tuple[str, ...]:
    """Resolve a name, a list of names or ``"all"`` to names among ``candidates``.

    Raises:
        UserError: if nothing is named, or a name is not among the candidates (the nearest one is
            suggested).
    """
    names = [target] if isinstance(target, str) else list(target or ())
    if not names:
        raise UserError(f"data.target is empty: name one of {_join_names(candidates)}, or 'all'.")
    if names == ["all"] and "all" not in candidates:
        return tuple(candidates)
    for name in names:
        if name not in candidates:
            raise UserError(
                f"data.target: there is no numeric column '{name}'.{nearest(str(name), candidates)}"
                f" The data have {_join_names(candidates)}."
            )
    return tuple(dict.fromkeys(names))


def pick_features(
    features: Sequence[str] | str | None, targets: Sequence[str], candidates: Sequence[str]
) -> tuple[str, ...]:
    """Resolve the features to feed in (None: every candidate); targets are always fed in too.

    Raises:
        UserError: if a name is not among the candidates (the nearest one is suggested).
    """
    if features is None or features == "all":
        return tuple(candidates)
    wanted = {features} if isinstance(features, str) else set(features)
    for name in wanted:
        if name not in candidates:
            raise UserError(
                f"data.features: there is no numeric column '{name}'.{nearest(str(name), candidates)}"
                f" The data have {_join_names(candidates)}."
            )
    return tuple(name for name in candidates if name in wanted or name in targets)


def pick_known_ahead(known_ahead: Sequence[str] | str, features: Sequence[str]) -> tuple[str, ...]:
    """Return the features whose future is known: the calendar's and those declared.

    Raises:
        UserError: if a declared one is not among the features (the nearest one is suggested).
    """
    declared = (known_ahead,) if isinstance(known_ahead, str) else tuple(known_ahead or ())
    for name in declared:
        if name not in features:
            raise UserError(f"data.known_ahead: there is no feature '{name}'.{nearest(str(name), features)}")
    return tuple(name for name in features if name in CALENDAR or name in declared)


def check_rows(rows: int | None, key: str = "data.rows (or scale.rows)") -> None:
    """Refuse a number of rows that is not a positive whole number or None.

    Raises:
        UserError: naming key and value.
    """
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise UserError(f"{key} is {rows!r}: give a whole number of at least 1, or null for all rows.")


def _join_names(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
