"""The bearer token: where it comes from, and what it protects."""

import asyncio

import pytest

from tsforecast.errors import UserError
from tsforecast.serving.auth import AuthMiddleware, read_token
from tsforecast.serving.telemetry import Telemetry


def test_the_token_comes_from_its_file_or_the_environment(tmp_path):
    (tmp_path / "token").write_text("of-the-file\n")
    assert read_token(str(tmp_path / "token"), "of-the-environment") == "of-the-file"
    assert read_token(None, "of-the-environment") == "of-the-environment"
    assert read_token(None, None) is None
    (tmp_path / "token").write_text("\n")
    for file, environment, sentence in (
        (str(tmp_path / "token"), None, "is empty"),
        (str(tmp_path / "none"), None, "there is no file"),
        (None, "two words", "printable ASCII without blanks"),
    ):
        with pytest.raises(UserError, match=sentence):
            read_token(file, environment)


def call(middleware, path, *headers):
    """The status of a GET request."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": list(headers)}
    asyncio.run(middleware(scope, None, send))
    return sent[0]["status"]


def respond(status):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status})

    return app


def test_paths_without_data_need_no_token_and_others_do():
    telemetry = Telemetry()
    middleware = AuthMiddleware(
        respond(200),
        telemetry=telemetry,
        token="secret",
        paths={"/healthz", "/v1/models"},
        refuse=respond(401),
    )
    assert call(middleware, "/healthz") == 200
    assert call(middleware, "/v1/models") == 401
    assert call(middleware, "/v1/models", (b"authorization", b"Bearer other")) == 401
    assert call(middleware, "/v1/models", (b"authorization", b"Bearer secret")) == 200
    assert call(middleware, "/guessed") == 401
    counts = telemetry.text(waiting=0, version=None, intervals=None).decode()
    assert 'tsforecast_requests_total{path="/v1/models",status="401"} 2.0' in counts
    assert 'tsforecast_requests_total{path="other",status="401"} 1.0' in counts
