"""Reading request bodies within limits, and turning results and refusals into HTTP responses."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.requests import ClientDisconnect

from tsforecast.access.tokens import TokenSource
from tsforecast.errors import UserError
from tsforecast.journal.writer import NotStored
from tsforecast.serving.batching import QueueFull
from tsforecast.serving.requests import RequestTooLarge
from tsforecast.serving.service import NotReady, UnknownSeries

JSON = "application/json"
RETRY_SECONDS = 2  # after which to try again when no model is ready


class BodyTooLarge(Exception):
    """The body has more bytes than a request may have."""


@dataclass(frozen=True)
class Limits:
    """Limits of one request.

    Args:
        max_body: Bytes of its body.
        seconds: Seconds from its first byte to its response.
        tokens: Bearer tokens, one of which it must carry; None: none is needed.
        per_minute: Requests of one client per minute; None: no limit.
    """

    max_body: int
    seconds: float
    tokens: TokenSource | None = None
    per_minute: int | None = None


async def handle_body(
    request: Request,
    limits: Limits,
    content_types: tuple[str, ...],
    work: Callable[[bytes, str], Awaitable[Response]],
) -> Response:
    """Read the body within the limits, do the work, and turn every refusal into its response.

    Args:
        request: The request.
        limits: Its limits.
        content_types: Content types that are accepted.
        work: Takes the body and its content type, and returns the response.
    """
    content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type not in content_types:
        return error_response(415, f"The content type must be {' or '.join(content_types)}.")
    clock = asyncio.get_running_loop()
    deadline = clock.time() + limits.seconds
    try:
        body = await read_body(request, limits.max_body, limits.seconds)
        return await asyncio.wait_for(work(body, content_type), deadline - clock.time())
    except BodyTooLarge:
        return error_response(
            413, f"The body has more than the {limits.max_body:,} bytes that one request may have."
        )
    except ClientDisconnect:
        return error_response(400, "The connection ended within the body.")
    except asyncio.TimeoutError as error:
        if isinstance(error, BodyTimeout):
            return error_response(408, f"The body did not arrive within {limits.seconds:g} s.")
        return error_response(
            503, f"No forecast within {limits.seconds:g} s: try again later.", retry_seconds=RETRY_SECONDS
        )
    except (UserError, QueueFull, NotReady, NotStored) as error:
        return refusal_response(error)


class BodyTimeout(asyncio.TimeoutError):
    """The body did not arrive in time."""


async def read_body(request: Request, max_bytes: int, seconds: float) -> bytes:
    """Return the whole body of a request.

    Args:
        request: The request.
        max_bytes: Bytes that it may have.
        seconds: Seconds that it may take to arrive.

    Raises:
        BodyTooLarge: It has more bytes; raised as soon as that is known.
        BodyTimeout: It did not arrive in time.
    """
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > max_bytes:
        raise BodyTooLarge

    async def read() -> bytes:
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:
                raise BodyTooLarge
            parts.append(part)
        return b"".join(parts)

    try:
        return await asyncio.wait_for(read(), seconds)
    except asyncio.TimeoutError:
        raise BodyTimeout from None


def refusal_response(error: UserError | QueueFull | NotReady | NotStored | UnknownSeries) -> Response:
    """Return the response to a request that cannot be served."""
    if isinstance(error, UnknownSeries):
        return error_response(404, str(error))
    if isinstance(error, RequestTooLarge):
        return error_response(413, str(error))
    if isinstance(error, UserError):
        return error_response(422, str(error))
    if isinstance(error, QueueFull):
        sentence = f"Too many windows are waiting already: try again in {error.retry_seconds} s."
        return error_response(429, sentence, retry_seconds=error.retry_seconds)
    return error_response(503, str(error), retry_seconds=RETRY_SECONDS)


def error_response(status: int, sentence: str, *, retry_seconds: int | None = None) -> Response:
    """Return a refusal; its JSON is ASCII, since a lone surrogate from a request has no UTF-8."""
    headers = None if retry_seconds is None else {"Retry-After": str(retry_seconds)}
    return Response(json.dumps({"error": sentence}), status, headers, media_type=JSON)


def json_response(content: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a response; fields that were not set are left out."""
    return Response(content.model_dump_json(exclude_unset=True), status, headers, media_type=JSON)
