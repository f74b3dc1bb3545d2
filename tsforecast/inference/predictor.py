"""A saved forecaster that is called often: compiled once for a few batch sizes, in the unit of the targets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from tsforecast.errors import UserError
from tsforecast.inference.forecasts import Forecasts, Outputs
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.layers.overlap import Overlap

MIN_FILL = 0.5  # share of a call's windows below which windows of several series share the call instead
MAX_BREAKS = 4  # between windows of one call that are forecast as several overlapping parts

if TYPE_CHECKING:
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.inference.compiled import Run
    from tsforecast.inference.sliding import Segment
    from tsforecast.models.protocol import Model
    from tsforecast.typing import Tensor


class Predictor:
    """Forecasts of windows by a saved model.

    Args:
        model: A ``Forecaster`` or an ``Estimator``, with its metadata.
        sizes: Batch sizes to compile for. A batch is filled up to the next of them, so that no later call compiles.
        stride: Rows from one window of a stream to the next, if most calls are of ``segment_outputs``: what such
            windows share is then computed once where that is faster, and the sizes are compiled when first needed.

    Raises:
        UserError: The model's metadata lacks what a model needs to be used without its run.

    Example:
        ::

            predictor = Predictor(load_model(folder / "best.keras"), sizes=(1, 32))
            forecasts = predictor(past)  # scaled windows float32 [n, L, C]
            forecasts.values  # [n, H, T] in the targets' unit
    """

    def __init__(self, model: Model, sizes: Sequence[int] = (1, 32), stride: int | None = None):
        self.model, self.metadata = model, ModelMetadata.from_model(model)
        self.sizes, self.stride = tuple(sorted(sizes)), stride
        self._calls: dict[int, Run] = {}
        self._shared = (
            None if stride is None else _compile_shared(model, self.metadata, self.sizes[-1], stride)
        )
        if self._shared is None:
            for size in self.sizes:  # so that the first real call has nothing left to compile
                self.outputs(
                    np.zeros((size, self.metadata.lookback, len(self.metadata.channels)), np.float32)
                )

    def __call__(
        self, past: np.ndarray, series: ModelMetadata | Sequence[ModelMetadata] | None = None
    ) -> Forecasts:
        """Return the forecasts of scaled windows.

        Args:
            past: float32 ``[n, L, C]``, n at least 1.
            series: Metadata of the series that they are of, for a model of many series; or those of each window.

        Raises:
            UserError: The model is one of many series, and none is given.
        """
        if self.metadata.panel is not None and series is None:
            raise UserError(
                "The model was trained on many series: forecast them with job=predict run=FOLDER predict.data=FILE."
            )
        if isinstance(series, Sequence):
            return self._forecast_each(past, series)
        return Forecasts.from_outputs(self.outputs(past), series or self.metadata)

    def forecast_segment(
        self, segment: Segment, ends: np.ndarray, series: ModelMetadata | None = None
    ) -> Forecasts:
        """Return the forecasts of the windows of a segment that end in some of its rows.

        Args:
            segment: Consecutive rows.
            ends: Last rows of the windows, rising; at least one.
            series: Metadata of their series, for a model of many series.
        """
        return Forecasts.from_outputs(self.segment_outputs(segment, ends), series or self.metadata)

    def count_shared(self, ends: np.ndarray) -> int:
        """Return how many of the first windows of a segment are forecast faster from the rows that they share.

        Args:
            ends: Last rows of the windows, rising.
        """
        size = self.sizes[-1]
        if self._shared is None or (np.diff(ends) != self.stride).any():
            return 0
        rest = len(ends) % size
        return len(ends) if rest >= MIN_FILL * size else len(ends) - rest

    def segment_outputs(self, segment: Segment, ends: np.ndarray) -> Outputs:
        """Return the model's outputs for the windows of a segment that end in some of its rows; see ``outputs``."""
        largest = self.sizes[-1]
        parts = [
            self._run_ends(segment, ends[first : first + largest]) for first in range(0, len(ends), largest)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run_ends(self, segment: Segment, ends: np.ndarray) -> Outputs:
        """Return the outputs for no more windows than the largest size."""
        if self._shared is None:
            return self._run(segment.windows(ends))
        breaks = np.flatnonzero(np.diff(ends) != self.stride) + 1
        if len(breaks) > MAX_BREAKS:
            return self._run(segment.windows(ends))
        parts = [self._shared(segment, part) for part in np.split(ends, breaks)]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _forecast_each(self, past: np.ndarray, series: Sequence[ModelMetadata]) -> Forecasts:
        """Return the forecasts of windows that are of several series."""
        outputs, parts = self.outputs(past), []
        for first, stop in runs(series):
            part = {name: values[first:stop] for name, values in outputs.items()}
            parts.append(Forecasts.from_outputs(part, series[first]))
        return Forecasts.concatenate(parts)

    def outputs(self, past: np.ndarray) -> Outputs:
        """Return what the model itself computes for scaled windows, scaled: ``forecast`` and whatever else it has."""
        parts = self._run_chunks(past)
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _run_chunks(self, past: np.ndarray) -> list[Outputs]:
        largest = self.sizes[-1]
        return [self._run(past[first : first + largest]) for first in range(0, len(past), largest)]

    def _run(self, past: np.ndarray) -> Outputs:
        count = len(past)
        size = next(size for size in self.sizes if size >= count)
        if size > count:
            past = np.concatenate([past, np.zeros((size - count, *past.shape[1:]), np.float32)])
        if size not in self._calls:
            self._calls[size] = _compile(self.model, self.metadata, size)
        outputs = self._calls[size](past)
        return {name: np.asarray(value)[:count] for name, value in outputs.items()}


def runs(items: Sequence[object]) -> list[tuple[int, int]]:
    """Return first and stop of each run of the same object.

    Example:
        >>> runs(["a", "a", "b"])
        [(0, 2), (2, 3)]
    """
    starts = [index for index in range(len(items)) if not index or items[index] is not items[index - 1]]
    return list(zip(starts, [*starts[1:], len(items)], strict=True))


def is_adaptive(model: object) -> TypeGuard[Ensemble]:
    """Return whether a model is an ensemble whose weights depend on truths that arrive after training."""
    return bool(getattr(model, "adaptive", False))


def _compile(model: Model, metadata: ModelMetadata, size: int) -> Run:
    """Return a function of exactly ``size`` windows."""
    from tsforecast.models.estimator import Estimator

    if isinstance(model, Estimator):
        return model.run

    from tsforecast.inference.compiled import compile_network

    shape = (size, metadata.lookback, len(metadata.channels))
    return compile_network(model, shape, select=functools.partial(_select, model))


def _compile_shared(
    model: Model, metadata: ModelMetadata, windows: int, stride: int
) -> Callable[[Segment, np.ndarray], Outputs] | None:
    """Return a function of windows of a segment at the same distance; None where sharing rows does not help."""
    from tsforecast.inference.compiled import to_numpy
    from tsforecast.inference.shared_rows import can_share, compile_shared

    overlap, channels = Overlap(windows, metadata.lookback, stride), len(metadata.channels)
    if not can_share(model, overlap):
        return None
    call = to_numpy(compile_shared(model, overlap, channels, functools.partial(_select, model)))
    call(np.zeros((overlap.rows, channels), np.float32))

    def run(segment: Segment, ends: np.ndarray) -> Outputs:
        rows = segment.inputs[ends[0] + 1 - segment.lookback : ends[-1] + 1]
        filled = np.pad(rows, [[0, overlap.rows - len(rows)], [0, 0]])
        return {name: values[: len(ends)] for name, values in call(filled).items()}

    return run


def _select(model: Model, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the outputs that are used; all of an ensemble whose weights follow the truths."""
    used = ("forecast", "spike", "weights", "mean")
    return {name: value for name, value in outputs.items() if is_adaptive(model) or name in used}
