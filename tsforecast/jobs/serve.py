"""job=serve: forecasts of the champion over HTTP, with a live page."""

import os
from pathlib import Path

from tsforecast.config import Config
from tsforecast.config.service_checks import TOKEN, WEBHOOK_SECRET
from tsforecast.files import remove_if_empty
from tsforecast.jobs import build
from tsforecast.registry import Registry
from tsforecast.serving.auth import read_token
from tsforecast.serving.server import check_service, create_service_app, open_socket, run_server


def main(config: Config, path: Path) -> None:
    """Serve until stopped (Ctrl-C, SIGTERM); the journal keeps what the service receives, makes and learns."""
    remove_if_empty(path)
    registry, options = Registry(config.registry.path), config.serve
    token = read_token(options.token_file, os.environ.get(TOKEN))
    secret_file, key = options.alarms.webhook.secret_file, "serve.alarms.webhook.secret_file"
    secret = read_token(secret_file, os.environ.get(WEBHOOK_SECRET), key)
    with check_service(registry, options):
        listener = open_socket(options.host, options.port)  # taken before anything slow is done
        build.set_up_runtime(config)
        app = create_service_app(registry, options, config.intervals, token, secret)
        run_server(app, listener, options.host, registry)
