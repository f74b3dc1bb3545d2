"""What the jobs around a registry refuse before anything is loaded."""

from types import SimpleNamespace

import pytest

from tsforecast.config.service_checks import TOKEN, check_service
from tsforecast.errors import UserError


def config(job, run=None, **given):
    serve = {"host": "127.0.0.1", "token_file": None, "queue": 512, "max_windows": 256}
    return SimpleNamespace(
        job=SimpleNamespace(name=job),
        run=run,
        format=given.pop("format", None),
        registry=SimpleNamespace(version=given.pop("version", None)),
        predict=SimpleNamespace(data=given.pop("data", None)),
        serve=SimpleNamespace(**{**serve, **given}),
    )


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv(TOKEN, raising=False)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (config("predict"), "job=predict needs the file to forecast from: add predict.data=FILE."),
        (config("predict", run="a", data="b", version="v0001"), "name two models: leave one out"),
        (config("promote"), "job=promote needs a finished run or a version"),
        (config("promote", run="a", version="v0001"), "name two models"),
        (config("export"), "job=export needs a format: add format=saved_model"),
        (config("export", run="a", version="v0001", format="onnx"), "name two models"),
        (config("serve", host="0.0.0.0"), "opens the service to other machines: set a token"),
        (config("serve", host="example.org"), "opens the service to other machines"),
        (config("serve", queue=10), "serve.max_windows=256 is more than serve.queue=10 holds"),
    ],
)
def test_what_a_job_cannot_do_is_refused(asked, sentence):
    with pytest.raises(UserError, match=sentence):
        check_service(asked)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_this_machine_needs_no_token(host):
    check_service(config("serve", host=host))


def test_others_may_ask_with_a_token(monkeypatch):
    check_service(config("serve", host="0.0.0.0", token_file="token"))
    monkeypatch.setenv(TOKEN, "secret")
    check_service(config("serve", host="0.0.0.0"))
