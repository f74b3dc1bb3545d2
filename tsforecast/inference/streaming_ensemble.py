"""Ensembles whose weights follow the truths: along a stream of rows, and in service, as truths arrive."""

from collections import OrderedDict
from typing import Any

import numpy as np

from tsforecast.inference.forecasts import Forecasts
from tsforecast.inference.metadata import ModelMetadata
from tsforecast.inference.predictor import Predictor
from tsforecast.inference.sliding import Stretch

HELD = 10_000  # windows of the past that a stream hands on to its next stretch
BLOCK = 256  # windows asked at once where nothing is learned in between


class StreamingEnsemble:
    """The forecasts of one stretch after the other, each window weighted by what was known at its last row.

    Args:
        model: an ensemble that follows time.
        predictor: made of it, with everything that it puts out.
    """

    def __init__(self, model: Any, predictor: Predictor):
        self.model, self.predictor, self.metadata = model, predictor, predictor.metadata
        self._outputs: dict[str, np.ndarray] = {}
        self._ends = np.empty(0, np.int64)
        self._origin = np.empty((0, len(self.metadata.targets)), np.float32)
        self._truth_at = np.empty(0, np.int64)
        self._truths = np.empty((0, len(self.metadata.targets)), np.float32)
        self._last_place: int | None = None
        self._last_row = 0

    def forecasts(self, stretch: Stretch) -> Forecasts:
        """The forecasts of a stretch's windows, of which there is at least one."""
        rows = self._rows_of(stretch)
        parts = [
            self.predictor.outputs(stretch.windows(stretch.ends[first : first + BLOCK]))
            for first in range(0, len(stretch.ends), BLOCK)
        ]
        fresh = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        old, chosen = len(self._ends), list(self.metadata.target_indices)
        outputs = {
            name: np.concatenate([self._outputs[name], values]) if old else values
            for name, values in fresh.items()
        }
        ends = np.concatenate([self._ends, rows[stretch.ends]])
        origin = np.concatenate([self._origin, stretch.inputs[stretch.ends][:, chosen]])
        outputs |= self.model.weighted(outputs, self._windows(ends, origin))
        self._outputs = {name: values[-HELD:] for name, values in outputs.items()}
        self._ends, self._origin = ends[-HELD:], origin[-HELD:]
        return Forecasts.from_outputs({name: values[old:] for name, values in outputs.items()}, self.metadata)

    def observe(self, stretch: Stretch) -> None:
        """Takes a stretch's truths; to be called for each, whether or not a window ends in it."""
        rows = self._rows_of(stretch)
        new = rows > (self._truth_at[-1] if len(self._truth_at) else -1)
        scaler, chosen = self.metadata.scaler, list(self.metadata.target_indices)
        scaled = (stretch.truths[new] - scaler.mean[chosen]) / scaler.scale[chosen]
        self._truth_at = np.concatenate([self._truth_at, rows[new]])
        self._truths = np.concatenate([self._truths, scaled.astype(np.float32)])
        if len(rows):
            self._last_place, self._last_row = int(stretch.place[-1]), int(rows[-1])
        kept = self._truth_at >= (self._ends[0] if len(self._ends) else 0)
        self._truth_at, self._truths = self._truth_at[kept], self._truths[kept]

    def _rows_of(self, stretch: Stretch) -> np.ndarray:
        """Running row numbers of a stretch; a long gap counts as just so long that all before it is known."""
        steps = np.minimum(
            np.diff(stretch.place, prepend=stretch.place[:1]), self.metadata.lead + self.metadata.horizon
        )
        rows = np.cumsum(steps)
        if self._last_place is None:
            return rows
        # The stretch begins with rows that the one before had too, or right behind it.
        at = int(np.searchsorted(stretch.place, self._last_place))
        known = at < len(rows) and stretch.place[at] == self._last_place
        return rows - rows[at] + self._last_row if known else rows - rows[0] + self._last_row + 1

    def _windows(self, ends: np.ndarray, origin: np.ndarray) -> Any:
        """Windows as ``weighted`` reads them: truths where they are known, and the last known values of the targets."""
        from tsforecast.data.windows import Windows

        metadata, first = self.metadata, int(ends[0])
        size = int(ends[-1]) - first + metadata.lead + metadata.horizon
        truths = np.full((size, len(metadata.targets)), np.nan, np.float32)
        inside = (self._truth_at >= first) & (self._truth_at < first + size)
        truths[self._truth_at[inside] - first] = self._truths[inside]
        rows = np.zeros((size, len(metadata.channels)), np.float32)
        rows[(ends - first)[:, None], list(metadata.target_indices)] = origin
        return Windows(
            rows, truths, ends - first, metadata.lookback, metadata.lead, metadata.horizon, border=(0, size)
        )


