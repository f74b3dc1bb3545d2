"""Alarms as events, against hand-calculated cases and slow plain oracles."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.helpers.spike_cases import rule, spiky_case
from tsforecast.metrics import spikes

NAN = math.nan


def loop_onsets(rows, flags, gap):
    found = []
    for index, (row, flag) in enumerate(zip(rows, flags, strict=True)):
        if flag and (not found or row - rows[found[-1]] >= gap):
            found.append(index)
    return found


def most_pairs(events, alarms, tolerance):
    """Size of the largest one-to-one matching, by trying every assignment."""
    if not events or not alarms:
        return 0
    best = 0
    slots = [*range(len(alarms)), *[None] * len(events)]
    for choice in set(itertools.permutations(slots, len(events))):
        best = max(
            best,
            sum(a is not None and abs(events[e] - alarms[a]) <= tolerance for e, a in enumerate(choice)),
        )
    return best


@given(
    flags=st.lists(st.booleans(), min_size=1, max_size=60),
    gap=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
@settings(max_examples=80, deadline=None)
def test_onsets_match_the_loop(flags, gap, seed):
    rows = np.cumsum(np.random.default_rng(seed).integers(1, 4, len(flags)))
    assert spikes.event_onsets(rows, np.array(flags), gap).tolist() == loop_onsets(rows, flags, gap)


@given(
    events=st.lists(st.integers(0, 25), unique=True, max_size=4),
    alarms=st.lists(st.integers(0, 25), unique=True, max_size=4),
    tolerance=st.integers(0, 8),
)
@settings(max_examples=80, deadline=None)
def test_matching_finds_as_many_pairs_as_there_can_be(events, alarms, tolerance):
    events, alarms = sorted(events), sorted(alarms)
    pairs = spikes.match_events(events, alarms, tolerance)
    assert len(pairs) == most_pairs(events, alarms, tolerance)
    assert all(abs(events[e] - alarms[a]) <= tolerance for e, a in pairs)
    assert len({e for e, _ in pairs}) == len({a for _, a in pairs}) == len(pairs)


def test_event_scores_by_hand():
    # Lead 1, one step. Spikes at windows 2 and 12; alarms at 3 (one late: a hit), 8 (false), 15 (3 late: false).
    truth = np.zeros((20, 1))
    truth[[2, 12]] = 5.0
    alarm = np.zeros(20, bool)
    alarm[[3, 8, 15]] = True
    found = spikes.event_scores(truth, np.zeros(20), np.arange(20), alarm, rule(rows_per_day=10))
    assert (found["events"], found["alarms"]) == (2, 3)
    assert found["event_precision"] == pytest.approx(1 / 3)
    assert found["event_recall"] == pytest.approx(1 / 2)
    assert found["event_f1"] == pytest.approx(2 / 5)
    assert found["lead_time_minutes"] == 0.0  # alarmed at row 3, and the target rose at row 2 + 1
    assert found["false_alarms_per_day"] == 1.0  # two of them in 20 rows, two days


def test_lead_time_counts_to_the_first_spike_step():
    # Lead 4, horizon 3, the second step spikes: row 5 + 4 + 1. The alarm at row 5 comes 5 rows of 2 minutes before.
    truth = np.zeros((9, 3))
    truth[5, 1:] = 2.0
    alarm = np.arange(9) == 5
    found = spikes.event_scores(truth, np.zeros(9), np.arange(9), alarm, rule(lead=4, rows_per_day=720))
    assert found["lead_time_minutes"] == 10


def test_unknown_windows_count_neither_way():
    truth = np.zeros((6, 1))
    truth[[1, 4]] = NAN
    alarm = np.array([False, True, False, False, True, False])
    found = spikes.event_scores(truth, np.zeros(6), np.arange(6), alarm, rule(rows_per_day=2))
    assert (found["alarms"], found["false_alarms_per_day"]) == (0, 0)
    assert math.isnan(found["event_f1"])


def test_choosing_the_alarm_level_beats_or_equals_every_candidate():
    truth, origin, ends = spiky_case(7)
    score = spikes.forecast_rise(truth, origin) + np.random.default_rng(0).normal(size=len(ends))
    level = spikes.choose_alarm_level(truth, origin, ends, score, rule(lead=3), candidates=30)

    def f1(at):
        return spikes.event_scores(truth, origin, ends, score > at, rule(lead=3))["event_f1"]

    tried = np.quantile(score, 1 - np.geomspace(1, 1 / len(score), 30))
    assert f1(level) == max(f1(at) for at in tried)
    assert f1(level) > f1(np.median(score))
    assert spikes.choose_alarm_level(truth, origin, ends, np.full(len(ends), NAN), rule()) == math.inf


def test_an_alarm_level_keeps_to_the_false_alarms_asked_for_and_hits_as_much_as_it_can():
    truth, origin, ends = spiky_case(7)
    score = spikes.forecast_rise(truth, origin) + np.random.default_rng(0).normal(size=len(ends))
    case = truth, origin, ends, score, rule(lead=3)

    def at(level):
        return spikes.event_scores(truth, origin, ends, score > level, rule(lead=3))

    free = at(spikes.choose_alarm_level(*case))
    few = at(spikes.choose_alarm_level(*case, max_false_alarms=free["false_alarms_per_day"] / 2))
    many = at(spikes.choose_alarm_level(*case, max_false_alarms=1e9))
    assert few["false_alarms_per_day"] <= free["false_alarms_per_day"] / 2
    assert few["event_recall"] <= free["event_recall"] <= many["event_recall"]
    assert spikes.choose_alarm_level(*case, max_false_alarms=-1.0) == math.inf
