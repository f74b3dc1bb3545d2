"""Starting the HTTP server: its packages, its socket, and the application."""

from __future__ import annotations

import functools
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tsforecast.errors import UserError, install_hint
from tsforecast.journal.database import journal_path, lock_journal, open_journal

if TYPE_CHECKING:
    from types import FrameType

    from fastapi import FastAPI

    from tsforecast.access.tls import Certificate
    from tsforecast.access.tokens import TokenSource
    from tsforecast.inference.options import IntervalOptions
    from tsforecast.registry import Registry
    from tsforecast.serving.options import ServeOptions

SMALL_BATCH = 4  # windows that may arrive together by chance: a compiled size between 1 and serve.max_batch
MAX_CONNECTIONS = 256  # at once; each may hold a body of serve.max_body_mb
BACKLOG = 128  # connections that wait to be accepted
SHUTDOWN_SECONDS = 10


def check_packages() -> None:
    """Check that the packages of the extra ``serve`` are installed.

    Raises:
        UserError: One of them is missing.
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(f"job=serve needs more packages ({error}): {install_hint('serve')}.") from error


@contextmanager
def check_service(registry: Registry, options: ServeOptions) -> Iterator[None]:
    """Refuse what cannot be served, and hold the journal while the block runs.

    Args:
        registry: Registry that names the champion.
        options: Options of the service.

    Raises:
        UserError: There is no champion or shadow, a package is missing, or journal or feed cannot be used.
    """
    registry.champion().check()
    if options.shadow is not None:
        registry.version(options.shadow).check()
    check_packages()
    if options.feed is not None:
        from tsforecast.feeds.opening import check_feed

        check_feed(options.feed, options.feed_connection)
    path = journal_path(registry.path, options.journal)
    with lock_journal(path):
        open_journal(path).close()  # another file is refused before TensorFlow is imported
        yield


def open_socket(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0: any free one.

    Raises:
        UserError: The address cannot be listened on.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"serve.host={host} with serve.port={port} cannot be listened on ({reason}): choose another port."
        ) from None
    listener.listen(BACKLOG)
    return listener


def format_url(host: str, listener: socket.socket, certificate: Certificate | None = None) -> str:
    """Return the URL of the service."""
    name, scheme = f"[{host}]" if ":" in host else host, "http" if certificate is None else "https"
    return f"{scheme}://{name}:{listener.getsockname()[1]}/"


def create_service_app(
    registry: Registry,
    options: ServeOptions,
    intervals: IntervalOptions,
    tokens: TokenSource | None,
    webhook_secret: str | None = None,
) -> FastAPI:
    """Create the ASGI application that serves the champion.

    Args:
        registry: Registry that names the champion.
        options: Limits of the service.
        intervals: Options of the prediction intervals.
        tokens: Bearer tokens, one of which requests must carry; None for none.
        webhook_secret: Secret that signs alarms; None: they are not signed.
    """
    from tsforecast.feeds.opening import open_feed
    from tsforecast.journal.retention import Retention
    from tsforecast.models.io import load_model
    from tsforecast.monitoring.webhook import Webhook
    from tsforecast.serving.app import Limits, create_app
    from tsforecast.serving.learner import Learner
    from tsforecast.serving.model_manager import ModelManager
    from tsforecast.serving.service import Service
    from tsforecast.serving.telemetry import Telemetry

    telemetry = Telemetry()
    learner = Learner(
        journal_path(registry.path, options.journal),
        keep=options.keep,
        retention=Retention(options.journal_days, options.journal_mb),
    )
    manager = ModelManager(
        registry,
        load_model,
        # Two windows that arrive together should not wait for a batch of the largest size.
        sizes=(*(size for size in (1, SMALL_BATCH) if size < options.max_batch), options.max_batch),
        intervals=intervals,
        poll_seconds=options.poll_seconds,
        on_change=telemetry.change,
        restore=learner.load,
        shadow=options.shadow,
        max_series=options.max_series,
    )
    service = Service(
        manager,
        learner,
        telemetry,
        max_batch=options.max_batch,
        queue=options.queue,
        max_windows=options.max_windows,
    )
    if options.feed is not None:
        opener = functools.partial(open_feed, options.feed, options.feed_connection)
        service.follow(opener, options.feed, options.feed_seconds)
    if options.alarms.enabled:
        secret = None if webhook_secret is None else webhook_secret.encode()
        webhook = Webhook(options.alarms.webhook, secret) if options.alarms.webhook.url else None
        service.monitor(options.alarms, webhook)
    limits = Limits(
        int(options.max_body_mb * 1e6), options.timeout_seconds, tokens, options.requests_per_minute
    )
    return create_app(service, limits)


def run_server(
    app: FastAPI,
    listener: socket.socket,
    host: str,
    registry: Registry,
    certificate: Certificate | None = None,
) -> None:
    """Print the address, and serve until the process is stopped (Ctrl-C, SIGTERM).

    Args:
        app: The application.
        listener: Listening socket.
        host: Address as it was asked for.
        registry: Registry whose champion is served.
        certificate: Certificate for HTTPS; None for HTTP.
    """
    import uvicorn

    print(
        f"{format_url(host, listener, certificate)} serves the champion of {registry.path}; "
        "/readyz says when it is warm, /docs how to use it.",
        flush=True,
    )
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        ssl_certfile=None if certificate is None else certificate.file,
        ssl_keyfile=None if certificate is None else certificate.key,
    )
    server = uvicorn.Server(config)

    def end_streams_and_stop(sig: int, frame: FrameType | None) -> None:
        """Stop as uvicorn does, but do not raise the signal again: the tracker has a run to finish."""
        app.state.service.events.close()
        if server.should_exit and sig == signal.SIGINT:
            server.force_exit = True  # at the second Ctrl-C
        server.should_exit = True

    server.handle_exit = end_streams_and_stop  # type: ignore[method-assign]
    server.run(sockets=[listener])
