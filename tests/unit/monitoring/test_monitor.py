import json

import numpy as np
import pytest

from tests.helpers.monitoring_case import (
    SERVICE,
    STEP,
    TRAINING,
    make_monitor,
    make_reference,
    make_rows,
    make_truths,
)
from tsforecast.monitoring.truths import Truths


@pytest.fixture(scope="module")
def reference():
    return make_reference()


@pytest.fixture
def rows():
    return make_rows(SERVICE, seed=9, first_day=TRAINING)


def planted(values, fault, feature=0):
    values, day = values.copy(), 86_400 // STEP
    later = values[3 * day :, feature]
    if fault == "shift":
        later *= 1.1
    elif fault == "unit":
        later *= 1000
    elif fault == "stuck":
        later[:] = later[0]
    elif fault == "noise":
        later[:] = later.mean() + 2 * (later - later.mean())
    else:
        later[:] = np.nan
    return values, 3 * day


def test_a_quiet_week_raises_nothing(reference, rows):
    assert make_monitor(reference).add_rows(*rows) == []


@pytest.mark.parametrize(
    ("fault", "kind", "hours"),
    [
        ("shift", "relation", 24),
        ("unit", "range", 1),
        ("stuck", "stuck", 3),
        ("noise", "noise", 48),
        ("missing", "missing", 2),
    ],
)
def test_planted_faults_are_found(reference, rows, fault, kind, hours):
    seconds, values = rows
    values, at = planted(values, fault)
    alarms = make_monitor(reference).add_rows(seconds, values)
    first = next(alarm for alarm in alarms if alarm.kind == kind and alarm.feature == "load")
    assert 0 <= first.start - seconds[at] <= hours * 3600
    assert first.text.startswith("load")
    assert first.text.endswith(".")


@pytest.mark.parametrize("size", [1, 50], ids=["row by row", "in pieces"])
def test_pieces_give_the_same_alarms_and_state(reference, rows, size):
    seconds, values = rows
    seconds, values = seconds[:700], planted(values, "shift")[0][:700]
    values[np.random.default_rng(3).uniform(size=values.shape) < 0.05] = np.nan
    values[300:340, 2] = 0.0
    values[340:400, 2] = np.nan
    whole, pieces = make_monitor(reference), make_monitor(reference)
    expected = whole.add_rows(seconds, values)
    changes = []
    for start in range(0, len(seconds), size):
        changes += pieces.add_rows(seconds[start : start + size], values[start : start + size])
    assert changes == expected
    assert pieces.to_dict() == whole.to_dict()
    assert expected


def test_a_restart_changes_nothing(reference, rows):
    seconds, values = rows
    values, at = planted(values, "shift")
    truths = make_truths(SERVICE, scale=0.5)
    whole, first = make_monitor(reference), make_monitor(reference)
    whole.add_rows(seconds, values), whole.add_truths(truths)
    first.add_rows(seconds[: at + 7], values[: at + 7])
    first.add_truths(Truths(*(part[: at + 3] for part in truths)))
    second = make_monitor(reference)
    assert second.restore(json.loads(json.dumps(first.to_dict(), allow_nan=False)))
    second.add_rows(seconds[at + 7 :], values[at + 7 :])
    second.add_truths(Truths(*(part[at + 3 :] for part in truths)))
    expected, actual = whole.to_dict(), second.to_dict()
    for part in ("inputs", "truths", "last"):
        assert actual[part] == expected[part], part
    assert {(a.kind, a.feature, a.start, a.end) for a in second.book.newest(99)} == {
        (a.kind, a.feature, a.start, a.end) for a in whole.book.newest(99)
    }


def test_the_state_of_another_model_is_not_restored(reference):
    monitor = make_monitor(reference)
    stored = {**monitor.to_dict(), "features": ["other"]}
    assert not monitor.restore(stored)


def test_rows_that_came_before_are_ignored(reference, rows):
    seconds, values = rows
    monitor = make_monitor(reference)
    monitor.add_rows(seconds[:300], values[:300])
    before = monitor.to_dict()
    assert monitor.add_rows(seconds[100:300], 1000 * values[100:300]) == []
    assert monitor.to_dict() == before


def test_rows_that_are_left_out_count_as_missing_of_all_features(reference, rows):
    seconds, values = rows
    monitor = make_monitor(reference)
    kept = np.r_[0:100, 160:400]
    alarms = [alarm for alarm in monitor.add_rows(seconds[kept], values[kept]) if alarm.kind == "missing"]
    assert {alarm.feature for alarm in alarms} == {"All features"}
    start, end = alarms[0], alarms[1]
    assert start.start == seconds[105]
    assert end.end is not None
    assert start.text == "All features have had no value for 1 h 0 min."
    named = make_monitor(reference)
    missing = values.copy()
    missing[100:160] = np.nan
    expected = [alarm for alarm in named.add_rows(seconds[:400], missing[:400]) if alarm.kind == "missing"]
    assert expected == alarms


def test_a_feed_that_pauses_for_years_is_bounded(reference, rows):
    seconds, values = rows
    monitor = make_monitor(reference)
    monitor.add_rows(seconds[:10], values[:10])
    monitor.add_rows(seconds[10:11] + 10 * 365 * 86_400, values[10:11])
    assert ("missing", "All features") in monitor.book.open or monitor.book.ended


def test_spikes_are_alarms_with_start_and_end(reference):
    monitor = make_monitor(reference)
    (alarm,) = monitor.add_spike("load", 600, {"forecast": 9.0, "last": 5.0})
    assert alarm.text == "A spike of load is forecast: 9.000, a rise of 4.000."
    assert monitor.add_spike("load", 1200, {"forecast": 9.5, "last": 5.0}) == []
    (ended,) = monitor.add_spike("load", 1800, None)
    assert (ended.start, ended.end) == (600, 1800)


def test_a_spike_without_a_last_value_has_figures_that_json_can_hold(reference):
    monitor = make_monitor(reference)
    (alarm,) = monitor.add_spike("load", 600, {"forecast": 9.0, "last": float("nan")})
    assert (alarm.text, alarm.figures) == ("A spike of load is forecast: 9.000.", {"forecast": 9.0})


def test_a_broken_sensor_is_not_an_alarm_of_the_features_related_to_it(reference, rows):
    seconds, values = rows
    values, _ = planted(values, "unit")
    alarms = make_monitor(reference).add_rows(seconds, values)
    assert {alarm.feature for alarm in alarms} == {"load"}
