"""job=serve: forecasts over HTTP by the champion, with a live page."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

from tsforecast.config import Config
from tsforecast.config.service_checks import TOKEN
from tsforecast.errors import UserError
from tsforecast.jobs import build
from tsforecast.models.io import load_model
from tsforecast.registry import Registry

SMALL_BATCH = 4  # windows that may meet by chance: a size of its own beside 1 and serve.max_batch
MAX_CONNECTIONS = 256  # at once; each may hold a body of serve.max_body_mb


def main(config: Config, path: Path) -> None:
    """Serves until it is stopped (Ctrl-C, SIGTERM); what the intervals learned is kept in the registry's folder."""
    with suppress(OSError):
        path.rmdir()  # what is kept lies in the registry
    registry = Registry(config.registry.path)
    registry.champion().check()
    uvicorn = _uvicorn()

    from tsforecast.serving.auth import read_token

    asked = config.serve
    token = read_token(asked.token_file, os.environ.get(TOKEN))
    listening = _socket(asked.host, asked.port)
    build.set_up_runtime(config)
    app = application(config, registry, token)
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    print(
        f"http://{host}:{listening.getsockname()[1]}/ serves the champion of {registry.path}; "
        "/readyz tells when it is warm, /docs how to ask.",
        flush=True,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_graceful_shutdown=10,
        )
    )
    server.run(sockets=[listening])


def application(config: Config, registry: Registry, token: str | None) -> Any:
    """The ASGI application as the config describes it."""
    from tsforecast.serving.app import Limits, create_app
    from tsforecast.serving.model_manager import ModelManager
    from tsforecast.serving.service import Service
    from tsforecast.serving.telemetry import Telemetry

    options, telemetry = config.serve, Telemetry()
    manager = ModelManager(
        registry,
        load_model,
        # Two windows that arrive together should not wait for a batch of the largest size.
        sizes=(*(size for size in (1, SMALL_BATCH) if size < options.max_batch), options.max_batch),
        intervals=config.intervals,
        poll_seconds=options.poll_seconds,
        on_change=telemetry.change,
    )
    service = Service(
        manager,
        telemetry,
        max_batch=options.max_batch,
        queue=options.queue,
        max_windows=options.max_windows,
        keep=options.keep,
    )
    limits = Limits(max_body=int(options.max_body_mb * 1e6), seconds=options.timeout_seconds, token=token)
    return create_app(service, limits)


def _uvicorn() -> Any:
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn
    except ImportError as error:
        raise UserError(
            f"job=serve needs more packages ({error}): pip install 'tsforecast[serve]'."
        ) from error
    return uvicorn


def _socket(host: str, port: int) -> socket.socket:
    """A listening socket, taken before anything slow is done."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UserError(
            f"serve.host={host} with serve.port={port} cannot be listened on ({reason}): choose another port."
        ) from None
    made.listen(128)
    return made
