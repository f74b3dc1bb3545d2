"""Counters and gauges of the service, for Prometheus."""

from typing import Any

from tsforecast.inference.intervals import CoverageSummary

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Telemetry:
    """Counters, gauges and histograms of one service, in a Prometheus registry of their own.

    Example:
        ::

            telemetry = Telemetry()
            telemetry.request("/v1/forecast", 200, seconds=0.012)
            page = telemetry.text(waiting=0, version="v0001", intervals=None)
    """

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        options: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter(
            "tsforecast_requests", "Requests by path and status.", ["path", "status"], **options
        )
        self.seconds = Histogram(
            "tsforecast_request_seconds",
            "Seconds from request to response.",
            ["path"],
            buckets=SECONDS,
            **options,
        )
        self.batches = Histogram(
            "tsforecast_batch_windows",
            "Windows computed in one batch.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            **options,
        )
        self.batch_seconds = Histogram(
            "tsforecast_batch_seconds", "Seconds of one batch.", buckets=SECONDS, **options
        )
        self.waiting = Gauge("tsforecast_waiting_windows", "Windows waiting to be computed.", **options)
        self.changes = Counter(
            "tsforecast_champion_changes",
            "Champions put in service, and those that failed.",
            ["done"],
            **options,
        )
        self.champion = Gauge("tsforecast_champion", "1 for the version in service.", ["version"], **options)
        self.truths = Counter("tsforecast_truths", "Truths matched with forecasts.", **options)
        self.alarms = Counter(
            "tsforecast_spike_alarms", "Forecast values that raised a spike alarm.", **options
        )
        self.coverage = Gauge(
            "tsforecast_interval_coverage",
            "Share of truths in their intervals, nominal and observed.",
            ["kind"],
            **options,
        )
        self.absolute_error = Counter(
            "tsforecast_absolute_error", "Sum of absolute errors of matched forecasts.", **options
        )

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            path: Path of its route.
            status: Status code of the response.
            seconds: Seconds from request to response.
        """
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def batch(self, windows: int, seconds: float) -> None:
        """Count a batch of ``windows`` that took ``seconds``."""
        self.batches.observe(windows)
        self.batch_seconds.observe(seconds)

    def change(self, succeeded: bool) -> None:
        """Count a change of the champion."""
        self.changes.labels("true" if succeeded else "false").inc()

    def text(self, waiting: int, version: str | None, intervals: CoverageSummary | None) -> bytes:
        """Return the page for Prometheus.

        Args:
            waiting: Windows that are waiting now.
            version: Version in service, or None.
            intervals: Coverage of its intervals, or None.
        """
        from prometheus_client import generate_latest

        self.waiting.set(waiting)
        self.champion.clear()
        if version is not None:
            self.champion.labels(version).set(1)
        if intervals is not None:
            self.coverage.labels("nominal").set(intervals["nominal"])
            if intervals["observed"] is not None:
                self.coverage.labels("observed").set(intervals["observed"])
        return generate_latest(self.registry)
