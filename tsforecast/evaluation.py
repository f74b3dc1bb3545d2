"""Scores a forecaster on one split, in the target's unit, beside the naive baselines on the same windows."""

import dataclasses
from typing import Any

import keras
import numpy as np

from tsforecast import metrics
from tsforecast.data.prepare import Prepared
from tsforecast.losses import Loss
from tsforecast.training.prediction import forecast as forecast_windows


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a forecaster did on a split.

    Args:
        figures: metric -> value: ``rmse``, ``mae``, ``mase``, ``r2``, ... in the target's unit, ``rmse_scaled``, ...
        ends: ``[n]`` row of the last input of each window.
        truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
        forecast: ``[n, H, T]`` in the target's unit.
        quantiles: ``[n, H, T, Q]`` in the target's unit, or None.
    """

    figures: dict[str, float]
    ends: np.ndarray
    truth: np.ndarray
    forecast: np.ndarray
    quantiles: np.ndarray | None


def evaluate(
    forecaster: keras.Model, prepared: Prepared, split: str, *, limit: int | None = None
) -> Evaluation:
    """Forecasts all windows of a split (or ``limit`` of them, evenly spaced) and scores them."""
    windows = prepared.windows(split, limit=limit)
    scaled_truth = windows.targets(windows.ends)
    raw = forecast_windows(forecaster, windows)
    levels = forecaster.task.quantile_levels
    scaled = raw if levels is None else raw[..., levels.index(0.5)]
    truth, point = (prepared.scaler.inverse_targets(values) for values in (scaled_truth, scaled))
    figures = metrics.point_metrics(truth, point, scale=seasonal_scale(prepared))
    figures["rmse_scaled"] = metrics.point_metrics(scaled_truth, scaled)["rmse"]
    figures["mae_scaled"] = metrics.point_metrics(scaled_truth, scaled)["mae"]
    quantiles = None
    if levels is not None:
        quantiles = np.moveaxis(prepared.scaler.inverse_targets(np.moveaxis(raw, -1, 0)), 0, -1)
        figures |= metrics.quantile_metrics(truth, quantiles, levels)
    return Evaluation(figures, windows.ends, truth, point, quantiles)


def validation_figures(
    forecaster: keras.Model, prepared: Prepared, loss: Loss, limit: int | None
) -> dict[str, float]:
    """``val/loss`` (scaled, over observed truths), and ``val/rmse``, ``val/mae`` in the target's unit."""
    windows = prepared.windows("val", limit=limit)
    truth, raw = windows.targets(windows.ends), forecast_windows(forecaster, windows)
    observed = np.isfinite(truth)
    losses = keras.ops.convert_to_numpy(loss(np.where(observed, truth, 0.0).astype("float32"), raw))
    point = raw if loss.quantile_levels is None else loss.point(raw)
    figures = metrics.point_metrics(
        prepared.scaler.inverse_targets(truth), prepared.scaler.inverse_targets(point)
    )
    return {
        "val/loss": float(losses[observed].mean(dtype=np.float64)),
        "val/rmse": figures["rmse"],
        "val/mae": figures["mae"],
    }


def baselines(prepared: Prepared, split: str) -> dict[str, dict[str, float]]:
    """The figures of persistence and of the seasonal naive forecast on all windows of a split, in the target's unit."""
    windows = prepared.windows(split)
    truth = prepared.scaler.inverse_targets(windows.targets(windows.ends))
    filled = prepared.scaler.inverse_targets(prepared.inputs[:, list(prepared.target_indices)])
    lead, horizon = windows.lead, windows.horizon
    forecasts = {
        "persistence": metrics.persistence_forecast(filled, windows.ends, lead, horizon),
        "seasonal_naive": metrics.seasonal_naive_forecast(
            filled, windows.ends, lead, horizon, prepared.series.season
        ),
    }
    scale = seasonal_scale(prepared)
    return {name: metrics.point_metrics(truth, forecast, scale=scale) for name, forecast in forecasts.items()}


def seasonal_scale(prepared: Prepared) -> np.ndarray:
    """The mean absolute error ``[T]`` of the seasonal naive forecast on the training rows: the unit of MASE."""
    first, last = prepared.borders[0]
    training = prepared.scaler.inverse_targets(prepared.truths[first:last])
    return metrics.seasonal_scale(training, prepared.series.season)


def target_hours(prepared: Prepared, evaluation: Evaluation) -> np.ndarray:
    """The hour of day ``[n, H]`` of each forecast's time."""
    lead, horizon = prepared.windows("test").lead, evaluation.truth.shape[1]
    rows = evaluation.ends[:, None] + lead + np.arange(horizon)
    seconds = prepared.series.time[rows].astype("datetime64[s]").astype(np.int64)
    return (seconds // 3600) % 24


def prefixed(figures: dict[str, Any], split: str) -> dict[str, Any]:
    """``rmse`` -> ``test/rmse``."""
    return {f"{split}/{name}": value for name, value in figures.items()}
