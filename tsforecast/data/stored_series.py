"""Series whose rows are in files that are mapped into memory, for data that do not fit into it."""

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from tsforecast.data.series import Series, StoredRows
from tsforecast.reading.recipe import ReadingRecipe
from tsforecast.storage.entries import find_or_build
from tsforecast.storage.rows import RowFile, map_rows

VERSION = 1  # of what is stored; entries of another version are not found
TIME, VALUES = "time.i64", "values.f64"
NAMES = ("features", "targets", "known_ahead", "notes")


def digest(**parts: Any) -> str:
    """Return the key of what is made from these parts, which JSON can hold.

    Example:
        >>> digest(rows=5) == digest(rows=5), digest(rows=5) == digest(rows=6)
        (True, False)
    """
    text = json.dumps({"version": VERSION, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class SeriesWriter:
    """Writes the rows of a series to files.

    Args:
        folder: Folder of the files.
    """

    def __init__(self, folder: Path):
        self._time, self._values = RowFile(folder / TIME, np.int64), RowFile(folder / VALUES, np.float64)

    def __enter__(self) -> "SeriesWriter":
        with ExitStack() as files:
            files.enter_context(self._time)
            files.enter_context(self._values)
            self._files = files.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)

    @property
    def rows(self) -> int:
        """Number of rows written."""
        return self._time.rows

    def append(self, time: np.ndarray, values: np.ndarray) -> None:
        """Append rows: times ``[n]`` and values ``[n, C]``."""
        self._time.append(time.astype("datetime64[s]").astype(np.int64))
        self._values.append(values)


def store_series(folder: Path, key: str, write: Callable[[SeriesWriter], Series]) -> Series:
    """Return a stored series; write it if it is not there.

    Args:
        folder: Folder of all stored data.
        key: Key of this series, see ``digest``.
        write: Writes all rows, and returns a series that describes them; its own rows are not used.

    Raises:
        UserError: The folder cannot be written, or its disk is full.
    """

    def build(entry: Path) -> dict[str, Any]:
        with SeriesWriter(entry) as writer:
            series = write(writer)
        time, values = _map(entry, len(series.features))
        series_hash = replace(series, time=time, values=values, stored=None).data_hash()
        return {"hash": series_hash, **_describe(series)}

    path, about = find_or_build(folder, key, build)
    time, values = _map(path, len(about["features"]))
    names = tuple(about["features"]), tuple(about["targets"])
    return _restore(about, StoredRows(folder, key, about["hash"], names, time, values))


def _map(entry: Path, features: int) -> tuple[np.ndarray, np.ndarray]:
    time = map_rows(entry / TIME, np.int64).view("datetime64[s]")
    return time, map_rows(entry / VALUES, np.float64, (features,))


def _describe(series: Series) -> dict[str, Any]:
    recipe = None if series.recipe is None else series.recipe.to_dict()
    fixed = {"season": series.season, "unit": series.unit, "name": series.name, "recipe": recipe}
    derived = {name: dict(weights) for name, weights in series.derived.items()}
    return {name: list(getattr(series, name)) for name in NAMES} | fixed | {"derived": derived}


def _restore(about: Mapping[str, Any], stored: StoredRows) -> Series:
    recipe = about["recipe"]
    names: dict[str, Any] = {name: tuple(about[name]) for name in NAMES}
    return Series(
        time=stored.time,
        values=stored.values,
        season=about["season"],
        unit=about["unit"],
        name=about["name"],
        derived=about["derived"],
        recipe=None if recipe is None else ReadingRecipe.from_dict(recipe),
        stored=stored,
        **names,
    )
