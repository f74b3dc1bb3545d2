"""An ensemble in service, whose weights follow the truths as they arrive one by one."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tsforecast.ensemble.delayed_errors import forecast_errors
from tsforecast.ensemble.window_outputs import select_points
from tsforecast.inference.metadata import ModelMetadata

if TYPE_CHECKING:
    from tsforecast.ensemble.model import Ensemble
    from tsforecast.ensemble.weighting import Array

MAX_PENDING = 10_000  # forecasts that wait for their truths


class LiveEnsemble:
    """Updates the weights of an ensemble in service from the truths that arrive.

    ``Ensemble.reweight`` computes the weights of all windows of a period at once; this class computes the same weights
    truth by truth. A window counts once the truths of its last step are in; other truths that are missing by then are
    left out.

    Args:
        model: Ensemble with an adaptive weighting.
        metadata: Metadata of that model.

    Attributes:
        state: What the weighting has learned, see ``Weighting.update``.
        learned: Number of windows that it has learned from.
    """

    def __init__(self, model: Ensemble, metadata: ModelMetadata):
        self.weighting, self.metadata = model.weighting, metadata
        self.state = self.weighting.initial_state()
        self.learned = 0
        # By the time of a forecast, in seconds: scaled point forecasts of the members [M, H, T], and their weights.
        self._pending: OrderedDict[int, tuple[Array, Array]] = OrderedDict()
        self._truths: OrderedDict[tuple[int, int], float] = OrderedDict()  # scaled, by time and target

    def add_forecasts(self, made_at: npt.NDArray[np.datetime64], members: Array, weights: Array) -> None:
        """Store forecasts until their truths arrive.

        Args:
            made_at: Times of the forecasts, ``[n]`` datetime64[s].
            members: Scaled forecasts of the members, ``[n, M, H, T(, Q)]``.
            weights: Weights ``[n, M]`` with which they were combined.
        """
        points = select_points(members, self.metadata.quantile_levels)
        for time, *forecast in zip(made_at.astype(np.int64).tolist(), points, weights, strict=True):
            self.restore_forecast(time, forecast[0], forecast[1])

    def restore_forecast(self, made_at: int, points: Array, weights: Array) -> None:
        """Store one forecast until its truths arrive.

        Args:
            made_at: Time of the forecast in seconds.
            points: Scaled point forecasts of the members, ``[M, H, T]``.
            weights: Weights ``[M]`` with which they were combined.
        """
        self._pending[made_at] = (points, weights)
        while len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)

    def restore_truths(self, truths: Iterable[tuple[int, int, float]]) -> None:
        """Take truths that arrived before this object was made, without learning from them.

        Args:
            truths: Time in seconds, index of the target, and value in its unit, in the order of arrival.
        """
        for time, target, value in truths:
            self._add_truth(time, target, value)

    def observe(self, time: int, target: int, value: float) -> int | None:
        """Take a truth, and learn from the forecast whose last truth it is, if any.

        Args:
            time: Time of the truth in seconds.
            target: Index of the target.
            value: Truth in the target's unit.

        Returns:
            The time in seconds at which that forecast was made; None if there is none.
        """
        metadata = self.metadata
        self._add_truth(time, target, value)
        targets = range(len(metadata.targets))
        now = np.datetime64(time, "s")
        made_at = int(metadata.grid.shift(now, 1 - metadata.lead - metadata.horizon).astype(np.int64))
        if made_at not in self._pending or not all((time, index) in self._truths for index in targets):
            return None
        points, weights = self._pending.pop(made_at)
        times = metadata.target_times(np.array([made_at], "datetime64[s]"))[0].astype(np.int64).tolist()
        truth = np.array(
            [[self._truths.get((at, index), np.nan) for index in targets] for at in times], np.float32
        )
        self.state = self.weighting.update(self.state, forecast_errors(points[None], truth[None])[0], weights)
        self.learned += 1
        self.weighting.apply(self.state)
        return made_at

    def to_dict(self) -> dict[str, Any]:
        """Return what was learned, for a JSON file."""
        return {**{name: values.tolist() for name, values in self.state.items()}, "learned": self.learned}

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Resume from what ``to_dict`` returned, unless it belongs to other members or half-lives."""
        shapes = {name: values.shape for name, values in self.state.items()}
        state = {name: np.asarray(stored[name], np.float64) for name in shapes if name in stored}
        if stored["learned"] and {name: values.shape for name, values in state.items()} == shapes:
            self.state, self.learned = state, int(stored["learned"])
            self.weighting.apply(self.state)

    def _add_truth(self, time: int, target: int, value: float) -> None:
        metadata, channel = self.metadata, self.metadata.target_indices[target]
        self._truths[time, target] = float(metadata.scaler.transform(np.asarray(value), channel))
        while len(self._truths) > MAX_PENDING * len(metadata.targets):
            self._truths.popitem(last=False)
