"""Errors of the seasonal naive forecast, which a model stores: the unit of its MASE on new rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class NaiveErrors:
    """The season of the data, and mean absolute seasonal errors of each series.

    Args:
        season: Rows of a season.
        scale: ``[S, T]`` mean absolute errors in the targets' unit, NaN where there is none; S is 1 for one series.
        ids: Names of the S series; empty for data of one series.

    Example:
        >>> errors = NaiveErrors(24, np.array([[0.5]]))
        >>> NaiveErrors.from_dict(errors.to_dict()).series_errors().tolist()
        [0.5]
    """

    season: int
    scale: npt.NDArray[np.float64]
    ids: tuple[str, ...] = ()

    def series_errors(self, name: str | None = None) -> npt.NDArray[np.float64]:
        """Return the errors ``[T]`` of a series, NaN if it was not in training.

        Args:
            name: Name of the series; None for data of one series.
        """
        index = 0 if name is None else self._index_of.get(name, -1)
        row: npt.NDArray[np.float64] = (
            self.scale[index] if index >= 0 else np.full(self.scale.shape[1], np.nan)
        )
        return row

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        rows = [[float(value) if np.isfinite(value) else None for value in row] for row in self.scale]
        return {"season": self.season, "scale": rows, "ids": list(self.ids)}

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> NaiveErrors:
        """Return the errors that ``to_dict`` stored."""
        return cls(int(stored["season"]), np.array(stored["scale"], np.float64), tuple(stored["ids"]))

    @cached_property
    def _index_of(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.ids)}
