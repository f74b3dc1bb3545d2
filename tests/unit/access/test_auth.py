"""The bearer token: where it comes from, and what it protects."""

import asyncio

import pytest

from tsforecast.access.auth import AuthMiddleware, read_token, read_tokens
from tsforecast.access.rate_limit import RateLimit
from tsforecast.access.tokens import TokenSource, parse_tokens
from tsforecast.errors import UserError
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


def call(middleware, path, *headers, method="GET"):
    """The status of a request."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "client": ("10.0.0.1", 5),
        "headers": list(headers),
    }
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
        tokens=TokenSource.fixed("secret"),
        paths={"/healthz", "/v1/models"},
        refuse=lambda status, sentence, seconds: respond(status),
    )
    assert call(middleware, "/healthz") == 200
    assert call(middleware, "/v1/models") == 401
    assert call(middleware, "/v1/models", (b"authorization", b"Bearer other")) == 401
    assert call(middleware, "/v1/models", (b"authorization", b"Bearer secret")) == 200
    assert call(middleware, "/guessed") == 401
    counts = telemetry.text(waiting=0, version=None, intervals=None).decode()
    assert 'tsforecast_requests_total{path="/v1/models",status="401"} 2.0' in counts
    assert 'tsforecast_requests_total{path="other",status="401"} 1.0' in counts


def test_scopes_decide_what_a_token_may_do():
    lines = ["look read Zs7yN4uHj9aLe3Pd", "plant write Gk6tR2vQw8nXc5Mb", "boss admin 2Fq0mK8c5rT1xWbV"]
    sentences = []

    def refuse(status, sentence, seconds):
        sentences.append(sentence)
        return respond(status)

    middleware = AuthMiddleware(
        respond(200),
        telemetry=Telemetry(),
        tokens=TokenSource(parse_tokens("\n".join(lines), "tokens")),
        paths=set(),
        refuse=refuse,
    )
    statuses = [
        [
            call(middleware, path, (b"authorization", f"Bearer {line.split()[2]}".encode()), method=method)
            for method, path in (("GET", "/v1/alarms"), ("POST", "/v1/rows"), ("GET", "/v1/audit"))
        ]
        for line in lines
    ]
    assert statuses == [[200, 403, 403], [403, 200, 403], [200, 200, 200]]
    assert sentences[0] == "The token of look does not have the scope write."


def test_each_client_is_limited_and_health_is_not():
    middleware = AuthMiddleware(
        respond(200),
        telemetry=Telemetry(),
        tokens=None,
        paths=set(),
        refuse=lambda status, sentence, seconds: respond(status),
        limit=RateLimit(2, clock=lambda: 0.0),
    )
    assert [call(middleware, "/v1/models") for _ in range(3)] == [200, 200, 429]
    assert call(middleware, "/healthz") == 200


def test_tokens_come_from_the_file_or_the_environment(tmp_path):
    (tmp_path / "tokens").write_text("look read Zs7yN4uHj9aLe3Pd\nplant write Gk6tR2vQw8nXc5Mb\n")
    assert read_tokens(str(tmp_path / "tokens"), "other").find(b"Bearer Gk6tR2vQw8nXc5Mb").name == "plant"
    assert read_tokens(None, "other").find(b"Bearer other").may("admin")
    assert read_tokens(None, None) is None
    with pytest.raises(UserError, match="without blanks"):
        read_tokens(None, "two words")


@pytest.mark.parametrize("read", [read_token, read_tokens])
def test_a_file_that_is_not_text_is_refused(tmp_path, read):
    (tmp_path / "token").write_bytes(b"\xed\xff")
    with pytest.raises(UserError, match=r"serve\.token_file: .* is not text in UTF-8"):
        read(str(tmp_path / "token"), None)
