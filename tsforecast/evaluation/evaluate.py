"""Score a forecaster on one split, in the target's unit, next to the naive baselines on the same windows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import keras
import numpy as np

from tsforecast import metrics
from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.windows import Windows
from tsforecast.evaluation.seasonal_errors import seasonal_scale
from tsforecast.evaluation.series_scores import (
    SeriesScores,
    first_rows,
    naive2_forecast,
    score_series,
)
from tsforecast.inference.dense_quantiles import quantile_chunks
from tsforecast.inference.forecasts import spike_probability
from tsforecast.inference.predict import predict
from tsforecast.layers.distributions.implicit_quantile import LEVELS, even_levels
from tsforecast.losses import Loss
from tsforecast.metrics.probabilistic import crps_from_quantiles, pit_counts
from tsforecast.metrics.series import mean_over_series
from tsforecast.objective import Objective

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model
    from tsforecast.models.task import Task

PIT_LEVELS = [index / 10 for index in range(1, 10)]  # edges of the PIT histogram of a distribution


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The forecasts of a split and their scores.

    Args:
        figures: Metric to its value over all targets.
        ends: ``[n]`` row of the last input of each window.
        truth: ``[n, H, T]`` in the target's unit, NaN where unobserved.
        forecast: ``[n, H, T]`` in the target's unit: the mean of a distribution if it is available, else the median.
        quantiles: ``[n, H, T, Q]`` in the target's unit, or None.
        spike: ``[n, H, T]`` the probability of a spike from a model with a head for it, or None.
        targets: Target to its own figures, where there are several targets.
        pit: Levels and shares of the truths between the quantiles at them; None for point forecasts.
        series: Scores of each series of a panel; None for one series.

    Example:
        >>> values = np.ones((2, 1, 1))
        >>> Evaluation({"rmse": 0.0}, np.array([9, 10]), values, values, None).figures["rmse"]
        0.0
    """

    figures: dict[str, float]
    ends: np.ndarray
    truth: np.ndarray
    forecast: np.ndarray
    quantiles: np.ndarray | None
    spike: np.ndarray | None = None
    targets: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    pit: dict[str, list[float]] | None = None
    series: SeriesScores | None = None


def evaluate(
    forecaster: Model,
    dataset: ForecastDataset,
    split: str,
    *,
    limit: int | None = None,
    newest: int | None = None,
) -> Evaluation:
    """Forecast and score the windows of a split.

    Args:
        forecaster: The model.
        dataset: The data.
        split: ``train``, ``val`` or ``test``.
        limit: Number of windows, evenly spaced; None for all.
        newest: Number of windows at the end, of many series of all windows of evenly spaced ones; None for all.
    """
    windows = dataset.windows(split, limit=limit)
    if newest is not None:
        windows = dataclasses.replace(windows, ends=_newest(dataset, windows.ends, newest))
    outputs = predict(forecaster, windows, in_time=limit is None)
    spike = spike_probability(outputs["spike"]) if "spike" in outputs else None
    levels, mean = forecaster.task.quantile_levels, outputs.get("mean")
    evaluation = score_forecasts(dataset, windows, outputs["forecast"], levels, spike, mean)
    if "parameters" not in outputs:
        return evaluation
    return score_distributions(evaluation, dataset, forecaster.task, outputs["parameters"])


