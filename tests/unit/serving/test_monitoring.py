import pytest

from tests.helpers.recording_tracker import RecordingTracker
from tsforecast.serving.monitoring import ServiceMonitor
from tsforecast.tracking.current import use_tracker

pytest.importorskip("prometheus_client")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def telemetry():
    from tsforecast.serving.telemetry import Telemetry

    return Telemetry()


def coverage(observed, truths=1000):
    return {"nominal": 0.8, "observed": observed, "truths": truths}


def test_each_report_has_the_figures_so_far_and_the_error_since_the_last_one(telemetry):
    tracker, clock = RecordingTracker(), Clock()
    monitor = ServiceMonitor(telemetry, clock)
    with use_tracker(tracker):
        monitor.report(None, None, None)
        for error in (2.0, 4.0):
            telemetry.truths.inc()
            telemetry.absolute_error.inc(error)
        telemetry.alarms.inc()
        clock.now += 60
        monitor.report("v0001", coverage(0.79), None)
    (first, empty), (second, row) = tracker.rows
    assert (first, second) == (0, 60)
    assert (empty["truths"], "mae" in empty, "coverage" in empty) == (0, False, False)
    assert (row["truths"], row["new_truths"], row["new_alarms"], row["mae"]) == (2, 2, 1, 3.0)
    assert (row["coverage"], row["coverage/nominal"]) == (0.79, 0.8)
    assert tracker.alerts == []


def test_an_alert_is_sent_once_until_its_cause_is_gone(telemetry):
    tracker, monitor = RecordingTracker(), ServiceMonitor(telemetry)
    with use_tracker(tracker):
        for observed, truths in ((0.5, 10), (0.7, 1000), (0.69, 1000), (0.79, 1000), (0.9, 1000)):
            monitor.report("v0001", coverage(observed, truths), None)
        for trouble in ("v0002 is not in service: x", "v0002 is not in service: x", None):
            monitor.report("v0001", None, trouble)
    titles = [title for title, _ in tracker.alerts]
    assert titles == ["Coverage out of bounds", "Coverage out of bounds", "Champion not in service"]
    expected = "70.0 % of 1,000 truths were in the intervals of v0001, and 80 % should be."
    assert tracker.alerts[0][1] == expected
