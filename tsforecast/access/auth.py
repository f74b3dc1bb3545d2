"""Middleware that requires bearer tokens, limits clients and counts requests."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from tsforecast.access.rate_limit import RateLimit
from tsforecast.access.tokens import TokenSource, existing_file, read_text
from tsforecast.errors import UserError

if TYPE_CHECKING:
    from tsforecast.serving.telemetry import Telemetry

OPEN_PATHS = ("/", "/docs", "/openapi.json", "/healthz", "/readyz")  # reveal nothing about the data
ADMIN_PATHS = ("/v1/audit",)
UNAUTHORIZED = "A bearer token is needed: send the header Authorization: Bearer TOKEN."
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AuthMiddleware:
    """ASGI middleware that requires tokens, limits the requests of each client, and counts responses.

    Args:
        app: Application to protect.
        telemetry: Where to count.
        tokens: Valid tokens; None: none is needed.
        paths: Paths that are counted by name. The others are counted as one, so that nobody can make the count grow.
        refuse: Returns the response to a request that is refused: its status, why, and after how many seconds to try
            again, or None.
        limit: Limit on the requests of each client; None for none.
    """

    def __init__(
        self,
        app: App,
        *,
        telemetry: Telemetry,
        tokens: TokenSource | None,
        paths: set[str],
        refuse: Callable[[int, str, int | None], App],
        limit: RateLimit | None = None,
    ):
        self.app, self.telemetry, self.paths, self.refuse = app, telemetry, paths, refuse
        self.tokens, self.limit = tokens, limit

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
            await (self._refusal(scope) or self.app)(scope, receive, send_and_note)
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.telemetry.request(path, status, time.perf_counter() - began)

    def _refusal(self, scope: Scope) -> App | None:
        """Return the response that refuses a request; None if it is allowed."""
        if scope["path"] in OPEN_PATHS:
            return None
        name = str((scope.get("client") or ("local",))[0])
        if self.tokens is not None:
            header = next((value for key, value in scope["headers"] if key == b"authorization"), b"")
            client = self.tokens.find(header)
            if client is None:
                return self.refuse(401, UNAUTHORIZED, None)
            needed = needed_scope(scope["method"], scope["path"])
            if not client.may(needed):
                return self.refuse(403, f"The token of {client.name} does not have the scope {needed}.", None)
            name = client.name
        seconds = 0 if self.limit is None else self.limit.wait_seconds(name)
        if seconds and self.limit is not None:
            sentence = (
                f"{name} may send {self.limit.per_minute:,} requests per minute: try again in {seconds} s."
            )
            return self.refuse(429, sentence, seconds)
        return None


def needed_scope(method: str, path: str) -> str:
    """Return the scope that a request needs.

    Example:
        >>> needed_scope("GET", "/v1/alarms"), needed_scope("POST", "/v1/rows"), needed_scope("GET", "/v1/audit")
        ('read', 'write', 'admin')
    """
    if path in ADMIN_PATHS:
        return "admin"
    return "read" if method in ("GET", "HEAD", "OPTIONS") else "write"


def read_tokens(file: str | None, environment: str | None) -> TokenSource | None:
    """Return the tokens of a file, else the one of the environment, else None.

    Args:
        file: File with tokens, see ``tokens``, or None.
        environment: Value of the environment variable, or None.

    Raises:
        UserError: The file does not exist or its content is wrong, or the token is not plain text.
    """
    if file is not None:
        return TokenSource.from_file(file)
    token = read_token(None, environment)
    return None if token is None else TokenSource.fixed(token)


def read_token(file: str | None, environment: str | None, key: str = "serve.token_file") -> str | None:
    """Return a token or secret from a file, else from the environment, else None.

    Args:
        file: File with the token, or None.
        environment: Value of the environment variable, or None.
        key: Option that names the file.

    Raises:
        UserError: The file does not exist, is empty or not text, or the token is not plain text.
    """
    token = environment
    if file is not None:
        path = existing_file(file, key)
        token = read_text(path, key).strip()
        if not token:
            raise UserError(f"{key}: {path} is empty.")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UserError(
            f"The token of {key} or its environment variable must be printable ASCII without blanks."
        )
    return token or None
