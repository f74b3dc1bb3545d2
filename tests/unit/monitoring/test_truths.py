import numpy as np
import pytest

from tests.helpers.monitoring_case import (
    STEP,
    TRAINING,
    local,
    make_monitor,
    make_options,
    make_reference,
    make_truths,
)
from tsforecast.monitoring.monitor import Monitor, Promise


@pytest.fixture(scope="module")
def reference():
    return make_reference()


def kinds(alarms):
    return {alarm.kind for alarm in alarms if alarm.kind != "anomaly"}


def test_forecasts_as_good_as_in_validation_raise_nothing(reference):
    monitor = make_monitor(reference)
    assert kinds(monitor.add_truths(make_truths(30))) == set()
    assert set(monitor.levels()) >= {"residual", "error"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"bias": 0.25}, "residual"), ({"scale": 0.6}, "error"), ({"scale": 0.6}, "promise")],
)
def test_bias_and_errors_are_noticed(reference, changes, expected):
    monitor = make_monitor(reference)
    assert expected in kinds(monitor.add_truths(make_truths(10, **changes)))


def test_smaller_errors_are_welcome(reference):
    truths = make_truths(10, scale=0.1)
    alarms = make_monitor(reference).add_truths(truths._replace(inside=np.full_like(truths.inside, 0.9)))
    assert kinds(alarms) == set()


def test_intervals_that_miss_are_noticed(reference):
    truths = make_truths(3)
    alarms = make_monitor(reference).add_truths(truths._replace(inside=truths.inside * 0.7))
    (alarm,) = (alarm for alarm in alarms if alarm.kind == "coverage")
    assert (
        "% of the truths of load were in their intervals in the last day, where 90 % should be" in alarm.text
    )


def test_anomalous_readings_are_alarms_of_the_stated_rate(reference):
    truths = make_truths(60)
    truths.residual[5000:5005] = 9.0
    seconds = truths.seconds
    alarms = make_monitor(reference).add_truths(truths)
    anomalies = [alarm for alarm in alarms if alarm.kind == "anomaly" and alarm.end is None]
    assert any(0 <= alarm.start - seconds[5000] <= 5 * STEP for alarm in anomalies)
    assert len(anomalies) < 0.02 * len(seconds)


def test_without_a_reference_errors_are_compared_with_the_promise_alone():
    promise = Promise(("load",), np.array([0.8]), 0.9)
    monitor = Monitor(None, promise, make_options(), step=STEP, local=local)
    assert kinds(monitor.add_truths(make_truths(10, scale=0.6))) >= {"promise", "coverage"}
    assert monitor.add_rows(np.array([TRAINING]), np.zeros((1, 0))) == []
