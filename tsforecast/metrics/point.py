"""Forecast metrics and naive baselines, in NumPy alone: no framework, scaler or unit conversion enters here.

Axes: n windows, H horizon, T targets, Q quantiles, N rows. A NaN in a truth means "not observed" and is never
scored; a NaN in a forecast at an observed truth is a failure and makes the errors NaN. Where nothing at all
is observed, a metric is NaN. Sums run in float64 and in a fixed order: the same input gives the same digits.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating]


def point_metrics(truth: Array, forecast: Array, *, scale: Array | None = None) -> dict[str, float]:
    """Scores point forecasts over all observed values.

    ``rmse``, ``mae``, ``mse`` and ``bias`` (forecast minus truth) pool windows, steps and targets. ``r2`` and
    ``mase`` are taken per target and then averaged over the targets for which they are defined: ``r2`` needs
    a truth that varies, ``mase`` a positive scale.

    Args:
        truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
        forecast: ``[n, H, T]`` in the same unit.
        scale: ``[T]`` from `seasonal_scale`; without it there is no ``mase``.

    Returns:
        Metric name to value; ``mse`` in the unit squared, ``r2`` and ``mase`` unitless, the rest in the unit.

    Raises:
        ValueError: If shapes do not fit each other.

    Source:
        MASE: Hyndman & Koehler (2006), "Another look at measures of forecast accuracy", here scaled by the
        seasonal naive forecast.
    """
    error, observed = _errors(truth, forecast)
    mse = float(_mean(error**2, observed))
    metrics = {
        "rmse": float(np.sqrt(mse)),
        "mae": float(_mean(np.abs(error), observed)),
        "mse": mse,
        "bias": float(_mean(error, observed)),
        "r2": _r2(np.asarray(truth, np.float64), error, observed),
    }
    if scale is not None:
        scale = np.asarray(scale, np.float64)
        if scale.shape != (truth.shape[2],):
            raise ValueError(
                f"scale has shape {scale.shape}, expected ({truth.shape[2]},): one value a target"
            )
        mae = _mean(np.abs(error), observed, axis=(0, 1))
        metrics["mase"] = _mean_of_defined(_divide(mae, scale), _has_any(observed) & (scale > 0))
    return metrics


def seasonal_scale(training_values: Array, season: int) -> Array:
    """Returns the MASE's denominator: each target's mean absolute seasonal naive error on training rows.

    Args:
        training_values: ``[N, T]`` in the target's unit, NaN where unobserved; only observed pairs count.
        season: Rows of one season, at least 1.

    Returns:
        ``[T]`` in the target's unit, NaN where no pair of rows one season apart is observed.

    Raises:
        ValueError: If ``season`` is below 1.
    """
    _check_season(season)
    values = np.asarray(training_values, np.float64)
    difference = np.abs(values[season:] - values[:-season])
    return _mean(difference, ~np.isnan(difference), axis=0)


def quantile_metrics(truth: Array, forecast: Array, levels: Sequence[float]) -> dict[str, float]:
    """Scores quantile forecasts over all observed values.

    Args:
        truth: ``[n, H, T]``, NaN where unobserved.
        forecast: ``[n, H, T, Q]`` in the same unit.
        levels: Q quantile levels, rising, each in (0, 1).

    Returns:
        ``pinball``, the mean over values and levels of ``max(level * (y - q), (level - 1) * (y - q))`` in the
        target's unit; ``coverage_q10`` and so on, the share of truths at or below that quantile; and with two
        levels or more ``coverage_80`` and ``width_80`` (named by the nominal per cent of the outermost pair),
        the share of truths inside that pair and its mean width.

    Raises:
        ValueError: If shapes do not fit, or levels do not rise within (0, 1).
    """
    levels = [float(level) for level in levels]
    if not levels or sorted(set(levels)) != levels or levels[0] <= 0 or levels[-1] >= 1:
        raise ValueError(f"quantile levels must rise within (0, 1), got {levels}")
    if forecast.shape != (*truth.shape, len(levels)):
        raise ValueError(f"forecast has shape {forecast.shape}, expected {(*truth.shape, len(levels))}")
    observed = ~np.isnan(truth)
    metrics: dict[str, float] = {}
    pinball = 0.0
    for index, level in enumerate(
        levels
    ):  # one level at a time: a float64 copy of all of them would be large
        error, _ = _errors(truth, forecast[..., index])
        pinball += float(_mean(np.maximum(-level * error, (1 - level) * error), observed))
        metrics[f"coverage_q{100 * level:g}"] = float(_mean(truth <= forecast[..., index], observed))
    if len(levels) > 1:
        lower, upper = forecast[..., 0].astype(np.float64), forecast[..., -1].astype(np.float64)
        nominal = round(100 * (levels[-1] - levels[0]))
        metrics[f"coverage_{nominal}"] = float(_mean((lower <= truth) & (truth <= upper), observed))
        metrics[f"width_{nominal}"] = float(_mean(upper - lower, observed))
    return {"pinball": pinball / len(levels), **metrics}


def by_step(truth: Array, forecast: Array) -> dict[str, Array]:
    """Returns ``rmse`` and ``mae`` ``[H]`` of each horizon step, NaN where a step has no observed value."""
    error, observed = _errors(truth, forecast)
    return {
        "rmse": np.sqrt(_mean(error**2, observed, axis=(0, 2))),
        "mae": _mean(np.abs(error), observed, axis=(0, 2)),
    }


def by_group(truth: Array, forecast: Array, group: npt.NDArray[np.integer]) -> dict[str, npt.NDArray]:
    """Scores each group of target times, such as hours of the day.

    Args:
        truth: ``[n, H, T]``, NaN where unobserved.
        forecast: ``[n, H, T]``.
        group: ``[n, H]`` the group of each target time, or ``[n]`` where a window's steps share one.

    Returns:
        ``group`` (those that occur, rising), ``rmse``, ``mae`` and ``count`` (observed values), each ``[G]``.

    Raises:
        ValueError: If shapes do not fit each other.
    """
    error, observed = _errors(truth, forecast)
    group = np.asarray(group)
    if group.shape not in (truth.shape[:1], truth.shape[:2]):
        raise ValueError(f"group has shape {group.shape}, expected {truth.shape[:2]} or {truth.shape[:1]}")
    group = np.broadcast_to(group.reshape(*group.shape, *[1] * (2 - group.ndim)), truth.shape[:2])
    groups, member = np.unique(group, return_inverse=True)
    member = member.reshape(truth.shape[:2])

    def per_group(values: Array) -> npt.NDArray:
        step = np.sum(values, axis=2, where=observed, dtype=np.float64)
        return np.bincount(member.ravel(), weights=step.ravel(), minlength=len(groups))

    count = per_group(np.ones_like(error))
    return {
        "group": groups,
        "rmse": np.sqrt(_divide(per_group(error**2), count)),
        "mae": _divide(per_group(np.abs(error)), count),
        "count": count.astype(np.int64),
    }


def skill(rmse: float, rmse_baseline: float) -> float:
    """Returns ``1 - rmse / rmse_baseline``: 0 equals the baseline, 1 is perfect; NaN for a baseline of 0."""
    return 1.0 - rmse / rmse_baseline if rmse_baseline > 0 else float("nan")


def persistence_forecast(filled: Array, ends: npt.NDArray[np.integer], lead: int, horizon: int) -> Array:
    """Forecasts every step by the value at the window's last input row.

    Args:
        filled: ``[N, T]`` without NaN (filled causally).
        ends: ``[n]`` last input rows.
        lead: Unused, as the value stays the same however far ahead; the baselines are called alike.
        horizon: Steps, at least 1.

    Returns:
        ``[n, H, T]`` in the unit of ``filled``.
    """
    return np.repeat(filled[np.asarray(ends)][:, None, :], horizon, axis=1)


def seasonal_naive_forecast(
    filled: Array, ends: npt.NDArray[np.integer], lead: int, horizon: int, season: int
) -> Array:
    """Forecasts each step by the value at the same time in the latest season that is known by then.

    The row read is the target's row minus the fewest whole seasons that bring it to the window's last input
    row or before. Where that lies before the first row, the last input stands in for it.

    Args:
        filled: ``[N, T]`` without NaN (filled causally).
        ends: ``[n]`` last input rows.
        lead: Steps from the last input to the first target, at least 1.
        horizon: Steps, at least 1.
        season: Rows of one season, at least 1.

    Returns:
        ``[n, H, T]`` in the unit of ``filled``.

    Raises:
        ValueError: If ``season`` is below 1.
    """
    _check_season(season)
    ends = np.asarray(ends)[:, None]
    ahead = lead + np.arange(horizon)
    rows = ends + ahead - season * -(-ahead // season)  # -(-a // b) rounds up
    return filled[np.where(rows >= 0, rows, ends)]


def _errors(truth: Array, forecast: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Returns forecast minus truth in float64 (0 where unobserved) and where the truth is observed."""
    if truth.ndim != 3 or truth.shape != forecast.shape:
        raise ValueError(
            f"truth {truth.shape} and forecast {forecast.shape} must both be [windows, horizon, targets]"
        )
    observed = ~np.isnan(truth)
    error = np.zeros(truth.shape, np.float64)
    np.subtract(forecast, truth, out=error, where=observed, dtype=np.float64)
    return error, observed


