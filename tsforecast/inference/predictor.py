"""A saved forecaster that is called often: compiled once for a few batch sizes, in the unit of the targets."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeGuard

import numpy as np

from tsforecast.errors import UserError
from tsforecast.inference.forecasts import Forecasts, Outputs
from tsforecast.inference.metadata import ModelMetadata

if TYPE_CHECKING:
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.models.protocol import Model


class Predictor:
    """Forecasts of windows by a saved model.

    Args:
        model: A ``Forecaster`` or an ``Estimator``, with its metadata.
        sizes: Batch sizes to compile for. A batch is filled up to the next of them, so that no later call compiles.

    Raises:
        UserError: The model's metadata lacks what a model needs to be used without its run.

    Example:
        ::

            predictor = Predictor(load_model(folder / "best.keras"), sizes=(1, 32))
            forecasts = predictor(past)  # scaled windows float32 [n, L, C]
            forecasts.values  # [n, H, T] in the targets' unit
    """

    def __init__(self, model: "Model", sizes: Sequence[int] = (1, 32)):
        self.metadata = ModelMetadata.from_model(model)
        self.sizes = tuple(sorted(sizes))
        self._calls = {size: _compile(model, self.metadata, size) for size in self.sizes}
        for size in self.sizes:  # so that the first real call has nothing left to compile
            self.outputs(np.zeros((size, self.metadata.lookback, len(self.metadata.channels)), np.float32))

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
        metadata = series or self.metadata
        parts = [Forecasts.from_outputs(outputs, metadata) for outputs in self._run_chunks(past)]
        return Forecasts.concatenate(parts)

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


def is_adaptive(model: object) -> "TypeGuard[Ensemble]":
    """Return whether a model is an ensemble whose weights depend on truths that arrive after training."""
    return bool(getattr(model, "adaptive", False))


def _compile(model: "Model", metadata: ModelMetadata, size: int) -> Callable[[np.ndarray], Outputs]:
    """Return a function of exactly ``size`` windows."""
    from tsforecast.models.estimator import Estimator

    if isinstance(model, Estimator):
        return model.run

    from tsforecast.inference.compiled import compile_network

    used = None if is_adaptive(model) else ("forecast", "spike", "weights", "mean")
    return compile_network(
        model,
        (size, metadata.lookback, len(metadata.channels)),
        select=lambda outputs: {
            name: value for name, value in outputs.items() if used is None or name in used
        },
    )
