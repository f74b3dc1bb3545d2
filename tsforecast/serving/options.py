"""Options of the HTTP service."""

from dataclasses import dataclass
from typing import Annotated

from tsforecast.monitoring.options import AlarmOptions
from tsforecast.options import Range


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """The HTTP service and its limits.

    Args:
        host: Address to listen on; any address other than this machine's own requires a token.
        port: Port to listen on; 0: any free one.
        token_file: File with the bearer token that requests must carry, or with one token per line after its name and
            its scopes; read again when it changes; None: environment variable TSFORECAST_TOKEN.
        requests_per_minute: Requests of one client per minute; None: no limit.
        tls_certificate: File with the certificate, and its chain, for HTTPS; None: HTTP.
        tls_key: File with the certificate's key.
        max_batch: Windows to forecast at once.
        queue: Windows that may wait; further ones are answered with status 429.
        max_windows: Windows in one request.
        max_body_mb: Size of one request in MB.
        timeout_seconds: Seconds for one request, from its first byte.
        poll_seconds: Seconds between two looks at the champion.
        keep: Newest forecast values, with their truths, that the live page shows and that truths are matched with.
        max_series: Series of a model of many that may be in use, each with its look-back, intervals and forecasts.
        journal: File in which rows, truths, forecasts and what was learned are kept; None: in the registry's folder.
        journal_days: Days after which records of the journal are deleted.
        journal_mb: Size of the journal in MB, above which its oldest records are deleted.
        feed: Rows that the service fetches itself: a CSV file that grows, a Parquet file, a folder, ``mqtt://host/topic``,
            or a query; None for none.
        feed_connection: URL of the database of the query, or ``env:NAME``; None for the others.
        feed_seconds: Seconds to wait when a feed has nothing new.
        shadow: Version that forecasts the same windows, whose forecasts are scored but not returned; None for none.
        alarms: What raises an alarm, and where alarms are sent.
    """

    host: str
    port: Annotated[int, Range(0, 65_535)]
    token_file: str | None
    requests_per_minute: Annotated[int | None, Range(1, 1_000_000)]
    tls_certificate: str | None
    tls_key: str | None
    max_batch: Annotated[int, Range(1, 1024)]
    queue: Annotated[int, Range(1, 100_000)]
    max_windows: Annotated[int, Range(1, 10_000)]
    max_body_mb: Annotated[float, Range(0.001, 1000)]
    timeout_seconds: Annotated[float, Range(0.1, 3600)]
    poll_seconds: Annotated[float, Range(0.05, 3600)]
    keep: Annotated[int, Range(10, 100_000)]
    max_series: Annotated[int, Range(1, 100_000)]
    journal: str | None
    journal_days: Annotated[float, Range(0.01, 100_000)]
    journal_mb: Annotated[float, Range(100, 10_000_000)]
    feed: str | None
    feed_connection: str | None
    feed_seconds: Annotated[float, Range(0.05, 3600)]
    shadow: str | None
    alarms: AlarmOptions