def _newest(dataset: ForecastDataset, ends: np.ndarray, count: int) -> np.ndarray:
    """Return the ends of the newest windows; of many series all those of as many series as have about that many."""
    if dataset.series.panel is None or len(ends) <= count:
        return ends[-count:]
    _, index = np.unique(dataset.series.series_of(ends), return_inverse=True)
    kept: np.ndarray = ends[index % -(-len(ends) // count) == 0]
    return kept


def score_forecasts(
    dataset: ForecastDataset,
    windows: Windows,
    raw: np.ndarray,
    levels: tuple[float, ...] | None = None,
    spike: np.ndarray | None = None,
    mean: np.ndarray | None = None,
) -> Evaluation:
    """Score scaled forecasts of windows.

    Args:
        dataset: The data.
        windows: ``n`` windows.
        raw: ``[n, H, T(, Q)]``, scaled.
        levels: The Q quantile levels; None for point forecasts.
        spike: ``[n, H, T]`` probabilities of a spike, or None.
        mean: ``[n, H, T]``, scaled, the means of forecast distributions; None: squared errors score the median too.
    """
    median = raw if levels is None else raw[..., levels.index(0.5)]
    if mean is None:
        evaluation = _score_points(dataset, windows, median)
    else:
        evaluation = _score_points(dataset, windows, mean, median)
    evaluation = dataclasses.replace(evaluation, spike=spike)
    if levels is None:
        return evaluation
    quantiles = dataset.scaler_of(windows.ends).inverse_targets(raw, axis=-2)
    figures = evaluation.figures | metrics.quantile_metrics(evaluation.truth, quantiles, levels)
    pit = _describe_pit(pit_counts(evaluation.truth, quantiles, levels), levels)
    return dataclasses.replace(evaluation, figures=figures, quantiles=quantiles, pit=pit)


def score_distributions(
    evaluation: Evaluation, dataset: ForecastDataset, task: Task, parameters: np.ndarray
) -> Evaluation:
    """Return an evaluation with the CRPS and the PIT histogram of whole distributions, rather than of few quantiles.

    Args:
        evaluation: The evaluation of n windows.
        dataset: The data.
        task: Task of the model.
        parameters: Parameters ``[n, H, T, P]`` of its distributions.
    """
    dense, total, counts = even_levels(LEVELS).tolist(), 0.0, np.zeros(len(PIT_LEVELS) + 1)
    scaler = dataset.scaler_of(evaluation.ends)
    for windows, quantiles in quantile_chunks(task, parameters, [*dense, *PIT_LEVELS], scaler):
        truth = evaluation.truth[windows]
        total += float(np.nansum(crps_from_quantiles(truth, quantiles[..., :LEVELS], dense)))
        counts += pit_counts(truth, quantiles[..., LEVELS:], PIT_LEVELS)
    observed = int((~np.isnan(evaluation.truth)).sum())
    figures = evaluation.figures | {"crps": total / observed if observed else float("nan")}
    return dataclasses.replace(evaluation, figures=figures, pit=_describe_pit(counts, PIT_LEVELS))


def _describe_pit(counts: np.ndarray, levels: Sequence[float]) -> dict[str, list[float]]:
    shares = counts / counts.sum() if counts.sum() else np.full(len(counts), np.nan)
    return {"levels": list(levels), "shares": [float(share) for share in shares]}


def baselines(dataset: ForecastDataset, split: str) -> dict[str, Evaluation]:
    """Score persistence and the seasonal naive forecast on all windows of a split, as ``evaluate`` does.

    Of a panel also Naive2, to which its OWA is relative.
    """
    windows = dataset.windows(split)
    if dataset.series.panel is not None:
        return _panel_baselines(dataset, windows)
    season = dataset.series.season
    # Rows before these are not read: a season, or the longest forecast, before the first window's last input.
    first = max(0, int(windows.ends[0]) - windows.lead - windows.horizon - season) if len(windows) else 0
    filled = dataset.inputs[first : windows.border[1], list(dataset.target_indices)]
    ends = windows.ends - first
    persistence = metrics.persistence_forecast(filled, ends, windows.horizon)
    seasonal_naive = metrics.seasonal_naive_forecast(filled, ends, windows.lead, windows.horizon, season)
    return {
        "persistence": _score_points(dataset, windows, persistence),
        "seasonal_naive": _score_points(dataset, windows, seasonal_naive),
    }


def _panel_baselines(dataset: ForecastDataset, windows: Windows) -> dict[str, Evaluation]:
    series, targets = dataset.series, list(dataset.target_indices)
    filled, first = dataset.inputs[:, targets], first_rows(series, windows.ends)
    shape = windows.lead, windows.horizon, series.season
    naive2 = dataset.scaler_of(windows.ends).transform_targets(naive2_forecast(dataset, windows))
    forecasts = {
        "persistence": metrics.persistence_forecast(filled, windows.ends, windows.horizon),
        "seasonal_naive": metrics.seasonal_naive_forecast(filled, windows.ends, *shape, first),
        "naive2": naive2,
    }
    return {name: _score_points(dataset, windows, scaled) for name, scaled in forecasts.items()}


def _score_points(
    dataset: ForecastDataset, windows: Windows, scaled: np.ndarray, scaled_median: np.ndarray | None = None
) -> Evaluation:
    """Score scaled point forecasts ``[n, H, T]`` of windows; absolute errors are those of the median if it is given."""
    scaled_truth = windows.targets(windows.ends)
    scaler = dataset.scaler_of(windows.ends)
    truth, forecast = (scaler.inverse_targets(values) for values in (scaled_truth, scaled))
    median = None if scaled_median is None else scaler.inverse_targets(scaled_median)
    series = score_series(dataset, windows, truth, forecast, median)
    scale = seasonal_scale(dataset) if series is None else None
    figures = metrics.point_metrics(truth, forecast, median=median, scale=scale)
    figures |= metrics.point_metrics(scaled_truth, scaled, median=scaled_median, source="scaled")
    names = dataset.series.targets
    targets = {
        name: metrics.point_metrics(
            truth[..., [i]],
            forecast[..., [i]],
            median=None if median is None else median[..., [i]],
            scale=None if scale is None else scale[[i]],
        )
        for i, name in enumerate(names if len(names) > 1 else ())
    }
    if series is not None:
        figures |= series.overall(np.abs((forecast if median is None else median) - truth), truth)
    return Evaluation(figures, windows.ends, truth, forecast, None, targets=targets, series=series)


def validation_figures(
    forecaster: keras.Model, dataset: ForecastDataset, loss: Loss, limit: int | None
) -> dict[str, float]:
    """Return ``val/loss`` (scaled, over observed truths), and ``val/rmse`` and ``val/mae`` in the target's unit.

    Of a panel also ``val/mase``, the mean over its series.
    """
    windows = dataset.windows("val", limit=limit)
    truth, outputs = windows.targets(windows.ends), predict(forecaster, windows)
    raw, observed = outputs["forecast"], np.isfinite(truth)
    origin = windows.rows[windows.ends][:, None, list(dataset.target_indices)]
    filled = np.where(observed, truth, 0.0).astype("float32")
    losses = keras.ops.convert_to_numpy(Objective(forecaster, loss)(filled, outputs, origin))
    median = raw if loss.quantile_levels is None else loss.point(raw)
    scaler = dataset.scaler_of(windows.ends)
    in_unit = [scaler.inverse_targets(part) for part in (truth, outputs.get("mean", median), median)]
    figures = metrics.point_metrics(in_unit[0], in_unit[1], median=in_unit[2])
    series = score_series(dataset, windows, *in_unit)
    of_series = {} if series is None else {"val/mase": mean_over_series(series.figures)["mase"]}
    return of_series | {
        "val/loss": float(losses[observed].mean(dtype=np.float64)),
        "val/rmse": figures["rmse"],
        "val/mae": figures["mae"],
    }


def target_hours(dataset: ForecastDataset, evaluation: Evaluation) -> np.ndarray:
    """Return the hour of day ``[n, H]`` of each forecast's time."""
    lead, horizon = dataset.windows("test").lead, evaluation.truth.shape[1]
    rows = evaluation.ends[:, None] + lead + np.arange(horizon)
    seconds = dataset.series.clock.local(dataset.series.time[rows]).astype("datetime64[s]").astype(np.int64)
    return (seconds // 3600) % 24


def add_split(figures: Mapping[str, float], split: str) -> dict[str, float]:
    """Return figures under the keys of a split.

    Example:
        >>> add_split({"rmse": 0.5}, "test")
        {'test/rmse': 0.5}
    """
    return {f"{split}/{name}": value for name, value in figures.items()}
