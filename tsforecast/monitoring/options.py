"""Options of the alarms, ``serve.alarms``."""

from dataclasses import dataclass
from typing import Annotated, Literal

from tsforecast.options import Range

Seconds = Annotated[float, Range(0.1, 86_400)]


@dataclass(frozen=True, kw_only=True)
class WebhookOptions:
    """Where alarms are sent, and how often.

    Args:
        url: URL that receives a POST per alarm; None: none.
        secret_file: File with the secret that signs the body (HMAC-SHA256); None: environment variable
            TSFORECAST_WEBHOOK_SECRET, without which nothing is signed.
        attempts: Attempts to deliver one alarm, with growing pauses between them.
        timeout_seconds: Seconds of one attempt.
        min_severity: Least severity that is sent.
        max_per_hour: Alarms sent within an hour; further ones are counted and sent as one.
    """

    url: str | None
    secret_file: str | None
    attempts: Annotated[int, Range(1, 20)]
    timeout_seconds: Seconds
    min_severity: Literal["info", "warning", "critical"]
    max_per_hour: Annotated[int, Range(1, 10_000)]


@dataclass(frozen=True, kw_only=True)
class AlarmOptions:
    """What raises an alarm.

    Args:
        enabled: Whether rows and truths are monitored.
        false_alarms_per_week: False drift alarms per week, over all features and series, that thresholds are set for.
        missing_rows: Rows in succession without a value of a feature.
        missing_share: Share of missing values in the last six blocks.
        stuck_factor: Length of a constant run, as a multiple of the longest one in training.
        range_factor: Factor by which a value exceeds, or falls below, every value of training.
        range_rows: Such values among the last 60 rows.
        coverage_tolerance: Difference between observed and nominal coverage of the last day.
        error_tolerance: Excess of the last week's error, compared with persistence, over what evaluation promised.
        anomaly_rate: Share of the readings that an anomaly alarm is given for while nothing is wrong.
        keep: Newest alarms that are kept.
        webhook: Where alarms are sent.
    """

    enabled: bool
    false_alarms_per_week: Annotated[float, Range(0.001, 100)]
    missing_rows: Annotated[int, Range(1, 100_000)]
    missing_share: Annotated[float, Range(0.001, 1)]
    stuck_factor: Annotated[float, Range(1, 1000)]
    range_factor: Annotated[float, Range(1, 1000)]
    range_rows: Annotated[int, Range(1, 60)]
    coverage_tolerance: Annotated[float, Range(0.001, 1)]
    error_tolerance: Annotated[float, Range(0.001, 100)]
    anomaly_rate: Annotated[float, Range(0.00001, 0.5)]
    keep: Annotated[int, Range(10, 100_000)]
    webhook: WebhookOptions
