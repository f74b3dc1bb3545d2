"""Commands around the registry and the service that are rejected before anything is loaded."""

from types import SimpleNamespace

import pytest

from tsforecast.config.service_checks import TOKEN, check_service
from tsforecast.errors import UserError


def config(job, run=None, **options):
    alarms = SimpleNamespace(webhook=SimpleNamespace(url=options.pop("webhook", None)))
    serve = {"host": "127.0.0.1", "token_file": None, "queue": 512, "max_windows": 256, "alarms": alarms}
    serve |= {"feed": None, "feed_connection": None}
    return SimpleNamespace(
        job=SimpleNamespace(name=job),
        run=run,
        format=options.pop("format", None),
        registry=SimpleNamespace(version=options.pop("version", None)),
        predict=SimpleNamespace(data=options.pop("data", None)),
        retrain=SimpleNamespace(journal=options.pop("journal", None)),
        serve=SimpleNamespace(**{**serve, **options}),
    )


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (config("predict"), "job=predict needs the rows to forecast from: add predict.data=FILE."),
        (config("predict", run="a", data="b", version="v0001"), "name two models: leave one out"),
        (config("promote"), "job=promote needs a finished run or a version"),
        (config("promote", run="a", version="v0001"), "name two models"),
        (config("export"), "job=export needs a format: add format=saved_model"),
        (config("export", run="a", version="v0001", format="onnx"), "name two models"),
        (config("serve", host="0.0.0.0"), "opens the service to other machines: set a token"),
        (config("serve", host="example.org"), "opens the service to other machines"),
        (config("serve", feed_connection="sqlite:///a.db"), "serve.feed_connection needs the query to read"),
        (config("replay", journal="journal.db"), "leave out retrain.journal"),
        (config("retrain", journal="no.db"), "there is no file no.db: it is live/journal.db in the folder"),
        (config("serve", queue=10), "serve.max_windows=256 is more than serve.queue=10 holds"),
    ],
)
def test_impossible_command_is_rejected(command, sentence):
    with pytest.raises(UserError, match=sentence):
        check_service(command)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_local_service_needs_no_token(host):
    check_service(config("serve", host=host))


def test_service_for_other_machines_needs_a_token(monkeypatch):
    check_service(config("serve", host="0.0.0.0", token_file="token"))
    monkeypatch.setenv(TOKEN, "secret")
    check_service(config("serve", host="0.0.0.0"))


@pytest.mark.parametrize("url", ["https://example.com/alarms", "http://127.0.0.1:9000", None])
def test_webhooks_are_addresses_of_the_web(url):
    check_service(config("serve", webhook=url))


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("example.com/alarms", "must begin with https:// or http://"),
        ("file:///etc/passwd", "must begin with https:// or http://"),
        ("https://", "must begin with https:// or http://"),
        ("http://[::1", "must begin with https:// or http://"),
        ("https://user:word@example.com", "sign alarms with serve.alarms.webhook.secret_file"),
    ],
)
def test_other_addresses_are_refused(url, sentence):
    with pytest.raises(UserError, match=sentence):
        check_service(config("serve", webhook=url))
