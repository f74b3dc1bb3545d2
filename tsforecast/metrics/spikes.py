"""Spike scorecard in NumPy: is a sudden rise foreseen, how early, and at the price of how many false alarms?

A window has a spike when the target rises above a threshold over the value at the window's last input row at any
step of its horizon. Ranking is judged by average precision, which needs no alarm level; alarms are judged as events,
matched one to one by their onsets. Point-adjusted scores are avoided: a random score reaches the top of them
(Kim et al. 2022, "Towards a rigorous evaluation of time-series anomaly detection").

Axes: n windows in rising order of their last input row, H horizon, Q quantiles, for one target at a time. NaN in a
truth or an origin means "not observed".
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tsforecast import metrics

Array = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.integer]


@dataclass(frozen=True)
class SpikeRule:
    """What counts as a spike, as an event and as a hit.

    Args:
        threshold: Rise over the last input, in the target's unit and above 0, beyond which a step is a spike.
        lead: Rows from the last input to the first target, at least 1.
        min_gap: Rows between the onsets of two events, at least 1; an alarm that goes on is raised anew after them.
        tolerance: Rows by which an alarm may be early or late and still hit, at least 0.
        rows_per_day: Rows of the series in a day, above 0.
        stride: Rows between two windows, at least 1.

    Raises:
        ValueError: If a value is out of its range.
    """

    threshold: float
    lead: int
    min_gap: int
    tolerance: int
    rows_per_day: float
    stride: int = 1

    def __post_init__(self) -> None:
        for name, least in (("lead", 1), ("min_gap", 1), ("tolerance", 0), ("stride", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {least}")
        for name in ("threshold", "rows_per_day"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}, expected more than 0")


def threshold_from_quantile(training_values: Array, lead: int, horizon: int, quantile: float) -> float:
    """Returns the quantile of the rises on training rows, NaN where no rise is observed.

    Args:
        training_values: ``[N]`` in the target's unit, NaN where unobserved.
        lead: Rows from the last input to the first target, at least 1.
        horizon: Steps, at least 1.
        quantile: In (0, 1): 0.95 makes one training window in twenty a spike.

    Raises:
        ValueError: If ``quantile`` is out of its range.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"quantile is {quantile}, expected a number between 0 and 1")
    count = len(training_values) - lead - horizon + 1
    if count < 1:
        return float("nan")
    rise = np.full(count, -np.inf)
    for step in range(
        lead, lead + horizon
    ):  # a NaN stays: a window with an unobserved step has no known rise
        rise = np.maximum(rise, training_values[step : step + count] - training_values[:count])
    rise = rise[~np.isnan(rise)]
    return float(np.quantile(rise, quantile)) if len(rise) else float("nan")


def label(truth: Array, origin: Array, threshold: float) -> tuple[Flags, Flags]:
    """Says which windows have a spike, and of which that is known.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        origin: ``[n]`` the target at the last input row.
        threshold: Rise in the target's unit.

    Returns:
        ``spike`` and ``known``, each ``[n]``. One observed spike step is enough to know; that there is none is known
        only where every step is observed.
    """
    rise = truth - origin[:, None]
    spike = np.any(rise > threshold, axis=1)
    return spike, spike | ~np.isnan(rise).any(axis=1)


def forecast_rise(forecast: Array, origin: Array) -> Array:
    """Returns ``[n]``: the largest forecast rise ``[n, H]`` over the origin ``[n]``, a point forecast's spike score."""
    return np.max(forecast - origin[:, None], axis=1)


def exceedance_probability(
    quantiles: Array, levels: Sequence[float], origin: Array, threshold: float
) -> Array:
    """Returns the forecast probability of a rise above the threshold, a quantile forecast's spike score.

    The distribution is linear between quantiles. Beyond the outermost, where they say nothing, an exponential tail
    with the outermost pair's distance as its scale keeps windows in order. Of several steps the likeliest counts.

    Args:
        quantiles: ``[n, H, Q]``, not crossing.
        levels: Q levels, rising, at least two.
        origin: ``[n]``.
        threshold: Rise in the target's unit.

    Returns:
        ``[n]`` in [0, 1].

    Raises:
        ValueError: With fewer than two levels, or not as many as quantiles.
    """
    if len(levels) < 2 or quantiles.shape[-1] != len(levels):
        raise ValueError(
            f"{len(levels)} levels for {quantiles.shape[-1]} quantiles, expected as many, at least 2"
        )
    bar = origin[:, None] + threshold
    lowest, highest = quantiles[..., 0], quantiles[..., -1]
    scale = np.maximum(highest - lowest, 1e-12)
    above = (1 - levels[-1]) * np.exp(-np.maximum(bar - highest, 0) / scale)
    below = 1 - levels[0] * np.exp(-np.maximum(lowest - bar, 0) / scale)
    probability = np.where(bar >= highest, above, below)
    for index in range(len(levels) - 1):
        left, right = quantiles[..., index], quantiles[..., index + 1]
        share = (bar - left) / np.maximum(right - left, 1e-12)
        level = levels[index] + share * (levels[index + 1] - levels[index])
        probability = np.where((left <= bar) & (bar < right), 1 - level, probability)
    return np.max(probability, axis=1)


