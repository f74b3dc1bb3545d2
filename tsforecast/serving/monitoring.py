"""What trackers get of the service, every minute: coverage, errors and alarms; and alerts when something is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tsforecast.tracking.current import current_tracker

if TYPE_CHECKING:
    from tsforecast.inference.intervals import CoverageSummary
    from tsforecast.serving.telemetry import Telemetry

REPORT_SECONDS = 60
MIN_TRUTHS = 200  # before coverage says something
MAX_GAP = 0.05  # between observed and nominal coverage, as a share

COUNTERS = {
    "truths": "tsforecast_truths_total",
    "alarms": "tsforecast_spike_alarms_total",
    "absolute_error": "tsforecast_absolute_error_total",
}


class ServiceMonitor:
    """Reports the figures of a service, and sends each alert once until its cause is gone.

    Args:
        telemetry: Counters of the service.
        clock: Returns seconds that never go back.
    """

    def __init__(self, telemetry: Telemetry, clock: Callable[[], float] = time.monotonic):
        self._telemetry, self._clock, self._began = telemetry, clock, clock()
        self._before = self._counters()
        self._coverage_is_off = False
        self._trouble: str | None = None

    def report(self, version: str | None, intervals: CoverageSummary | None, trouble: str | None) -> None:
        """Report once.

        Args:
            version: Version in service; None before there is one.
            intervals: Coverage of its intervals.
            trouble: Why the newest champion is not in service; None if it is.
        """
        tracker, now, seconds = current_tracker(), self._counters(), self._clock() - self._began
        new = {name: now[name] - self._before[name] for name in now}
        self._before = now
        row: dict[str, float | None] = {"seconds": seconds, "truths": now["truths"], "alarms": now["alarms"]}
        row |= {"new_truths": new["truths"], "new_alarms": new["alarms"]}
        if new["truths"]:
            row["mae"] = new["absolute_error"] / new["truths"]
        if intervals is not None:
            row |= {"coverage": intervals["observed"], "coverage/nominal": intervals["nominal"]}
        tracker.log(row, step=int(seconds))
        if intervals is not None:
            self._check_coverage(version, intervals)
        if trouble is not None and trouble != self._trouble:
            tracker.alert("Champion not in service", trouble)
        self._trouble = trouble

    def _check_coverage(self, version: str | None, intervals: CoverageSummary) -> None:
        observed, nominal = intervals["observed"], intervals["nominal"]
        if observed is None or intervals["truths"] < MIN_TRUTHS:
            return
        is_off = abs(observed - nominal) > MAX_GAP
        if is_off and not self._coverage_is_off:
            text = f"{100 * observed:.1f} % of {intervals['truths']:,} truths were in the intervals of {version},"
            current_tracker().alert("Coverage out of bounds", f"{text} and {100 * nominal:.0f} % should be.")
        self._coverage_is_off = is_off

    def _counters(self) -> dict[str, float]:
        read = self._telemetry.registry.get_sample_value
        return {name: read(sample) or 0.0 for name, sample in COUNTERS.items()}
