"""Around every request: the token, the count, the clock, and the size of its body."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from tsforecast.serving.telemetry import Telemetry

OPEN = ("/", "/docs", "/openapi.json", "/healthz", "/readyz")  # tell nothing of the data
Scope = MutableMapping[str, Any]
App = Callable[[Scope, Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


class BodyTooLarge(Exception):
    """The body has more bytes than it may."""


class AuthMiddleware:
    """ASGI middleware: asks for the bearer token and counts what is answered.

    Args:
        app: what it stands before.
        telemetry: counts.
        token: that requests must bring; None for none.
        paths: that are counted by name; others count as one, so that nobody can make the count grow.
        refuse: the ASGI app that answers a request without the token.
    """

    def __init__(self, app: App, *, telemetry: Telemetry, token: str | None, paths: set[str], refuse: App):
        self.app, self.telemetry, self.paths, self.refuse = app, telemetry, paths, refuse
        self.expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def counted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await (self.app if self._may(scope) else self.refuse)(scope, receive, counted)
        finally:
            path = scope["path"] if scope["path"] in self.paths else "other"
            self.telemetry.request(path, status, time.perf_counter() - began)

    def _may(self, scope: Scope) -> bool:
        if self.expected is None or scope["path"] in OPEN:
            return True
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        return hmac.compare_digest(given, self.expected)


async def read_body(request: Any, most: int, seconds: float) -> bytes:
    """The whole body of a request.

    Args:
        request: of Starlette.
        most: bytes.
        seconds: that it may take to arrive.

    Raises:
        BodyTooLarge: as soon as that is known.
        TimeoutError: it did not arrive in time.
    """
    said = request.headers.get("content-length", "0")
    if said.isdigit() and int(said) > most:
        raise BodyTooLarge

    async def read() -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                raise BodyTooLarge
            parts.append(part)
        return b"".join(parts)

    try:
        return await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError:
        raise TimeoutError from None
