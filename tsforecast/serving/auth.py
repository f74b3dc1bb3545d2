"""The bearer token, and middleware that requires it and counts requests."""

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from tsforecast.errors import UserError
from tsforecast.serving.telemetry import Telemetry

OPEN_PATHS = ("/", "/docs", "/openapi.json", "/healthz", "/readyz")  # reveal nothing about the data
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AuthMiddleware:
    """ASGI middleware that requires the bearer token and counts responses.

    Args:
        app: Application to protect.
        telemetry: Where to count.
        token: Token that requests must carry; None for none.
        paths: Paths that are counted by name. The others are counted as one, so that nobody can make the count grow.
        refuse: ASGI application that answers a request without the token.
    """

    def __init__(self, app: App, *, telemetry: Telemetry, token: str | None, paths: set[str], refuse: App):
        self.app, self.telemetry, self.paths, self.refuse = app, telemetry, paths, refuse
        self.expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await (self.app if self._is_allowed(scope) else self.refuse)(scope, receive, send_and_note)
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.telemetry.request(path, status, time.perf_counter() - began)

    def _is_allowed(self, scope: Scope) -> bool:
        if self.expected is None or scope["path"] in OPEN_PATHS:
            return True
        header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return hmac.compare_digest(header, self.expected)


def read_token(file: str | None, environment: str | None, key: str = "serve.token_file") -> str | None:
    """Return a token or secret from a file, else from the environment, else None.

    Args:
        file: File with the token, or None.
        environment: Value of the environment variable, or None.
        key: Option that names the file.

    Raises:
        UserError: The file does not exist or is empty, or the token is not plain text.
    """
    token = environment
    if file is not None:
        path = Path(file).expanduser()
        if not path.is_file():
            raise UserError(f"{key}: there is no file {path}.")
        token = path.read_text().strip()
        if not token:
            raise UserError(f"{key}: {path} is empty.")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            f"The token of {key} or its environment variable must be printable ASCII without blanks."
        )
    return token or None