def average_precision(spike: Flags, score: Array) -> float:
    """Returns the mean precision over the recalled spikes as the alarm level falls; equal scores fall together.

    Args:
        spike: ``[n]``.
        score: ``[n]``, higher where a spike is likelier; NaN ranks last.

    Returns:
        In (0, 1]; NaN without a spike. A constant score gets the share of spikes.

    Source:
        The sum of precision times the step in recall, without interpolation, as in scikit-learn.
    """
    if not spike.any():
        return float("nan")
    score = np.where(np.isnan(score), -np.inf, score)
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    last_of_ties = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    hits = np.cumsum(spike[order])[last_of_ties]
    precision = hits / (last_of_ties + 1)
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * precision))


def onsets(rows: Rows, flags: Flags, min_gap: int) -> npt.NDArray[np.intp]:
    """Returns the windows where events begin: the first flagged one, then each first at least ``min_gap`` rows later.

    Args:
        rows: ``[n]`` last input rows, rising.
        flags: ``[n]``.
        min_gap: Rows, at least 1. A flag that stays up begins a new event after them, so that an alarm which never
            ends is not a single one.
    """
    flagged = np.flatnonzero(flags)
    at = rows[flagged].tolist()
    found, index = [], 0
    while index < len(at):
        found.append(index)
        index = bisect_left(at, at[index] + min_gap, lo=index + 1)
    return flagged[np.array(found, dtype=np.intp)]


def match(events: Sequence[int], alarms: Sequence[int], tolerance: int) -> list[tuple[int, int]]:
    """Pairs rows of events and alarms at most ``tolerance`` apart, each used once, as many pairs as there can be.

    Args:
        events: Onset rows, rising.
        alarms: Onset rows, rising.
        tolerance: Rows, at least 0.

    Returns:
        Pairs of positions in ``events`` and ``alarms``.
    """
    pairs, alarm = [], 0
    for event, row in enumerate(events):
        while alarm < len(alarms) and alarms[alarm] < row - tolerance:
            alarm += 1
        if alarm < len(alarms) and alarms[alarm] <= row + tolerance:
            pairs.append((event, alarm))
            alarm += 1
    return pairs


def event_scores(truth: Array, origin: Array, ends: Rows, alarm: Flags, rule: SpikeRule) -> dict[str, float]:
    """Scores alarms as events; windows whose label is not known are left out.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        origin: ``[n]``.
        ends: ``[n]`` last input rows, rising.
        alarm: ``[n]`` whether an alarm is given at that row.
        rule: What counts.

    Returns:
        ``events``, ``alarms``, ``event_precision`` (hits among alarms; NaN without one), ``event_recall`` (hits among
        events; NaN without one), ``event_f1`` (2 hits / (events + alarms)), ``lead_time_minutes`` (median over the
        hits, from the alarm to the first spike step; NaN without one) and ``false_alarms_per_day``.
    """
    spike, known = label(truth, origin, rule.threshold)
    truth, origin, ends, alarm, spike = truth[known], origin[known], ends[known], alarm[known], spike[known]
    events, alarms = onsets(ends, spike, rule.min_gap), onsets(ends, alarm, rule.min_gap)
    pairs = match(ends[events].tolist(), ends[alarms].tolist(), rule.tolerance)
    first_step = np.argmax(truth[events] - origin[events, None] > rule.threshold, axis=1)
    reached = ends[events] + rule.lead + first_step
    ahead = [int(reached[event]) - int(ends[alarms[found]]) for event, found in pairs]
    minutes_per_row = 1440 / rule.rows_per_day
    days = len(ends) * rule.stride / rule.rows_per_day
    hits = len(pairs)
    return {
        "events": float(len(events)),
        "alarms": float(len(alarms)),
        "event_precision": _ratio(hits, len(alarms)),
        "event_recall": _ratio(hits, len(events)),
        "event_f1": _ratio(2 * hits, len(events) + len(alarms)),
        "lead_time_minutes": float(np.median(ahead)) * minutes_per_row if ahead else float("nan"),
        "false_alarms_per_day": _ratio(len(alarms) - hits, days),
    }


