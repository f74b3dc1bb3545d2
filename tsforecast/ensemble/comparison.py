"""Comparison of an ensemble with its members: intervals, hindsight, and where in the test split it is better."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tsforecast import metrics
from tsforecast.data.dataset import ForecastDataset
from tsforecast.ensemble.convex import fit_convex_weights
from tsforecast.ensemble.fine_tuning import FineTuning
from tsforecast.ensemble.scoring import EnsembleScores
from tsforecast.evaluation.evaluate import target_hours
from tsforecast.metrics.bootstrap import Interval, rmse_difference, rmse_interval

LEVELS = ("low", "middle", "high")  # thirds of the target's last known value
SPIKE_FIGURES = {"average_precision": "spike_average_precision", "event_f1": "spike_f1"}

Mask = npt.NDArray[np.bool_]


def describe_ensemble(
    dataset: ForecastDataset,
    scores: EnsembleScores,
    tuning: FineTuning,
    *,
    weighting: str,
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Return the part of ``result.json`` that is about the ensemble.

    Args:
        dataset: Data of the run.
        scores: Scores of the ensemble, its members and everything it is compared with.
        tuning: Outcome of the fine-tuning.
        weighting: Name of the ensemble's weighting.
        seconds: Stage of the run to its duration.
    """
    return {
        "weighting": weighting,
        "board": compare_forecasters(scores),
        "mean_weights": average_weights(scores),
        "daily_weights": average_daily_weights(dataset, scores),
        "hindsight": evaluate_hindsight(dataset, scores),
        "parts": compare_parts(dataset, scores),
        "fine_tuning": tuning.to_dict(),
        "seconds": seconds,
    }


def compare_forecasters(scores: EnsembleScores) -> list[dict[str, Any]]:
    """Return one row per forecaster: its figures and its RMSE compared with the best member, with 95 % intervals."""
    best, rows = scores.best_member, []
    reach = scores.windows.lead + scores.windows.horizon - 1
    for score in scores.forecasters:
        row: dict[str, Any] = {"name": score.name, "kind": score.kind, "params": score.params}
        row |= {key: score.test.figures[key] for key in ("rmse", "mae")}
        if score.test.series is not None:
            row |= {key: score.test.figures[key] for key in ("mase", "smape")}
        row["rmse_interval"] = _bounds(rmse_interval(score.errors, reach))
        difference = None if score is best else rmse_difference(score.errors, best.errors, reach)
        row["over_best_member"] = None if difference is None else difference.value
        row["over_best_member_interval"] = _bounds(difference)
        cards = list((score.spikes or {}).values())
        for key, name in SPIKE_FIGURES.items():
            row[name] = float(np.mean([card["model"][key] for card in cards])) if cards else None
        rows.append(row)
    return rows


def evaluate_hindsight(dataset: ForecastDataset, scores: EnsembleScores) -> dict[str, Any]:
    """Return what weights could have reached with the test truths known: fixed ones, and the best of each window."""
    scaler, names = dataset.scaler_of(scores.windows.ends), scores.model.names
    members = np.stack(
        [scaler.inverse_targets(scores.members[:, index]) for index in range(len(names))], axis=1
    )
    errors = (members - scores.test.truth[:, None]).transpose(0, 2, 3, 1).reshape(-1, len(names))
    errors = errors[np.isfinite(errors).all(axis=1)].astype(np.float64)
    weights = fit_convex_weights(errors)
    # If members are on both sides of the truth, some mixture meets it; else the nearest member is the best mixture.
    both_sides = (errors.min(axis=1) < 0) & (errors.max(axis=1) > 0)
    nearest = np.abs(errors).min(axis=1)
    return {
        "fixed_weights": dict(zip(names, weights.tolist(), strict=True)),
        "fixed_rmse": _rms(errors @ weights),
        "best_member_each_time_rmse": _rms(nearest),
        "best_mixture_each_time_rmse": _rms(np.where(both_sides, 0.0, nearest)),
    }


def compare_parts(dataset: ForecastDataset, scores: EnsembleScores) -> list[dict[str, Any]]:
    """Return the RMSE of the ensemble, the best member and every reference on parts of the test windows.

    Returns:
        One row per part: ``part``, its ``share`` of the values, ``rmse`` by forecaster, and ``gain``, the share by
        which the ensemble's RMSE is below that of the best member.
    """
    ensemble, best = scores.forecasters[0], scores.best_member
    rows = []
    for part, mask in _mask_parts(dataset, scores).items():
        rmse = {}
        for score in (ensemble, best, *scores.select("reference")):
            truth = np.where(mask, score.test.truth, np.nan)
            rmse[score.name] = metrics.point_metrics(truth, score.test.forecast)["rmse"]
        gain = 1 - rmse[ensemble.name] / rmse[best.name]
        rows.append({"part": part, "share": float(mask.mean()), "rmse": rmse, "gain": gain})
    return rows


def average_daily_weights(dataset: ForecastDataset, scores: EnsembleScores) -> dict[str, Any]:
    """Return the days of the test split, counted from 1, as ``day``, and each member's mean ``weights`` on them.

    None for many series, whose weights do not follow the days.
    """
    if dataset.ranges is not None:
        return {}
    seconds = dataset.series.time[scores.windows.ends].astype("datetime64[s]").astype(np.int64)
    days = (seconds - seconds[0]) // 86_400
    order, counts = np.unique(days, return_counts=True)
    columns = scores.weights.T.astype(np.float64)
    weights = [(np.bincount(days, column)[order] / counts).tolist() for column in columns]
    return {"day": (order + 1).tolist(), "weights": dict(zip(scores.model.names, weights, strict=True))}


def average_weights(scores: EnsembleScores) -> Mapping[str, float]:
    """Return each member's mean weight over the test windows."""
    return dict(zip(scores.model.names, scores.weights.mean(axis=0).tolist(), strict=True))


def _mask_parts(dataset: ForecastDataset, scores: EnsembleScores) -> dict[str, Mask]:
    """Return masks ``[n, H, T]`` of parts of the test windows: hours of the day, levels and spikes.

    None for many series.
    """
    test = scores.test
    if dataset.ranges is not None:
        return {}
    hours = np.broadcast_to(target_hours(dataset, test)[..., None], test.truth.shape)
    parts = {f"{first} to {first + 6} h": (hours >= first) & (hours < first + 6) for first in (0, 6, 12, 18)}
    origin = dataset.inputs[test.ends][:, list(dataset.target_indices)]
    known = dataset.scaler.inverse_targets(origin)[:, None]
    edges = np.quantile(known, [1 / 3, 2 / 3])
    levels = np.searchsorted(edges, known, side="right")
    for index, name in enumerate(LEVELS):
        parts[f"{name} level"] = np.broadcast_to(levels == index, test.truth.shape)
    thresholds = scores.model.metadata["spike"]["threshold"]
    if all(value is not None for value in thresholds):
        spikes = test.truth - known > np.asarray(thresholds)
        parts |= {"on spikes": spikes, "off spikes": ~spikes}
    return {name: mask for name, mask in parts.items() if mask.any()}


def _bounds(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))
