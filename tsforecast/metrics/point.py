"""Errors of point forecasts.

Axes: n windows, H horizon, T targets. A NaN in a truth means "not observed" and is never scored; a NaN in a forecast at
an observed truth is a failure and makes the errors NaN. Where nothing is observed, a metric is NaN.

Example:
    >>> import numpy as np
    >>> truth, forecast = np.array([[[1.0]], [[3.0]]]), np.array([[[2.0]], [[3.0]]])
    >>> errors = PointErrors.from_forecasts(truth, forecast)
    >>> mae(errors), mse(errors), bias(errors)
    (0.5, 0.5, 0.5)
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsforecast.metrics.arrays import Array, Flags, divide, mean_observed


@dataclass(frozen=True)
class PointErrors:
    """Forecasts next to truths, with what the metrics derive from them.

    Args:
        truth: float64 ``[n, H, T]`` in the target's unit, NaN where unobserved.
        error: Forecast minus truth, float64 ``[n, H, T]``, 0 where unobserved.
        observed: Whether a truth is observed, ``[n, H, T]``.
        scale: ``[T]`` from `baselines.seasonal_scale`, or None; without it there is no MASE.

    Example:
        >>> errors = PointErrors.from_forecasts(np.array([[[1.0], [np.nan]]]), np.array([[[3.0], [0.0]]]))
        >>> errors.error[0, :, 0].tolist(), errors.observed[0, :, 0].tolist()
        ([2.0, 0.0], [True, False])
    """

    truth: Array
    error: npt.NDArray[np.float64]
    observed: Flags
    scale: Array | None = None

    @classmethod
    def from_forecasts(cls, truth: Array, forecast: Array, scale: Array | None = None) -> "PointErrors":
        """Compare forecasts with truths.

        Args:
            truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
            forecast: ``[n, H, T]`` in the same unit.
            scale: ``[T]`` from `baselines.seasonal_scale`, or None.

        Raises:
            ValueError: The shapes do not fit each other.
        """
        if truth.ndim != 3 or truth.shape != forecast.shape:
            raise ValueError(
                f"truth {truth.shape} and forecast {forecast.shape} must both be [windows, horizon, targets]"
            )
        if scale is not None and np.shape(scale) != (truth.shape[2],):
            raise ValueError(
                f"scale has shape {np.shape(scale)}, expected ({truth.shape[2]},): one value per target"
            )
        observed = ~np.isnan(truth)
        error = np.zeros(truth.shape, np.float64)
        np.subtract(forecast, truth, out=error, where=observed, dtype=np.float64)
        return cls(truth, error, observed, None if scale is None else np.asarray(scale, np.float64))


def mse(errors: PointErrors) -> float:
    """Return the mean squared error over windows, steps and targets, in the unit squared."""
    return float(mean_observed(errors.error**2, errors.observed))


def rmse(errors: PointErrors) -> float:
    """Return the root of the mean squared error, in the target's unit."""
    return float(np.sqrt(mse(errors)))


def mae(errors: PointErrors) -> float:
    """Return the mean absolute error over windows, steps and targets, in the target's unit."""
    return float(mean_observed(np.abs(errors.error), errors.observed))


def bias(errors: PointErrors) -> float:
    """Return the mean of forecast minus truth, in the target's unit."""
    return float(mean_observed(errors.error, errors.observed))


def r2(errors: PointErrors) -> float:
    """Return the coefficient of determination, the mean over the targets whose truth varies."""
    truth, observed = np.asarray(errors.truth, np.float64), errors.observed
    center = mean_observed(truth, observed, axis=(0, 1))
    spread = mean_observed((truth - center) ** 2, observed, axis=(0, 1))
    values = 1.0 - divide(mean_observed(errors.error**2, observed, axis=(0, 1)), spread)
    return _mean_over_targets(values, _has_any(observed) & (spread > 0))


def mase(errors: PointErrors) -> float | None:
    """Return the mean absolute scaled error, the mean over the targets with a positive scale; None without a scale.

    Source:
        Hyndman & Koehler (2006), "Another look at measures of forecast accuracy", here scaled by the seasonal naive
        forecast.
    """
    if errors.scale is None:
        return None
    values = mean_observed(np.abs(errors.error), errors.observed, axis=(0, 1))
    return _mean_over_targets(divide(values, errors.scale), _has_any(errors.observed) & (errors.scale > 0))


def errors_per_step(truth: Array, forecast: Array) -> dict[str, npt.NDArray[np.float64]]:
    """Return ``rmse`` and ``mae`` ``[H]`` of each horizon step, NaN where a step has no observed value."""
    errors = PointErrors.from_forecasts(truth, forecast)
    return {
        "rmse": np.sqrt(mean_observed(errors.error**2, errors.observed, axis=(0, 2))),
        "mae": mean_observed(np.abs(errors.error), errors.observed, axis=(0, 2)),
    }


def errors_per_group(
    truth: Array, forecast: Array, group: npt.NDArray[np.integer]
) -> dict[str, npt.NDArray[np.generic]]:
    """Score each group of target times, for example the hours of the day.

    Args:
        truth: ``[n, H, T]``, NaN where unobserved.
        forecast: ``[n, H, T]``.
        group: ``[n, H]`` the group of each target time, or ``[n]`` where the steps of a window share one.

    Returns:
        ``group`` (those that occur, rising), ``rmse``, ``mae`` and ``count`` (observed values), each ``[G]``.

    Raises:
        ValueError: The shapes do not fit each other.
    """
    errors = PointErrors.from_forecasts(truth, forecast)
    group = np.asarray(group)
    if group.shape not in (truth.shape[:1], truth.shape[:2]):
        raise ValueError(f"group has shape {group.shape}, expected {truth.shape[:2]} or {truth.shape[:1]}")
    group = np.broadcast_to(group.reshape(*group.shape, *[1] * (2 - group.ndim)), truth.shape[:2])
    groups, member = np.unique(group, return_inverse=True)
    member = member.reshape(truth.shape[:2])

    def sum_per_group(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        step = np.sum(values, axis=2, where=errors.observed, dtype=np.float64)
        sums = np.bincount(member.ravel(), weights=step.ravel(), minlength=len(groups))
        return sums.astype(np.float64, copy=False)

    count = sum_per_group(np.ones_like(errors.error))
    return {
        "group": groups,
        "rmse": np.sqrt(divide(sum_per_group(errors.error**2), count)),
        "mae": divide(sum_per_group(np.abs(errors.error)), count),
        "count": count.astype(np.int64),
    }


def _has_any(observed: Flags) -> Flags:
    return np.asarray(observed.any(axis=(0, 1)))


def _mean_over_targets(values: npt.NDArray[np.float64], defined: Flags) -> float:
    """Mean over the targets for which a metric is defined; a NaN there (a failed forecast) stays a NaN."""
    return float(np.mean(values[defined])) if defined.any() else float("nan")
