"""The spike scorecard of a run: alarm level from validation windows, scores from test windows, one target at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np

from tsforecast.data.dataset import ForecastDataset
from tsforecast.data.scaling import SeriesScaler
from tsforecast.evaluation.evaluate import Evaluation, evaluate
from tsforecast.metrics import METRICS, persistence_forecast, spikes
from tsforecast.metrics.spikes.calibration import Reliability

if TYPE_CHECKING:
    from tsforecast.models.protocol import Model

DAY = 86_400
SPREADS = "spreads of its series"
# The newest validation windows, of many series all those of evenly spaced ones: enough for thousands of events, and
# quick for every model.
ALARM_WINDOWS = 50_000
# Headline metric of a run -> the metric of the scorecard that it averages over the targets.
HEADLINES = {
    "spike_average_precision": "average_precision",
    "spike_f1": "event_f1",
    "spike_false_alarms_per_day": "false_alarms_per_day",
}


class _Unit(TypedDict, total=False):
    """The unit of the threshold and the errors, if it is not that of the target."""

    unit: str


class SpikeScores(_Unit):
    """The spike scorecard of one target.

    ``threshold`` is in the target's unit, ``score`` says what ranks the windows, and the other entries are figures:
    those of the model, of the floors ``random`` and ``always``, and the errors of persistence on spike steps and off.
    ``reliability`` is the curve of a score that is a probability, else None; ``max_false_alarms_per_day`` is the limit
    that the alarm level was chosen for, if any.
    """

    threshold: float
    score: str
    alarm_level: float
    model: dict[str, float]
    random: dict[str, float]
    always: dict[str, float]
    persistence: dict[str, float]
    reliability: Reliability | None
    max_false_alarms_per_day: float | None


class WindowScores(NamedTuple):
    """What ranks windows by how likely a spike is.

    Args:
        name: What the score is, in words.
        values: The score of each window ``[n]``.
        is_probability: Whether it is a probability.
    """

    name: str
    values: np.ndarray
    is_probability: bool


def spike_scores(
    model: Model,
    dataset: ForecastDataset,
    test: Evaluation,
    *,
    min_gap: int,
    tolerance: int,
    max_false_alarms: float | None = None,
    validation: Evaluation | None = None,
) -> dict[str, SpikeScores]:
    """Score how well a model foresees spikes.

    The score of a window is the probability from a spike head; of a model without one the probability that quantiles
    give, or the largest forecast rise. The alarm level is the one with the best event F1 on validation windows, or the
    most hits with at most ``max_false_alarms`` per day.

    Args:
        model: A forecaster whose metadata contain ``spike.threshold``.
        dataset: The data.
        test: The model's forecasts of the test split.
        min_gap: Steps between the onsets of two events.
        tolerance: Steps by which an alarm may be early or late.
        max_false_alarms: Most false alarms per day on validation windows, or None.
        validation: The model's forecasts of the ``ALARM_WINDOWS`` newest validation windows, if already available.

    Returns:
        The scorecard of each target that has a threshold.
    """
    thresholds = (model.metadata.get("spike") or {}).get("threshold") or []
    if not any(value is not None for value in thresholds):
        return {}
    validation = validation or evaluate(model, dataset, "val", newest=ALARM_WINDOWS)
    if dataset.scaler.levels is not None:
        validation, test = (relative_to_level(part, dataset) for part in (validation, test))
    levels, scores = model.task.quantile_levels, {}
    for index, (target, threshold) in enumerate(zip(dataset.series.targets, thresholds, strict=True)):
        if threshold is None:
            continue
        rule = spikes.SpikeRule(
            threshold=threshold,
            lead=dataset.window["lead"],
            min_gap=min_gap,
            tolerance=tolerance,
            rows_per_day=DAY / dataset.series.step,
            stride=dataset.window["stride"],
        )
        parts = validation, test
        scores[target] = _score_target(dataset, parts, index, rule, levels, max_false_alarms)
        if dataset.scaler.levels is not None:
            scores[target]["unit"] = SPREADS
    return scores


def relative_to_level(evaluation: Evaluation, dataset: ForecastDataset) -> Evaluation:
    """Return forecasts of many series relative to their levels, so that a rise is the same in all of them.

    Args:
        evaluation: Forecasts in the unit of the target.
        dataset: The data.
    """
    scaler = dataset.scaler_of(evaluation.ends)
    if not isinstance(scaler, SeriesScaler):
        return evaluation
    values = evaluation.quantiles
    return dataclasses.replace(
        evaluation,
        truth=scaler.relative(evaluation.truth),
        forecast=scaler.relative(evaluation.forecast),
        quantiles=None if values is None else scaler.relative(values, axis=-2),
    )


def spike_metrics(scores: Mapping[str, SpikeScores]) -> dict[str, float]:
    """Return the headline metrics, each the mean over the targets: ``spike_average_precision``, ``spike_f1`` and so on.

    Args:
        scores: Target to its scorecard; without one there are no metrics.
    """
    if not scores:
        return {}
    return {
        name: float(np.mean([target["model"][HEADLINES[name]] for target in scores.values()]))
        for name, metric in METRICS.items()
        if metric.source == "spikes"
    }


def _score_target(
    dataset: ForecastDataset,
    parts: tuple[Evaluation, Evaluation],
    index: int,
    rule: spikes.SpikeRule,
    levels: tuple[float, ...] | None,
    max_false_alarms: float | None,
) -> SpikeScores:
    """Score one target; the parts are validation and test."""
    validation, test = parts
    origins = [_observed_origin(dataset, part, index) for part in parts]
    before, score = (
        _rank_windows(part, origin, index, rule.threshold, levels)
        for part, origin in zip(parts, origins, strict=True)
    )
    level = spikes.choose_alarm_level(
        validation.truth[..., index],
        origins[0],
        validation.ends,
        before.values,
        rule,
        max_false_alarms=max_false_alarms,
    )
    truth = test.truth[..., index]
    card = spikes.scorecard(
        truth,
        test.forecast[..., index],
        origins[1],
        test.ends,
        score.values,
        alarm_level=level,
        rule=rule,
        is_probability=score.is_probability,
    )
    spike, labeled = spikes.label_spikes(truth, origins[1], rule.threshold)
    known = _filled_origin(dataset, test, index)
    persistence = persistence_forecast(known[:, None], np.arange(len(known)), truth.shape[1])[..., 0]
    return {
        "threshold": rule.threshold,
        "score": score.name,
        "alarm_level": level,
        "model": card["model"],
        "random": card["random"],
        "always": card["always"],
        "persistence": spikes.spike_step_errors(truth, persistence, origins[1], rule.threshold),
        "reliability": spikes.reliability_curve(spike[labeled], score.values[labeled])
        if score.is_probability
        else None,
        "max_false_alarms_per_day": max_false_alarms,
    }


def _observed_origin(dataset: ForecastDataset, part: Evaluation, index: int) -> np.ndarray:
    """Return the target ``[n]`` at each window's last input row in its unit, NaN where it was not observed."""
    return dataset.scaler.inverse_targets(dataset.truths[part.ends])[:, index]


def _filled_origin(dataset: ForecastDataset, part: Evaluation, index: int) -> np.ndarray:
    """Return the target ``[n]`` as the model saw it at the last input row: filled, in its unit."""
    filled = dataset.inputs[part.ends][:, list(dataset.target_indices)]
    return dataset.scaler.inverse_targets(filled)[:, index]


def _rank_windows(
    part: Evaluation, origin: np.ndarray, index: int, threshold: float, levels: tuple[float, ...] | None
) -> WindowScores:
    if part.spike is not None:
        return WindowScores("probability of the spike head", part.spike[..., index].max(axis=1), True)
    if part.quantiles is not None and levels is not None and len(levels) > 1:
        probability = spikes.exceedance_probability(part.quantiles[:, :, index], levels, origin, threshold)
        return WindowScores("exceedance probability of the quantiles", probability, True)
    return WindowScores("forecast rise", spikes.forecast_rise(part.forecast[..., index], origin), False)
