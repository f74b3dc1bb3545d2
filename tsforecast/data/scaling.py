"""The scaler: channels are centered and divided by a scale, some of them after a curve; fitted on the training rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from tsforecast.context.summaries import Context
from tsforecast.data.calendar_features import CALENDAR
from tsforecast.data.curves import CURVED, Curve, middle
from tsforecast.data.names import match_names
from tsforecast.data.options import ScalingOptions
from tsforecast.errors import UserError, nearest
from tsforecast.panels.levels import SeriesLevels
from tsforecast.panels.panel import Panel, Ranges

# A spread below this share of the mean is rounding noise: dividing by it would blow the noise up.
NOISE = {np.dtype(np.float32): 1e-9}
NOISE_DOUBLE = 1e-14
MAX_SCALED = 1e15  # whose square still has room in single precision
LEVELED = ("standard", "robust", "seasonal")  # methods that can scale each series by itself
RESOLUTION = 2.0**-24  # of single precision
OBSERVED = (
    "@observed"  # ends the name of a channel that is 1 where a feature is observed, and 0 where it is missing
)


class ScalerChoice(NamedTuple):
    """What is fitted: the methods, and whether features with missing values in the training rows get observed masks."""

    scaling: ScalingOptions = ScalingOptions(method="standard", columns=None, per="auto")
    mask: bool = False

    def fit_levels(
        self,
        rows: np.ndarray,
        features: Sequence[str],
        panel: Panel,
        train: Ranges,
        categories: Collection[str] = (),
        season: int = 1,
    ) -> SeriesLevels | None:
        """Return the level of each series in the features that are scaled per series; None if there are none.

        Args:
            rows: All rows ``[N, C]``.
            features: The C names.
            panel: The series.
            train: Training rows of each ``[S, 2]``.
            categories: features that are codes of categories.
            season: rows in a season.

        Raises:
            UserError: ``scaling.per=series`` with a method that bends values, or does not scale them.
        """
        per, method = self.scaling.per, self.scaling.method
        if per == "series" and method not in LEVELED:
            raise UserError(
                f"scaling.per=series needs scaling={', '.join(LEVELED[:-1])} or {LEVELED[-1]}: set one of them, or"
                " scaling.per=all."
            )
        if per == "all" or method not in LEVELED:
            return None
        methods = _methods(self.scaling, features)
        left_out = {*CALENDAR, *panel.constant, *categories}
        columns = [
            index for index, name in enumerate(features) if methods[index] == method and name not in left_out
        ]
        return SeriesLevels.fit(rows, train, panel.ids, columns, method=method, season=season)

    @property
    def is_standard(self) -> bool:
        """Whether all features are scaled by mean and standard deviation."""
        return self.scaling.method == "standard" and not self.scaling.columns


DEFAULT = ScalerChoice()


@dataclass(frozen=True)
class Scaler:
    """Scale channels: ``(value - mean) / scale``, for some of them ``(curve(value) - mean) / scale``.

    Args:
        mean: ``[C]`` float64, in the channels' units, or in those of their curves.
        scale: ``[C]`` float64, positive; 1 for a constant channel and for codes of categories.
        target_indices: the channels that are targets, in the targets' order.
        curves: channel to its curve, for the channels that have one.
        masked: features, by their index, whose observed mask is a channel of its own.
        context: summaries of the scaled features of earlier rows, which are channels of their own; or None.
        levels: of each series, relative to which its values are scaled; None for values as they are.

    Example:
        >>> scaler = Scaler(np.array([2.0]), np.array([0.5]), (0,))
        >>> scaler.transform(np.array([[3.0]])).tolist(), scaler.inverse_targets(np.array([[2.0]])).tolist()
        ([[2.0]], [[3.0]])
    """

    mean: np.ndarray
    scale: np.ndarray
    target_indices: tuple[int, ...]
    curves: Mapping[int, Curve] = field(default_factory=dict)
    masked: tuple[int, ...] = ()
    context: Context | None = None
    levels: SeriesLevels | None = None

    @classmethod
    def fit(
        cls,
        rows: np.ndarray,
        features: Sequence[str],
        target_indices: Sequence[int],
        choice: ScalerChoice = DEFAULT,
        categories: Collection[str] = (),
    ) -> "Scaler":
        """Fit on the observed values of ``rows``.

        Args:
            rows: ``[N, C]``, the training rows alone, NaN where missing.
            features: the C names.
            target_indices: the columns that are targets.
            choice: methods and masks. Calendar features, which are sines and cosines, are never bent.
            categories: features that are codes of categories, which are not scaled.

        Raises:
            UserError: if a feature has no observed value in ``rows``, values that cannot be scaled, or a column with
                a method of its own is not a feature.
        """
        methods = _methods(choice.scaling, features)
        mean, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
        curves, masked = {}, []
        for index, (name, method) in enumerate(zip(features, methods, strict=True)):
            column = rows[:, index].astype(np.float64)  # one column at a time keeps the float64 copy small
            missing = np.isnan(column)
            observed = column[~missing] if missing.any() else column
            check_observed(name, len(observed))
            if name in categories:
                continue
            if len(observed) < len(column):
                masked.append(index)
            if method in CURVED and observed.min() < observed.max():
                curves[index] = Curve.fit(method, observed)
                observed = curves[index].bend(observed)
            with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused below
                mean[index], scale[index] = _location(observed, method, noise(rows.dtype))
            _check_fit(name, method, observed, mean[index], scale[index])
        indices = tuple(int(i) for i in target_indices)
        return cls(mean, scale, indices, curves, tuple(masked) if choice.mask else ())

    @property
    def curved_targets(self) -> bool:
        """Whether a target has a curve, so that equal rises in its unit differ once scaled."""
        return any(index in self.curves for index in self.target_indices)

    def of_features(self, count: int) -> "Scaler":
        """Return the part of a model's scaler that belongs to the series' own features, which come first."""
        curves = {index: curve for index, curve in self.curves.items() if index < count}
        levels = None if self.levels is None else self.levels.first(count)
        return replace(self, mean=self.mean[:count], scale=self.scale[:count], curves=curves, levels=levels)

    def with_extra(self, ahead: Sequence[int]) -> "Scaler":
        """Return the scaler of the features with the channels after them: masks, future values, then the context.

        Args:
            ahead: the feature of each channel of future values.
        """
        masks, chosen, first = len(self.masked), list(ahead), len(self.mean) + len(self.masked)
        past = self.context_channels
        curves = dict(self.curves) | {
            first + position: self.curves[index]
            for position, index in enumerate(chosen)
            if index in self.curves
        }
        return Scaler(
            np.concatenate([self.mean, np.zeros(masks), self.mean[chosen], np.zeros(past)]),
            np.concatenate([self.scale, np.ones(masks), self.scale[chosen], np.ones(past)]),
            self.target_indices,
            curves,
            self.masked,
            self.context,
            self.levels and self.levels.extend([*[None] * masks, *chosen, *[None] * past]),
        )

    @property
    def context_channels(self) -> int:
        """The number of channels of the context, which are the last ones."""
        return 0 if self.context is None else len(self.context.names)

    @property
    def history(self) -> int:
        """Rows before a row that its context depends on; 0 without one."""
        return 0 if self.context is None else self.context.history

    def without_context(self) -> "Scaler":
        """Return the scaler of the same channels but those of the context."""
        stop = len(self.mean) - self.context_channels
        return replace(self, mean=self.mean[:stop], scale=self.scale[:stop], context=None)

    def is_close(self, other: "Scaler") -> bool:
        """Return whether another scaler scales the same channels alike, up to rounding."""
        if (self.context is None) != (other.context is None):
            return False
        if (
            self.context is not None
            and other.context is not None
            and not self.context.is_close(other.context)
        ):
            return False
        if (self.levels is None) != (other.levels is None):
            return False
        if self.levels is not None and other.levels is not None and not self.levels.is_close(other.levels):
            return False
        if self.masked != other.masked or self.curves.keys() != other.curves.keys():
            return False
        if self.mean.shape != other.mean.shape or not np.allclose(self.scale, other.scale, rtol=1e-6, atol=0):
            return False
        methods = all(curve.method == other.curves[index].method for index, curve in self.curves.items())
        return methods and bool((np.abs(self.mean - other.mean) <= 1e-6 * self.scale).all())

    def transform(self, values: np.ndarray, index: int | None = None) -> np.ndarray:
        """Scale ``[..., C]`` (or, with ``index``, values of that one channel) in float64."""
        where = slice(None) if index is None else index
        bent = self._bend(values, range(len(self.mean)) if index is None else index)
        array: np.ndarray = bent - self.mean[where]
        array /= self.scale[where]
        return array

    def transform_targets(self, values: np.ndarray) -> np.ndarray:
        """Scale targets ``[..., T]`` in float64."""
        chosen = list(self.target_indices)
        array: np.ndarray = (self._bend(values, chosen) - self.mean[chosen]) / self.scale[chosen]
        return array

    def inverse(self, scaled: np.ndarray) -> np.ndarray:
        """Return scaled channels ``[..., C]`` in their own units."""
        return self._unbend(np.asarray(scaled * self.scale + self.mean), range(len(self.mean)), -1)

    def inverse_targets(self, scaled: np.ndarray, axis: int = -1) -> np.ndarray:
        """Return scaled targets in their own unit.

        Quantiles keep their meaning, since every curve rises; the inverse of a mean under a curve is not a mean.

        Args:
            scaled: any shape with the T targets on ``axis``.
            axis: -1 for ``[..., T]``, -2 for quantiles ``[..., T, Q]``.

        Returns:
            The same shape, float64.
        """
        chosen = list(self.target_indices)
        shape = [1] * np.ndim(scaled)
        shape[axis] = len(chosen)
        scale, mean = self.scale[chosen].reshape(shape), self.mean[chosen].reshape(shape)
        array: np.ndarray = np.asarray(scaled, np.float64) * scale + mean
        return self._unbend(array, chosen, axis)

    def of_series(self, series: np.ndarray) -> "Scaler | SeriesScaler":
        """Return what scales the windows of series.

        Args:
            series: ``[n]`` index of the series of each window, in the order of the levels.
        """
        if self.levels is None:
            return self
        chosen = list(self.target_indices)
        return SeriesScaler(self, self.levels.shift[series][:, chosen], self.levels.width[series][:, chosen])

    def with_level(self, shift: np.ndarray, width: np.ndarray) -> "Scaler":
        """Return the scaler of one series, given the level ``[C]`` of its channels; curves must not bend these.

        Example:
            >>> scaler = Scaler(np.array([0.5]), np.array([2.0]), (0,)).with_level(np.array([10.0]), np.array([4.0]))
            >>> scaler.mean.tolist(), scaler.scale.tolist()
            ([12.0], [8.0])
        """
        mean, scale = shift + width * self.mean, width * self.scale
        return replace(self, mean=mean, scale=scale, levels=None)

    def select(self, windows: slice) -> "Scaler":
        """Return what scales some of the windows: the scaler itself, which is the same for all."""
        del windows
        return self

    def describe_channel(self, index: int) -> dict[str, Any]:
        """Return how a channel is scaled, for ``layers.unit_scaling``: ``method`` and its numbers.

        A value is ``center + width * unbend(scaled * scale + mean)``; the method ``linear`` bends nothing.
        """
        mean, scale, curve = float(self.mean[index]), float(self.scale[index]), self.curves.get(index)
        if curve is None:
            return {"method": "linear", "mean": 0.0, "scale": 1.0, "center": mean, "width": scale}
        return {**curve._asdict(), "mean": mean, "scale": scale}

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists and dicts that ``from_dict`` turns back into an equal scaler."""
        stored: dict[str, Any] = {
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "target_indices": list(self.target_indices),
        }
        if self.curves:
            stored["curves"] = {str(index): list(curve) for index, curve in self.curves.items()}
        if self.masked:
            stored["masked"] = list(self.masked)
        if self.context is not None:
            stored["context"] = self.context.to_dict()
        if self.levels is not None:
            stored["levels"] = self.levels.to_dict()
        return stored

    @classmethod
    def from_dict(cls, config: Mapping[str, Any]) -> "Scaler":
        """Build the scaler that ``to_dict`` described."""
        mean, scale = (np.asarray(config[key], np.float64) for key in ("mean", "scale"))
        curves = {int(index): Curve(*curve) for index, curve in config.get("curves", {}).items()}
        masked = tuple(int(i) for i in config.get("masked", ()))
        context = Context.from_dict(config["context"]) if config.get("context") else None
        levels = SeriesLevels.from_dict(config["levels"]) if config.get("levels") else None
        targets = tuple(int(i) for i in config["target_indices"])
        return cls(mean, scale, targets, curves, masked, context, levels)

    def _bend(self, values: np.ndarray, channels: Iterable[int] | int) -> np.ndarray:
        """Apply the curves of the channels on the last axis, or of the only channel."""
        array: np.ndarray = np.asarray(values, np.float64)
        if isinstance(channels, int):
            return self.curves[channels].bend(array) if channels in self.curves else array
        curved = [(position, index) for position, index in enumerate(channels) if index in self.curves]
        if curved:
            array = array.copy()
            for position, index in curved:
                array[..., position] = self.curves[index].bend(array[..., position])
        return array

    def _unbend(self, array: np.ndarray, channels: Iterable[int], axis: int) -> np.ndarray:
        """Invert, in position, the curves of the channels on an axis."""
        columns = np.moveaxis(array, axis, -1)
        for position, index in enumerate(channels):
            if index in self.curves:
                columns[..., position] = self.curves[index].unbend(columns[..., position])
        return array


