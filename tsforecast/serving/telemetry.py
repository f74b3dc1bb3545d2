"""Counters and gauges of the service, for Prometheus."""

import collections
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tsforecast.inference.intervals import CoverageSummary

if TYPE_CHECKING:
    from tsforecast.monitoring.alarms import Alarm
    from tsforecast.serving.window_record import Point

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
        self._open_labels: set[tuple[str, str, str]] = set()  # of the alarms that are shown
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
        self._create_later_metrics(options)

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

    def score(self, point: "Point", *, is_shadow: bool) -> None:
        """Count a truth that has met its forecast.

        Args:
            point: The forecast, with its truth.
            is_shadow: Whether the shadow made it.
        """
        if point.truth is None:
            return
        (self.shadow_truths if is_shadow else self.truths).inc()
        error = self.shadow_absolute_error if is_shadow else self.absolute_error
        error.inc(abs(point.forecast - point.truth))

    def change(self, succeeded: bool) -> None:
        """Count a change of the champion."""
        self.changes.labels("true" if succeeded else "false").inc()

    def show_alarms(self, alarms: "Sequence[Alarm]", levels: Mapping[str, Mapping[str, float]]) -> None:
        """Set the gauges of monitoring; those of many series have no label for the series, so that they are few.

        Args:
            alarms: Open alarms.
            levels: By statistic and feature, how far the drift charts have risen; 1 raises an alarm.
        """
        counts = collections.Counter((alarm.kind, alarm.feature, alarm.severity) for alarm in alarms)
        for ended in self._open_labels - set(counts):
            self.open_alarms.remove(*ended)
        for label, count in counts.items():
            self.open_alarms.labels(*label).set(count)
        self._open_labels = set(counts)
        for statistic, by_feature in levels.items():
            for feature, level in by_feature.items():
                self.drift.labels(statistic, feature).set(level)

    def text(
        self,
        waiting: int,
        version: str | None,
        intervals: CoverageSummary | None,
        *,
        journal_fails: bool = False,
        journal_bytes: int = 0,
    ) -> bytes:
        """Return the page for Prometheus.

        Args:
            waiting: Windows that are waiting now.
            version: Version in service, or None.
            intervals: Coverage of its intervals, or None.
            journal_fails: Whether the journal cannot be written.
            journal_bytes: Size of the journal.
        """
        from prometheus_client import generate_latest

        self.waiting.set(waiting)
        self.journal_failing.set(int(journal_fails))
        self.journal_bytes.set(journal_bytes)
        self.champion.clear()
        if version is not None:
            self.champion.labels(version).set(1)
        if intervals is not None:
            self.coverage.labels("nominal").set(intervals["nominal"])
            if intervals["observed"] is not None:
                self.coverage.labels("observed").set(intervals["observed"])
        return generate_latest(self.registry)

    def _create_later_metrics(self, options: dict[str, Any]) -> None:
        """Create those of monitoring, of the shadow and of the journal."""
        from prometheus_client import Counter, Gauge

        self.open_alarms = Gauge(
            "tsforecast_open_alarm",
            "1 for each open alarm; of many series, how many have it.",
            ["kind", "feature", "severity"],
            **options,
        )
        self.raised_alarms = Counter("tsforecast_alarms", "Alarms raised.", ["kind", "severity"], **options)
        self.drift = Gauge(
            "tsforecast_drift_level",
            "Drift charts as shares of their thresholds, the highest of many series: 1 raises an alarm.",
            ["statistic", "feature"],
            **options,
        )
        self.rows = Counter("tsforecast_rows", "Rows that were accepted.", **options)
        self.feed_problems = Counter(
            "tsforecast_feed_problems", "Times that a feed could not be read, and rows left out.", **options
        )
        self.shadow_windows = Counter(
            "tsforecast_shadow_windows", "Windows that the shadow forecast.", **options
        )
        self.shadow_skipped = Counter(
            "tsforecast_shadow_skipped",
            "Requests that did not fit the shadow, or came when too many waited.",
            **options,
        )
        self.shadow_truths = Counter(
            "tsforecast_shadow_truths", "Truths matched with forecasts of the shadow.", **options
        )
        self.shadow_absolute_error = Counter(
            "tsforecast_shadow_absolute_error", "Sum of absolute errors of the shadow.", **options
        )
        self.journal_bytes = Gauge("tsforecast_journal_bytes", "Size of the journal.", **options)
        self.journal_failing = Gauge(
            "tsforecast_journal_failing", "1 while the journal cannot be written.", **options
        )
