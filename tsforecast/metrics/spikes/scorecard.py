"""The scorecard of a model's spikes next to two floors that know nothing."""

from collections.abc import Sequence

import numpy as np

from tsforecast.metrics.arrays import Array, Rows, ratio
from tsforecast.metrics.point import PointErrors, mae, rmse
from tsforecast.metrics.spikes.calibration import (
    brier_score,
    expected_calibration_error,
    reliability_curve,
)
from tsforecast.metrics.spikes.events import event_scores
from tsforecast.metrics.spikes.labels import SpikeRule, label_spikes
from tsforecast.metrics.spikes.ranking import average_precision


def spike_step_errors(truth: Array, forecast: Array, origin: Array, threshold: float) -> dict[str, float]:
    """Return ``rmse_on`` and ``mae_on`` over spike steps, ``rmse_off`` and ``mae_off`` over other observed ones."""
    on = truth - origin[:, None] > threshold
    scores: dict[str, float] = {}
    for name, where in (("on", on), ("off", ~on)):
        errors = PointErrors.from_forecasts(np.where(where, truth, np.nan)[..., None], forecast[..., None])
        scores |= {f"rmse_{name}": rmse(errors), f"mae_{name}": mae(errors)}
    return scores


def scorecard(
    truth: Array,
    forecast: Array,
    origin: Array,
    ends: Rows,
    score: Array,
    *,
    alarm_level: float,
    rule: SpikeRule,
    is_probability: bool = False,
    seed: int = 0,
    shuffles: int = 20,
) -> dict[str, dict[str, float]]:
    """Score a model's spikes next to two floors that know nothing.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        forecast: ``[n, H]`` point forecast.
        origin: ``[n]`` the target at the last input row.
        ends: ``[n]`` last input rows, rising.
        score: ``[n]`` from a spike head, `forecast_rise` or `exceedance_probability`.
        alarm_level: A score above it is an alarm; from `choose_alarm_level` on validation windows, never on these.
        rule: What counts as a spike, an event and a hit.
        is_probability: Whether the score is a probability, which has a Brier score and a calibration error.
        seed: Random seed of the random floor.
        shuffles: Number of shuffles that the random floor is the mean of, at least 1.

    Returns:
        ``model``: average precision, event scores, ``brier`` and ``ece`` of a probability, errors on and off spike
        steps, and ``prevalence``, the share of windows with a spike. ``random``: the means over shuffles of the same
        scores at the same alarm level.
        ``always``: an alarm at every window.

    Raises:
        ValueError: ``ends`` do not rise.
    """
    if np.any(np.diff(ends) <= 0):
        raise ValueError("ends must rise: events are found in the order of time")
    spike, known = label_spikes(truth, origin, rule.threshold)

    def score_alarms(values: Array, level: float) -> dict[str, float]:
        events = event_scores(truth, origin, ends, values > level, rule)
        scores = {"average_precision": average_precision(spike[known], values[known]), **events}
        if is_probability:
            curve = reliability_curve(spike[known], values[known])
            scores |= {
                "brier": brier_score(spike[known], values[known]),
                "ece": expected_calibration_error(curve),
            }
        return scores

    rng = np.random.default_rng(seed)
    drawn = [score_alarms(rng.permutation(score), alarm_level) for _ in range(shuffles)]
    return {
        "model": {
            **score_alarms(score, alarm_level),
            **spike_step_errors(truth, forecast, origin, rule.threshold),
            "prevalence": ratio(float(np.sum(spike)), float(np.sum(known))),
        },
        "random": {key: _mean_defined([scores[key] for scores in drawn]) for key in drawn[0]},
        "always": score_alarms(np.ones(len(truth)), 0.0),
    }


def _mean_defined(values: Sequence[float]) -> float:
    """Mean of the values that are defined: a shuffle without a hit has no lead time."""
    defined = [value for value in values if value == value]
    return float(np.mean(defined)) if defined else float("nan")