class InService:
    """Tells an ensemble in service how its members did lately, as truths arrive.

    What ``models.ensemble.Ensemble.weighted`` works out for a stretch at once is carried on here from truth to truth.
    A window counts once the truth of its last step is in; truths that are missing by then are left out.

    Args:
        model: an ensemble that follows time.
        metadata: of it.
    """

    def __init__(self, model: Any, metadata: ModelMetadata):
        self.model, self.metadata, self.options = model, metadata, model.options
        members = len(self.options["names"])
        self.decay = 0.5 ** (1.0 / np.asarray(self.options["half_lives"], np.float64))
        self.means = np.zeros((members, len(self.decay)))
        self.weights = np.full(members, 1.0 / members)
        self.learned = 0  # windows
        # By made_at: what the members said, scaled [M, H, T], and the weights in force then.
        self._said: OrderedDict[int, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._truths: OrderedDict[tuple[int, int], float] = OrderedDict()  # by time and target, scaled

    def forecast(self, made_at: np.ndarray, members: np.ndarray, weights: np.ndarray) -> None:
        """Remembers what the members said.

        Args:
            made_at: ``[n]`` datetime64[s].
            members: scaled ``[n, M, H, T(, Q)]``.
            weights: ``[n, M]``, which they had then.
        """
        levels = self.metadata.quantile_levels
        points = members if levels is None else members[..., levels.index(0.5)]
        for at, *said in zip(made_at.astype(np.int64).tolist(), points, weights, strict=True):
            self._said[at] = (said[0], said[1])
        while len(self._said) > HELD:
            self._said.popitem(last=False)

    def observe(self, time: int, target: int, value: float) -> None:
        """Takes a truth in the target's unit, at a time in seconds."""
        metadata, index = self.metadata, self.metadata.target_indices[target]
        self._truths[time, target] = (value - metadata.scaler.mean[index]) / metadata.scaler.scale[index]
        while len(self._truths) > HELD * len(metadata.targets):
            self._truths.popitem(last=False)
        targets = range(len(metadata.targets))
        if not all((time, each) in self._truths for each in targets):
            return
        made_at = time - (metadata.lead + metadata.horizon - 1) * metadata.step
        if made_at not in self._said:
            return
        said, weights = self._said.pop(made_at)
        steps = [made_at + (metadata.lead + step) * metadata.step for step in range(metadata.horizon)]
        truth = np.array([[self._truths.get((at, each), np.nan) for each in targets] for at in steps])
        self._learn(said - truth, weights)

    def restore(self, stored: dict[str, Any]) -> None:
        """Takes what ``state`` gave, if it is of the same members and spans."""
        means, weights = np.asarray(stored["means"]), np.asarray(stored["weights"])
        if means.shape == self.means.shape and stored["learned"]:
            self.means, self.weights, self.learned = means, weights, int(stored["learned"])
            self._tell()

    def state(self) -> dict[str, Any]:
        """What was learned, as JSON holds it."""
        return {"means": self.means.tolist(), "weights": self.weights.tolist(), "learned": self.learned}

    def _learn(self, errors: np.ndarray, weights: np.ndarray) -> None:
        """From the signed errors ``[M, H, T]`` of one window, NaN where unobserved, and the weights that it had."""
        squared = np.nanmean(np.square(errors), axis=(1, 2))
        self.means = self.decay * self.means + (1 - self.decay) * squared[:, None]
        if self.options["weighting"] == "online":
            self.weights = self._followed(errors.reshape(len(errors), -1), weights)
        self.learned += 1
        self._tell()

    def _followed(self, errors: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """One step of ``ensemble.online.online_weights``, from errors ``[M, J]``."""
        online, errors = self.options["online"], errors[:, ~np.isnan(errors[0])]
        loss = 2.0 * (errors @ (weights @ errors)) / (errors.shape[1] * online["scale"])
        grown = self.weights * np.exp(-online["rate"] * np.clip(loss, -1.0, 1.0))
        return (1 - online["share"]) * grown / grown.sum() + online["share"] / len(grown)

    def _tell(self) -> None:
        if self.options["weighting"] == "online":
            self.model.get_layer("weights").set(self.weights)
            return
        logs = 0.5 * np.log(self.means + 1e-12)
        relative = np.clip(logs - logs.mean(axis=0, keepdims=True), -3.0, 3.0)
        self.model.get_layer("recent_errors").state.assign(relative.astype(np.float32))
