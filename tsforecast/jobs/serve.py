"""job=serve: forecasts of the champion over HTTP, with a live page."""

import os
from pathlib import Path

from tsforecast.access.auth import read_token, read_tokens
from tsforecast.access.tls import read_certificate
from tsforecast.config import Config
from tsforecast.config.service_checks import TOKEN, WEBHOOK_SECRET
from tsforecast.files import remove_if_empty
from tsforecast.jobs import build
from tsforecast.registry import Registry
from tsforecast.serving.server import check_service, create_service_app, open_socket, run_server


def main(config: Config, path: Path) -> None:
    """Serve until stopped (Ctrl-C, SIGTERM); the journal keeps what the service receives, makes and learns."""
    remove_if_empty(path)
    registry, options = Registry(config.registry.path), config.serve
    certificate = read_certificate(options)
    tokens = read_tokens(options.token_file, os.environ.get(TOKEN))
    secret_file, key = options.alarms.webhook.secret_file, "serve.alarms.webhook.secret_file"
    secret = read_token(secret_file, os.environ.get(WEBHOOK_SECRET), key)
    with check_service(registry, options):
        listener = open_socket(options.host, options.port)  # taken before anything slow is done
        build.set_up_runtime(config)
        app = create_service_app(registry, options, config.intervals, tokens, secret)
        run_server(app, listener, options.host, registry, certificate)
