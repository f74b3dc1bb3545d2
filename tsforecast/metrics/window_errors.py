"""The test errors of a run window by window, kept so that runs can be compared in pairs: ``errors.npz``."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class WindowErrors:
    """Errors summed over the observed steps and targets of each window, in the target's unit.

    Args:
        ends: ``[n]`` row of the last input of each window, rising.
        squared: ``[n]`` sum of squared errors.
        absolute: ``[n]`` sum of absolute errors.
        count: ``[n]`` how many values were observed.
    """

    ends: npt.NDArray[np.int64]
    squared: npt.NDArray[np.float32]
    absolute: npt.NDArray[np.float32]
    count: npt.NDArray[np.int32]

    @classmethod
    def of(cls, ends: npt.NDArray, truth: npt.NDArray, forecast: npt.NDArray) -> "WindowErrors":
        """From truths (NaN where unobserved) and forecasts, both ``[n, H, T]``."""
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
        """Writes the file, whole or not at all; about 8 bytes a window."""
        part = path.with_name(f"part-{path.name}")
        np.savez_compressed(
            part,
            first=self.ends[:1],
            steps=np.diff(self.ends).astype(np.int32),  # mostly one value, so next to nothing once compressed
            squared=self.squared,
            absolute=self.absolute,
            count=self.count,
        )
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> "WindowErrors":
        """The inverse of ``save``."""
        with np.load(path) as stored:
            ends = np.cumsum(np.concatenate([stored["first"], stored["steps"]]).astype(np.int64))
            return cls(ends, stored["squared"], stored["absolute"], stored["count"])

    @classmethod
    def joined(cls, parts: Sequence["WindowErrors"]) -> "WindowErrors":
        """Several stretches of one test split as one; each begins after the one before has ended."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def at(self, ends: npt.NDArray[np.int64]) -> "WindowErrors":
        """The windows with these ends, which must be among this one's."""
        where = np.searchsorted(self.ends, ends)
        return WindowErrors(ends, self.squared[where], self.absolute[where], self.count[where])
