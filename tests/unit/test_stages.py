"""Stages of a run with clocks that the test sets."""

import threading

import pytest

from tsforecast import stages


@pytest.fixture
def clock(monkeypatch):
    """Wall and processor clocks that stand still until ``clock.spend`` moves them; the process has run for 7 s."""

    class Clock:
        wall, cpu = 100.0, 4.0

        def spend(self, seconds, cpu_seconds=0.0):
            self.wall += seconds
            self.cpu += cpu_seconds

    clock = Clock()
    monkeypatch.setattr(stages.time, "perf_counter", lambda: clock.wall)
    monkeypatch.setattr(stages.time, "process_time", lambda: clock.cpu)
    monkeypatch.setattr(stages, "_seconds_since_start", lambda: 7.0)
    monkeypatch.setattr(stages, "_first_run", True)
    return clock


def seconds():
    return {name: entry["seconds"] for name, entry in stages.seconds_by_stage().items()}


def test_stages_exclude_the_stages_within_them_and_add_up(clock):
    @stages.stage("validation")
    def validate():
        clock.spend(2, 4)

    with stages.measure_stages():
        clock.spend(1)
        with stages.stage("compilation"):
            clock.spend(5)
            stages.switch_stage("training")
            clock.spend(10)
            validate()
            clock.spend(10)
            validate()
        clock.spend(3)
        result = stages.seconds_by_stage()
        assert seconds() == {"start": 7, "compilation": 5, "validation": 4, "training": 20, "other": 4}
        assert result["validation"]["cpu_seconds"] == 8
        assert result["start"]["cpu_seconds"] == 4
        assert list(result)[-1] == "other"
    assert stages.seconds_by_stage() == {}


def test_only_the_first_run_of_a_process_is_charged_with_its_start(clock):
    with stages.measure_stages():
        assert seconds()["start"] == 7
    with stages.measure_stages():
        assert seconds() == {"start": 0, "other": 0}


def test_a_stage_that_fails_ends(clock):
    @stages.stage("report")
    def fail():
        clock.spend(1)
        raise OSError("full")

    with stages.measure_stages():
        with pytest.raises(OSError, match="full"):
            fail()
        clock.spend(2)
        assert seconds()["report"] == 1


def test_nothing_is_measured_outside_a_run_or_in_another_thread(clock):
    with stages.stage("report"):
        assert stages.seconds_by_stage() == {}
    with stages.measure_stages():
        seen = []
        thread = threading.Thread(target=lambda: seen.append(stages.seconds_by_stage()))
        thread.start()
        thread.join()
        assert seen == [{}]


def test_the_start_of_the_process_is_known():
    assert stages._seconds_since_start() > 0
