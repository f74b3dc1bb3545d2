"""Alarms scored as events: onsets, matches and the alarm level."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tsforecast.metrics.arrays import Array, Flags, Rows, ratio
from tsforecast.metrics.spikes.labels import SpikeRule, label_spikes


def event_onsets(rows: Rows, flags: Flags, min_gap: int) -> npt.NDArray[np.intp]:
    """Return the windows where events begin: the first flagged one, then the first one at least ``min_gap`` rows later.

    Args:
        rows: ``[n]`` last input rows, rising.
        flags: ``[n]``.
        min_gap: Rows, at least 1. A flag that stays up begins a new event after them: an alarm that never ends is not
            a single one.

    Example:
        >>> event_onsets(np.array([0, 1, 2, 9]), np.array([True, True, True, True]), min_gap=2).tolist()
        [0, 2, 3]
    """
    flagged = np.flatnonzero(flags)
    flagged_rows = rows[flagged].tolist()
    onsets, index = [], 0
    while index < len(flagged_rows):
        onsets.append(index)
        index = bisect_left(flagged_rows, flagged_rows[index] + min_gap, lo=index + 1)
    return flagged[np.array(onsets, dtype=np.intp)]


def match_events(events: Sequence[int], alarms: Sequence[int], tolerance: int) -> list[tuple[int, int]]:
    """Pair rows of events and alarms at most ``tolerance`` apart, each used once, in as many pairs as possible.

    Args:
        events: Onset rows, rising.
        alarms: Onset rows, rising.
        tolerance: Rows, at least 0.

    Returns:
        Pairs of positions in ``events`` and ``alarms``.

    Example:
        >>> match_events([10, 20], [9, 11, 40], tolerance=1)
        [(0, 0)]
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
    """Score alarms as events; windows whose label is not known are left out.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        origin: ``[n]``.
        ends: ``[n]`` last input rows, rising.
        alarm: ``[n]`` whether an alarm is given at that row.
        rule: What counts as a spike, an event and a hit.

    Returns:
        ``events``, ``alarms``, ``event_precision`` (hits among alarms; NaN without one), ``event_recall`` (hits among
        events; NaN without one), ``event_f1`` (2 hits / (events + alarms)), ``lead_time_minutes`` (median over the
        hits, from the alarm to the first spike step; NaN without one) and ``false_alarms_per_day``.
    """
    spike, known = label_spikes(truth, origin, rule.threshold)
    truth, origin, ends, alarm, spike = truth[known], origin[known], ends[known], alarm[known], spike[known]
    events, alarms = event_onsets(ends, spike, rule.min_gap), event_onsets(ends, alarm, rule.min_gap)
    pairs = match_events(ends[events].tolist(), ends[alarms].tolist(), rule.tolerance)
    first_step = np.argmax(truth[events] - origin[events, None] > rule.threshold, axis=1)
    reached = ends[events] + rule.lead + first_step
    ahead = [int(reached[event]) - int(ends[alarms[alarm]]) for event, alarm in pairs]
    minutes_per_row = 1440 / rule.rows_per_day
    days = len(ends) * rule.stride / rule.rows_per_day
    hits = len(pairs)
    return {
        "events": float(len(events)),
        "alarms": float(len(alarms)),
        "event_precision": ratio(hits, len(alarms)),
        "event_recall": ratio(hits, len(events)),
        "event_f1": ratio(2 * hits, len(events) + len(alarms)),
        "lead_time_minutes": float(np.median(ahead)) * minutes_per_row if ahead else float("nan"),
        "false_alarms_per_day": ratio(len(alarms) - hits, days),
    }


def choose_alarm_level(
    truth: Array,
    origin: Array,
    ends: Rows,
    score: Array,
    rule: SpikeRule,
    candidates: int = 50,
    max_false_alarms: float | None = None,
) -> float:
    """Return the score level above which alarms have the best event F1; call it on validation windows.

    Args:
        truth: ``[n, H]``, NaN where unobserved.
        origin: ``[n]``.
        ends: ``[n]``, rising.
        score: ``[n]``.
        rule: What counts as a spike, an event and a hit.
        candidates: Number of quantiles of the score to try, denser towards the top; the highest of equals wins.
        max_false_alarms: Largest number of false alarms per day. The level is then the one with the most hits (the
            best recall of events) among those that keep to it; None for the best F1.

    Returns:
        The level; infinity (never an alarm) without a finite score, or if every level exceeds ``max_false_alarms``.
    """
    finite = score[np.isfinite(score)]
    if not len(finite):
        return float("inf")
    shares = np.geomspace(1, 1 / len(finite), candidates)  # share of windows above the level
    levels = np.unique(np.quantile(finite, 1 - shares))[::-1]
    scores = [event_scores(truth, origin, ends, score > level, rule) for level in levels]
    if max_false_alarms is None:
        return float(levels[int(np.argmax(np.nan_to_num([item["event_f1"] for item in scores])))])
    kept = [
        (float(np.nan_to_num(item["event_recall"])), float(level))
        for item, level in zip(scores, levels, strict=True)
        if item["false_alarms_per_day"] <= max_false_alarms
    ]
    return max(kept, default=(0.0, float("inf")))[1]