@dataclass(frozen=True)
class SeriesScaler:
    """Scales the targets of windows of many series, each relative to its own level.

    Args:
        scaler: Scaler of all series.
        shift: ``[n, T]`` location of the series of each window.
        width: ``[n, T]`` spread of it.

    Example:
        >>> scaler = Scaler(np.array([0.0]), np.array([1.0]), (0,))
        >>> SeriesScaler(scaler, np.array([[10.0]]), np.array([[2.0]])).inverse_targets(np.array([[[3.0]]])).tolist()
        [[[16.0]]]
    """

    scaler: Scaler
    shift: np.ndarray
    width: np.ndarray

    def select(self, windows: slice) -> "SeriesScaler":
        """Return what scales some of the windows."""
        return SeriesScaler(self.scaler, self.shift[windows], self.width[windows])

    def transform_targets(self, values: np.ndarray) -> np.ndarray:
        """Scale targets ``[n, ..., T]`` in float64."""
        shape = [len(self.shift), *[1] * (values.ndim - 2), self.shift.shape[1]]
        return self.scaler.transform_targets((values - self.shift.reshape(shape)) / self.width.reshape(shape))

    def relative(self, values: np.ndarray, axis: int = -1) -> np.ndarray:
        """Return targets ``[n, ...]`` in their own unit relative to the levels of their series.

        Args:
            values: Targets, the T of them on ``axis``.
            axis: See ``Scaler.inverse_targets``.
        """
        shape = [len(self.shift), *[1] * (values.ndim - 1)]
        shape[axis] = self.shift.shape[1]
        array: np.ndarray = (values - self.shift.reshape(shape)) / self.width.reshape(shape)
        return array

    def inverse_targets(self, scaled: np.ndarray, axis: int = -1) -> np.ndarray:
        """Return scaled targets in their own unit, see ``Scaler.inverse_targets``; the first axis is the windows."""
        values = self.scaler.inverse_targets(scaled, axis)
        shape = [len(self.shift), *[1] * (values.ndim - 1)]
        shape[axis] = self.shift.shape[1]
        array: np.ndarray = values * self.width.reshape(shape) + self.shift.reshape(shape)
        return array