def _mean(values: npt.NDArray, observed: npt.NDArray[np.bool_], axis=None) -> Array:
    """Mean of the observed values in float64; NaN, without a warning, where there are none."""
    total = np.sum(values, axis=axis, where=observed, dtype=np.float64)
    return _divide(total, np.sum(observed, axis=axis, dtype=np.float64))


def _divide(numerator: Array, denominator: Array) -> Array:
    """Quotient, NaN where the denominator is not positive."""
    quotient = np.full(np.shape(numerator), np.nan)
    return np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator) > 0)


def _r2(truth: Array, error: Array, observed: npt.NDArray[np.bool_]) -> float:
    centre = _mean(truth, observed, axis=(0, 1))
    spread = _mean((truth - centre) ** 2, observed, axis=(0, 1))
    r2 = 1.0 - _divide(_mean(error**2, observed, axis=(0, 1)), spread)
    return _mean_of_defined(r2, _has_any(observed) & (spread > 0))


def _has_any(observed: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    return np.asarray(observed.any(axis=(0, 1)))


def _mean_of_defined(values: Array, defined: npt.NDArray[np.bool_]) -> float:
    """Mean over the targets where a metric is defined; a NaN there (a failed forecast) stays a NaN."""
    return float(np.mean(values[defined])) if defined.any() else float("nan")


def _check_season(season: int) -> None:
    if season < 1:
        raise ValueError(f"season is {season}, expected at least 1 row")
