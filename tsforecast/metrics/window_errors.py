"""The test errors of a run window by window, kept to compare runs in pairs."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tsforecast.files import atomic_path
from tsforecast.metrics.arrays import Array, Rows
from tsforecast.untrusted.archives import read_arrays


@dataclasses.dataclass(frozen=True)
class WindowErrors:
    """Errors summed over the observed steps and targets of each window, in the target's unit.

    Args:
        ends: ``[n]`` row of the last input of each window, rising.
        squared: ``[n]`` sum of squared errors.
        absolute: ``[n]`` sum of absolute errors.
        count: ``[n]`` number of observed values.

    Example:
        >>> errors = WindowErrors.from_forecasts(np.array([7]), np.array([[[1.0, 2.0]]]), np.array([[[3.0, 2.5]]]))
        >>> errors.squared.tolist(), errors.absolute.tolist(), errors.count.tolist()
        ([4.25], [2.5], [2])
    """

    ends: npt.NDArray[np.int64]
    squared: npt.NDArray[np.float32]
    absolute: npt.NDArray[np.float32]
    count: npt.NDArray[np.int32]

    @classmethod
    def from_forecasts(cls, ends: Rows, truth: Array, forecast: Array) -> "WindowErrors":
        """Sum the errors of forecasts, given truths (NaN where unobserved), both ``[n, H, T]``."""
        error = np.asarray(forecast, np.float64) - truth
        observed = ~np.isnan(truth)
        axes = tuple(range(1, error.ndim))
        return cls(
            np.asarray(ends, np.int64),
            np.sum(error**2, axis=axes, where=observed).astype(np.float32),
            np.sum(np.abs(error), axis=axes, where=observed).astype(np.float32),
            observed.sum(axis=axes).astype(np.int32),
        )

    def save(self, path: Path) -> None:
        """Write ``errors.npz``, whole or not at all; about 8 bytes per window."""
        with atomic_path(path) as part:
            np.savez_compressed(
                part,
                first=self.ends[:1],
                # Mostly one value, so next to nothing once compressed.
                steps=np.diff(self.ends).astype(np.int32),
                squared=self.squared,
                absolute=self.absolute,
                count=self.count,
            )

    @classmethod
    def load(cls, path: Path) -> "WindowErrors":
        """Load what ``save`` wrote."""
        stored = read_arrays(path)
        ends = np.cumsum(np.concatenate([stored["first"], stored["steps"]]).astype(np.int64))
        return cls(ends, stored["squared"], stored["absolute"], stored["count"])

    @classmethod
    def concatenate(cls, parts: Sequence["WindowErrors"]) -> "WindowErrors":
        """Join parts of one test split, which share no window, in the order of the windows' ends."""
        names = [field.name for field in dataclasses.fields(cls)]
        joined = cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
        order = np.argsort(joined.ends, kind="stable")
        return cls(*(getattr(joined, name)[order] for name in names))

    def select(self, ends: npt.NDArray[np.int64]) -> "WindowErrors":
        """Return the windows with these ends, all of which must be among this object's."""
        index = np.searchsorted(self.ends, ends)
        return WindowErrors(ends, self.squared[index], self.absolute[index], self.count[index])