def choose_alarm_level(
    truth: Array, origin: Array, ends: Rows, score: Array, rule: SpikeRule, candidates: int = 50
) -> float:
    """Returns the score level above which an alarm gives the best event F1; call it on validation windows.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        origin: ``[n]``.
        ends: ``[n]``, rising.
        score: ``[n]``.
        rule: What counts.
        candidates: How many quantiles of the score are tried, denser towards the top; of equals the highest wins.

    Returns:
        The level; infinity (never an alarm) where there is no finite score.
    """
    finite = score[np.isfinite(score)]
    if not len(finite):
        return float("inf")
    shares = np.geomspace(1, 1 / len(finite), candidates)  # share of windows above the level
    levels = np.unique(np.quantile(finite, 1 - shares))[::-1]
    f1 = [event_scores(truth, origin, ends, score > level, rule)["event_f1"] for level in levels]
    return float(levels[int(np.argmax(np.nan_to_num(f1)))])


def errors_on_and_off(truth: Array, forecast: Array, origin: Array, threshold: float) -> dict[str, float]:
    """Returns ``rmse_on`` and ``mae_on`` over spike steps, ``rmse_off`` and ``mae_off`` over other observed ones."""
    on = truth - origin[:, None] > threshold
    found: dict[str, float] = {}
    for name, where in (("on", on), ("off", ~on)):
        scores = metrics.point_metrics(np.where(where, truth, np.nan)[..., None], forecast[..., None])
        found |= {f"rmse_{name}": scores["rmse"], f"mae_{name}": scores["mae"]}
    return found


def scorecard(
    truth: Array,
    forecast: Array,
    origin: Array,
    ends: Rows,
    score: Array,
    *,
    alarm_level: float,
    rule: SpikeRule,
    seed: int = 0,
    shuffles: int = 20,
) -> dict[str, dict[str, float]]:
    """Scores a model's spikes beside two floors that know nothing.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        forecast: ``[n, H]`` point forecast.
        origin: ``[n]`` the target at the last input row.
        ends: ``[n]`` last input rows, rising.
        score: ``[n]`` from a spike head, `forecast_rise` or `exceedance_probability`.
        alarm_level: A score above it is an alarm; from `choose_alarm_level` on validation windows, never on these.
        rule: What counts.
        seed: Of the random floor.
        shuffles: Over how many shuffles the random floor is a mean, at least 1.

    Returns:
        ``model``: average precision, event scores, errors on and off spike steps, and ``prevalence``, the share of
        windows with a spike. ``random``: the means over shuffles of the same scores at the same alarm level.
        ``always``: an alarm at every window.

    Raises:
        ValueError: If ``ends`` do not rise.
    """
    if np.any(np.diff(ends) <= 0):
        raise ValueError("ends must rise: events are found in the order of time")
    spike, known = label(truth, origin, rule.threshold)

    def judge(values: Array, level: float) -> dict[str, float]:
        events = event_scores(truth, origin, ends, values > level, rule)
        return {"average_precision": average_precision(spike[known], values[known]), **events}

    rng = np.random.default_rng(seed)
    drawn = [judge(rng.permutation(score), alarm_level) for _ in range(shuffles)]
    return {
        "model": {
            **judge(score, alarm_level),
            **errors_on_and_off(truth, forecast, origin, rule.threshold),
            "prevalence": _ratio(float(np.sum(spike)), float(np.sum(known))),
        },
        "random": {key: _mean([each[key] for each in drawn]) for key in drawn[0]},
        "always": judge(np.ones(len(truth)), 0.0),
    }


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _mean(values: Sequence[float]) -> float:
    """Mean of what is defined: a shuffle without a hit has no lead time."""
    defined = [value for value in values if value == value]
    return float(np.mean(defined)) if defined else float("nan")
