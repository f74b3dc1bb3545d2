"""The HTTP interface; needs FastAPI (extra ``serve``)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsforecast import __version__
from tsforecast.errors import UserError
from tsforecast.serving import openapi
from tsforecast.serving.auth import AuthMiddleware, BodyTooLarge, read_body
from tsforecast.serving.batching import QueueFull
from tsforecast.serving.pages import SAFE, docs_page, live_page
from tsforecast.serving.requests import TooMany
from tsforecast.serving.responses import ARROW
from tsforecast.serving.service import NotReady, Service

JSON = "application/json"


@dataclass(frozen=True)
class Limits:
    """What one request may ask.

    Args:
        max_body: bytes.
        seconds: from its first byte to its answer.
        token: that it must bring; None for none.
    """

    max_body: int
    seconds: float
    token: str | None


def create_app(service: Service, limits: Limits) -> Any:
    """The ASGI application; it starts and stops the service."""
    from fastapi import FastAPI, Request, Response
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect

    def answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        # ASCII: a lone surrogate that a request brought has no UTF-8.
        return Response(json.dumps(content), status, headers, media_type=JSON)

    def error(status: int, sentence: str, **headers: str) -> Response:
        return answer(
            {"error": sentence}, status, {name.replace("_", "-"): text for name, text in headers.items()}
        )

    async def handled(request: Request, kinds: tuple[str, ...], work: Any) -> Response:
        """Reads the body within its limits, does the work, and turns every refusal into its answer."""
        kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind not in kinds:
            return error(415, f"The content type must be {' or '.join(kinds)}.")
        clock = asyncio.get_running_loop()
        end = clock.time() + limits.seconds
        try:
            body = await read_body(request, limits.max_body, limits.seconds)
        except BodyTooLarge:
            return error(
                413, f"The body has more than the {limits.max_body:,} bytes that one request may bring."
            )
        except ClientDisconnect:
            return error(400, "The connection ended within the body.")
        except TimeoutError:
            return error(408, f"The body did not arrive within {limits.seconds:g} s.")
        try:
            return await asyncio.wait_for(work(body, kind), end - clock.time())
        except TooMany as refused:
            return error(413, str(refused))
        except UserError as refused:
            return error(422, str(refused))
        except QueueFull as refused:
            return error(
                429,
                f"Too many windows wait already: try again in {refused.retry_seconds} s.",
                Retry_After=str(refused.retry_seconds),
            )
        except NotReady as refused:
            return error(503, str(refused), Retry_After="2")
        except asyncio.TimeoutError:
            return error(503, f"No forecast within {limits.seconds:g} s: try again later.", Retry_After="2")

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(title="tsforecast", version=__version__, lifespan=running, docs_url=None, redoc_url=None)

    @app.post(
        "/v1/forecast",
        summary="Forecasts of one window or many",
        description="Each window is the newest rows up to time, oldest first, in the features' own units and the"
        " order of features (by default that of GET /v1/models, input.features). What time alone gives, such as"
        " the minute of the day, is added. An Arrow stream has the columns time, the features, and window (a whole"
        f" number) if there are several; Accept: {ARROW} asks for an Arrow answer.",
        openapi_extra=openapi.json_body(openapi.FORECAST_REQUEST, openapi.FORECAST_EXAMPLE, arrow=True),
        responses=openapi.answers(openapi.FORECAST_ANSWER, 401, 408, 413, 415, 422, 429, 503, arrow=True),
    )
    async def forecast(request: Request) -> Response:
        async def work(body: bytes, kind: str) -> Response:
            found = await service.forecast(body, kind)
            if ARROW in request.headers.get("accept", ""):
                return Response(found.as_arrow(), media_type=ARROW)
            return answer(found.as_json())

        return await handled(request, (JSON, ARROW), work)

    @app.post(
        "/v1/observe",
        summary="Truths, as they arrive",
        description="They are set beside the forecasts of their times, and the intervals learn from them.",
        openapi_extra=openapi.json_body(openapi.OBSERVE_REQUEST, openapi.OBSERVE_EXAMPLE),
        responses=openapi.answers(openapi.OBSERVE_ANSWER, 401, 408, 413, 415, 422, 503),
    )
    async def observe(request: Request) -> Response:
        async def work(body: bytes, kind: str) -> Response:
            return answer(service.observe(body))

        return await handled(request, (JSON,), work)

    @app.get(
        "/v1/models",
        summary="The versions in the registry, and what the one in service wants and gives",
        responses=openapi.answers(openapi.MODELS_ANSWER, 401),
    )
    def models() -> Response:
        return answer(service.models())

    @app.get(
        "/v1/live",
        summary="What the live page shows",
        responses=openapi.answers({"type": "object"}, 401, 503),
    )
    async def live() -> Response:
        try:
            return answer(service.live())
        except NotReady as refused:
            return error(503, str(refused), Retry_After="2")

    @app.get("/healthz", summary="Whether the process answers", responses=openapi.answers({"type": "object"}))
    async def health() -> Response:
        return answer({"status": "ok"})

    @app.get(
        "/readyz",
        summary="Whether a model is loaded, compiled and warm",
        responses=openapi.answers(openapi.READY)
        | {503: {"description": "Not yet.", "content": {JSON: {"schema": openapi.READY}}}},
    )
    async def ready() -> Response:
        try:
            name = service.active().version.name
        except NotReady as reason:
            return answer({"ready": False, "version": None, "reason": str(reason)}, 503, {"Retry-After": "2"})
        return answer({"ready": True, "version": name, "reason": None})

    text = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Counters and gauges."}

    @app.get(
        "/metrics",
        summary="For Prometheus",
        response_class=Response,
        responses={200: text, 401: openapi.answers({}, 401)[401]},
    )
    async def metrics() -> Response:
        return Response(service.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return Response(live_page(), media_type="text/html", headers=SAFE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(docs_page(), media_type="text/html", headers=SAFE)

    @app.exception_handler(HTTPException)
    async def known(request: Request, refused: HTTPException) -> Response:
        sentence = {
            404: "There is no such path: see /docs.",
            405: "This path does not take that method: see /docs.",
        }
        told = sentence.get(refused.status_code, str(refused.detail))
        return answer({"error": told}, refused.status_code, dict(refused.headers or {}))

    @app.exception_handler(Exception)
    async def unknown(request: Request, failed: Exception) -> Response:
        return error(500, "The service failed at this request; its log says how.")

    refusal = error(
        401,
        "A bearer token is needed: send the header Authorization: Bearer TOKEN.",
        WWW_Authenticate="Bearer",
    )
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    app.add_middleware(
        AuthMiddleware, telemetry=service.telemetry, token=limits.token, paths=paths, refuse=refusal
    )
    return app


def read_token(file: str | None, environment: str | None) -> str | None:
    """The bearer token of a file, or else of the environment; None where neither gives one.

    Raises:
        UserError: the file is not there or empty, or the token is no plain text.
    """
    token = environment
    if file is not None:
        path = Path(file).expanduser()
        if not path.is_file():
            raise UserError(f"serve.token_file: there is no file {path}.")
        token = path.read_text().strip()
        if not token:
            raise UserError(f"serve.token_file: {path} is empty.")
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise UserError("The bearer token must be printable ASCII without blanks.")
    return token or None