def check_observed(name: str, count: int) -> None:
    """Refuse a feature without a value in the training rows.

    Raises:
        UserError: ``count``, the number of its values, is 0.
    """
    if not count:
        raise UserError(
            f"Column '{name}' has no value in the training rows: leave it out with data.features,"
            " or move data.split."
        )


def noise(dtype: np.dtype) -> float:
    """Return the share of the mean below which a spread of values of a type is rounding noise."""
    return NOISE.get(np.dtype(dtype), NOISE_DOUBLE)


def _methods(options: ScalingOptions, features: Sequence[str]) -> list[str]:
    """Return the method of each feature."""
    stated: dict[str, str] = {}
    for key, method in (options.columns or {}).items():
        (name,) = match_names(key, features)
        if name not in features:
            raise UserError(f"scaling.columns: there is no feature '{name}'.{nearest(name, features)}")
        if name in CALENDAR and method in CURVED:
            raise UserError(
                f"scaling.columns: '{name}' lies between -1 and 1 and takes no {method}; leave it out."
            )
        stated[name] = method
    usual = {
        name: "standard" if name in CALENDAR and options.method in CURVED else options.method
        for name in features
    }
    return [stated.get(name, usual[name]) for name in features]


def _location(values: np.ndarray, method: str, smallest: float) -> tuple[float, float]:
    """Return what to subtract from values ``[N]`` and what to divide by."""
    if values.min() == values.max():
        return float(values[0]), 1.0
    if method == "none":
        return 0.0, 1.0
    mean, spread = middle(values) if method == "robust" else (float(values.mean()), float(values.std()))
    return mean, spread if spread > smallest * abs(mean) else 1.0


def _check_fit(name: str, method: str, values: np.ndarray, mean: float, scale: float) -> None:
    """Refuse values that single precision cannot hold once they are scaled."""
    largest = max(float(values.max()) - mean, mean - float(values.min())) / scale
    if not (np.isfinite(scale) and largest <= MAX_SCALED):
        raise UserError(
            f"Column '{name}' has values between {values.min():.6g} and {values.max():.6g} in the training rows, too"
            f" far apart for scaling={method}: correct the values, or set scaling=asinh, which compresses them."
        )
    is_spread = method == "standard" and scale != 1.0
    spread = scale if is_spread else float(values.std())
    bent_away = method in CURVED and 0 < spread < 1e-13 * abs(float(values.max()))
    if bent_away or (spread > 0 and largest * RESOLUTION > 0.01 * spread / scale):
        raise UserError(
            f"Column '{name}' has values that differ too little for their size, which scaling={method} leaves as it"
            f" is: set scaling=standard, or scaling.columns={{'{name}': standard}}."
        )
