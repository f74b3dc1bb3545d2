"""What Prometheus reads of the service."""

from tsforecast.serving.telemetry import Telemetry


def lines(telemetry, **state):
    page = telemetry.text(**{"waiting": 0, "version": None, "intervals": None, **state}).decode()
    return dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))


def test_requests_batches_and_changes_are_counted():
    telemetry = Telemetry()
    for status in (200, 200, 422):
        telemetry.request("/v1/forecast", status, seconds=0.012)
    telemetry.batch(windows=8, seconds=0.01)
    telemetry.change(succeeded=True)
    page = lines(telemetry, waiting=3)
    assert page['tsforecast_requests_total{path="/v1/forecast",status="200"}'] == "2.0"
    assert page['tsforecast_requests_total{path="/v1/forecast",status="422"}'] == "1.0"
    assert page['tsforecast_batch_windows_bucket{le="8.0"}'] == "1.0"
    assert page['tsforecast_batch_windows_bucket{le="4.0"}'] == "0.0"
    assert page['tsforecast_champion_changes_total{done="true"}'] == "1.0"
    assert page["tsforecast_waiting_windows"] == "3.0"


def test_only_the_version_in_service_is_shown():
    telemetry = Telemetry()
    lines(telemetry, version="v0001")
    page = lines(telemetry, version="v0002", intervals={"nominal": 0.9, "observed": 0.8, "truths": 10})
    assert [key for key in page if key.startswith("tsforecast_champion{")] == [
        'tsforecast_champion{version="v0002"}'
    ]
    assert page['tsforecast_interval_coverage{kind="observed"}'] == "0.8"


def test_services_do_not_share_their_counters():
    one, other = Telemetry(), Telemetry()
    one.request("/healthz", 200, seconds=0.001)
    assert not [key for key in lines(other) if key.startswith("tsforecast_requests_total")]
