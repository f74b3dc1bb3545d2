"""What the service counts, for Prometheus."""

from typing import Any

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Telemetry:
    """Counters, gauges and histograms of one service, in a registry of their own."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        kept: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter(
            "tsforecast_requests", "Requests by path and status.", ["path", "status"], **kept
        )
        self.seconds = Histogram(
            "tsforecast_request_seconds", "Seconds from request to answer.", ["path"], buckets=SECONDS, **kept
        )
        self.batches = Histogram(
            "tsforecast_batch_windows",
            "Windows forecast in one batch.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            **kept,
        )
        self.batch_seconds = Histogram(
            "tsforecast_batch_seconds", "Seconds of one batch.", buckets=SECONDS, **kept
        )
        self.waiting = Gauge("tsforecast_waiting_windows", "Windows that wait to be forecast.", **kept)
        self.changes = Counter(
            "tsforecast_champion_changes",
            "Champions put in service, and those that failed.",
            ["done"],
            **kept,
        )
        self.champion = Gauge("tsforecast_champion", "1 for the version in service.", ["version"], **kept)
        self.truths = Counter("tsforecast_truths", "Truths matched with forecasts.", **kept)
        self.alarms = Counter("tsforecast_spike_alarms", "Forecast values that raised a spike alarm.", **kept)
        self.coverage = Gauge(
            "tsforecast_interval_coverage",
            "Share of truths in their intervals, nominal and observed.",
            ["kind"],
            **kept,
        )
        self.absolute_error = Counter(
            "tsforecast_absolute_error", "Sum of absolute errors of matched forecasts.", **kept
        )

    def request(self, path: str, status: int, seconds: float) -> None:
        """Counts a request that was answered."""
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def batch(self, windows: int, seconds: float) -> None:
        """Counts a batch."""
        self.batches.observe(windows)
        self.batch_seconds.observe(seconds)

    def change(self, done: bool) -> None:
        """Counts a change of the champion."""
        self.changes.labels("true" if done else "false").inc()

    def text(self, waiting: int, version: str | None, intervals: dict[str, Any] | None) -> bytes:
        """The page for Prometheus, with what is known only now."""
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
