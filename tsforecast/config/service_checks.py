"""Checks of the jobs around a registry: promote, rollback, predict, serve, export."""

import importlib.util
import ipaddress
import os
from pathlib import Path
from urllib.parse import urlsplit

from tsforecast.config.schema import Config
from tsforecast.errors import UserError, install_hint

FOR_ONNX = ("tf2onnx", "onnx", "onnxruntime")
TOKEN = "TSFORECAST_TOKEN"  # the environment variable; a config would be written to files
WEBHOOK_SECRET = "TSFORECAST_WEBHOOK_SECRET"  # that signs alarms


def check_service(config: Config) -> None:
    """Refuses what these jobs cannot do.

    Raises:
        UserError: the first thing that is wrong.
    """
    job = config.job.name
    version = config.registry.version if config.registry is not None else None
    if job in ("promote", "predict", "export") and config.run is not None and version is not None:
        raise UserError(f"run={config.run} and registry.version={version} name two models: leave one out.")
    if job == "promote" and config.run is None and version is None:
        raise UserError(
            "job=promote needs a finished run or a version: add run=FOLDER or registry.version=NAME."
        )
    if job == "predict" and config.predict.data is None:
        raise UserError("job=predict needs the rows to forecast from: add predict.data=FILE.")
    if job == "export":
        _check_export(config)
    if config.retrain is not None and config.retrain.journal is not None:
        _check_received(job, config.retrain.journal)
    if job == "serve":
        if config.serve.max_windows > config.serve.queue:
            raise UserError(
                f"serve.max_windows={config.serve.max_windows} is more than serve.queue={config.serve.queue} holds: "
                "lower the one or raise the other."
            )
        if config.serve.feed is None and config.serve.feed_connection is not None:
            raise UserError("serve.feed_connection needs the query to read: add serve.feed='SELECT ...'.")
        _check_host(config)
        _check_webhook(config.serve.alarms.webhook.url)


def _check_webhook(url: str | None) -> None:
    if url is None:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise UserError(f"serve.alarms.webhook.url={url} must begin with https:// or http:// and a host.")
    if parts.username is not None:
        raise UserError(
            "serve.alarms.webhook.url contains a password, which configs and logs would show: sign alarms with"
            f" serve.alarms.webhook.secret_file or {WEBHOOK_SECRET} instead."
        )


def _check_export(config: Config) -> None:
    if config.format is None:
        raise UserError(
            "job=export needs a format: add format=saved_model, format=onnx, format=litert or format=all."
        )
    missing = [name for name in FOR_ONNX if importlib.util.find_spec(name) is None]
    if config.format in ("onnx", "all") and missing:
        raise UserError(f"format={config.format} needs {missing[0]}: {install_hint('export')}.")


def _check_received(job: str, journal: str) -> None:
    if job == "replay":
        raise UserError("job=replay replays days of a file: leave out retrain.journal.")
    if not Path(journal).is_file():
        raise UserError(
            f"retrain.journal: there is no file {journal}: it is live/journal.db in the folder of the registry, once"
            " job=serve has run, or what serve.journal named."
        )


def _check_host(config: Config) -> None:
    host, token_file = config.serve.host, config.serve.token_file
    if not (_is_loopback(host) or token_file or os.environ.get(TOKEN)):
        raise UserError(
            f"serve.host={host} opens the service to other machines: set a token, "
            f"by serve.token_file=FILE or {TOKEN} in the environment."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
