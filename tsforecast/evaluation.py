"""Scores a forecaster on one split, in the target's unit, beside the naive baselines on the same windows."""

import dataclasses
from typing import Any

import keras
import numpy as np

from tsforecast import metrics
from tsforecast.data.prepare import Prepared
from tsforecast.data.windows import Windows
from tsforecast.losses import Loss
from tsforecast.training.objective import Objective
from tsforecast.training.prediction import forecasts


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a forecaster did on a split.

    Args:
        figures: metric -> value: ``rmse``, ``mae``, ``mase``, ``r2``, ... in the target's unit, ``rmse_scaled``, ...
        ends: ``[n]`` row of the last input of each window.
        truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
        forecast: ``[n, H, T]`` in the target's unit.
        quantiles: ``[n, H, T, Q]`` in the target's unit, or None.
        spike: ``[n, H, T]`` the probability of a spike from a model with a head for it, or None.
    """

    figures: dict[str, float]
    ends: np.ndarray
    truth: np.ndarray
    forecast: np.ndarray
    quantiles: np.ndarray | None
    spike: np.ndarray | None = None


def evaluate(
    forecaster: Any, prepared: Prepared, split: str, *, limit: int | None = None, newest: int | None = None
) -> Evaluation:
    """Forecasts all windows of a split (or ``limit`` of them, evenly spaced; or the ``newest``) and scores them."""
    windows = prepared.windows(split, limit=limit)
    if newest is not None:
        windows = dataclasses.replace(windows, ends=windows.ends[-newest:])
    output = forecasts(forecaster, windows, in_time=limit is None)
    raw, levels = output.values, forecaster.task.quantile_levels
    return evaluation_of(prepared, windows, raw, levels, output.spike)


def evaluation_of(
    prepared: Prepared,
    windows: Windows,
    raw: np.ndarray,
    levels: tuple[float, ...] | None = None,
    spike: np.ndarray | None = None,
) -> Evaluation:
    """Scores the forecasts ``[n, H, T(, Q)]``, scaled, of ``windows``; ``levels`` are those of the quantiles."""
    evaluation = _scored(prepared, windows, raw if levels is None else raw[..., levels.index(0.5)])
    evaluation = dataclasses.replace(evaluation, spike=spike)
    if levels is None:
        return evaluation
    quantiles = np.moveaxis(prepared.scaler.inverse_targets(np.moveaxis(raw, -1, 0)), 0, -1)
    figures = evaluation.figures | metrics.quantile_metrics(evaluation.truth, quantiles, levels)
    return dataclasses.replace(evaluation, figures=figures, quantiles=quantiles)


def baselines(prepared: Prepared, split: str) -> dict[str, Evaluation]:
    """Persistence and the seasonal naive forecast on all windows of a split, scored as ``evaluate`` does."""
    windows = prepared.windows(split)
    filled = prepared.inputs[:, list(prepared.target_indices)]
    reach = windows.ends, windows.lead, windows.horizon
    season = prepared.series.season
    return {
        "persistence": _scored(prepared, windows, metrics.persistence_forecast(filled, *reach)),
        "seasonal_naive": _scored(prepared, windows, metrics.seasonal_naive_forecast(filled, *reach, season)),
    }


def _scored(prepared: Prepared, windows: Windows, scaled: np.ndarray) -> Evaluation:
    """Scores scaled point forecasts ``[n, H, T]`` of ``windows``."""
    scaled_truth = windows.targets(windows.ends)
    truth, forecast = (prepared.scaler.inverse_targets(values) for values in (scaled_truth, scaled))
    figures = metrics.point_metrics(truth, forecast, scale=seasonal_scale(prepared))
    in_scale = metrics.point_metrics(scaled_truth, scaled)
    figures |= {f"{name}_scaled": in_scale[name] for name in ("rmse", "mae")}
    return Evaluation(figures, windows.ends, truth, forecast, None)


def validation_figures(
    forecaster: keras.Model, prepared: Prepared, loss: Loss, limit: int | None
) -> dict[str, float]:
    """``val/loss`` (scaled, over observed truths), and ``val/rmse``, ``val/mae`` in the target's unit."""
    windows = prepared.windows("val", limit=limit)
    truth, output = windows.targets(windows.ends), forecasts(forecaster, windows)
    raw, observed = output.values, np.isfinite(truth)
    origin = windows.rows[windows.ends][:, None, list(prepared.target_indices)]
    filled = np.where(observed, truth, 0.0).astype("float32")
    losses = keras.ops.convert_to_numpy(Objective(forecaster, loss)(filled, output.as_output(), origin))
    point = raw if loss.quantile_levels is None else loss.point(raw)
    figures = metrics.point_metrics(
        prepared.scaler.inverse_targets(truth), prepared.scaler.inverse_targets(point)
    )
    return {
        "val/loss": float(losses[observed].mean(dtype=np.float64)),
        "val/rmse": figures["rmse"],
        "val/mae": figures["mae"],
    }


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
