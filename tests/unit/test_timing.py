"""Timing of a call with a clock that the test sets."""

import pytest

from tsforecast import timing


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until a call moves it."""
    now = {"seconds": 100.0}
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now["seconds"])
    return now


def test_first_call_and_quartiles_are_reported_separately(clock):
    durations = iter([8.0, 5.0, 5.0, 1.0, 2.0, 3.0, 4.0, 5.0])

    def call():
        clock["seconds"] += next(durations)

    result = timing.seconds_per_call(call, seconds=15.0)
    assert result == {"first": 8.0, "median": 3.0, "low": 2.0, "high": 4.0, "calls": 5}


def test_a_slow_call_is_timed_min_calls_times(clock):
    def call():
        clock["seconds"] += 60.0

    assert timing.seconds_per_call(call, seconds=0.01, min_calls=4)["calls"] == 4
