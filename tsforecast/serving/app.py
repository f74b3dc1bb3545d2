"""The HTTP interface; needs FastAPI (extra ``serve``)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from tsforecast import __version__
from tsforecast.access.auth import AuthMiddleware
from tsforecast.access.rate_limit import RateLimit
from tsforecast.serving import openapi
from tsforecast.serving.arrivals import CSV, RowsRequest
from tsforecast.serving.events import TooManyListeners
from tsforecast.serving.handlers import (
    JSON,
    RETRY_SECONDS,
    Limits,
    error_response,
    handle_body,
    json_response,
    refusal_response,
)
from tsforecast.serving.pages import SECURITY_HEADERS, docs_page, live_page
from tsforecast.serving.requests import ForecastRequest, ObserveRequest
from tsforecast.serving.responses import (
    ARROW,
    AlarmsResponse,
    AuditResponse,
    ForecastResponse,
    HealthResponse,
    LiveResponse,
    ModelsResponse,
    ObserveResponse,
    ReadyResponse,
    RowsResponse,
)
from tsforecast.serving.service import NotReady, Service, UnknownSeries

__all__ = ["Limits", "create_app"]
FORECAST_DESCRIPTION = (
    "Each window consists of the newest rows up to time, oldest first, in the features' own units and in the order of"
    " features (by default that of GET /v1/models, input.features). Features that follow from the time, for example the"
    " minute of the day, are added. An Arrow stream has the columns time, the features, and window (integers) if there"
    f" are several; Accept: {ARROW} requests an Arrow response."
)

ROWS_DESCRIPTION = (
    "One row or a backlog, in any order; features that a row lacks are missing, and so are times without a row. Rows"
    " are read by the recipe of the model's training data and put on its time grid; repeated and late ones follow its"
    " rule. Rows also score earlier forecasts, so that no truths need be sent. The service keeps the rows that the next"
    " forecast needs. CSV has the columns of the training data, or time in ISO 8601."
)


def create_app(service: Service, limits: Limits) -> FastAPI:
    """Create the ASGI application; it starts and stops the service.

    Args:
        service: Computes what the routes return.
        limits: Limits of one request.

    Example:
        ::

            uvicorn.run(create_app(service, Limits(max_body=10_000_000, seconds=30)))
    """

    @asynccontextmanager
    async def run_service(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="tsforecast", version=__version__, lifespan=run_service, docs_url=None, redoc_url=None
    )
    app.state.service = service
    add_forecast_routes(app, service, limits)
    add_row_routes(app, service, limits)
    add_status_routes(app, service)
    add_pages(app)
    app.add_exception_handler(HTTPException, _respond_to_http_error)
    app.add_exception_handler(Exception, _respond_to_failure)
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    app.add_middleware(
        AuthMiddleware,
        telemetry=service.telemetry,
        tokens=limits.tokens,
        paths=paths,
        refuse=_refuse,
        limit=None if limits.per_minute is None else RateLimit(limits.per_minute),
    )
    return app


def add_forecast_routes(app: FastAPI, service: Service, limits: Limits) -> None:
    """Add the routes that read a body: forecasts and truths."""

    @app.post(
        "/v1/forecast",
        summary="Forecasts of one or more windows",
        description=FORECAST_DESCRIPTION,
        openapi_extra=openapi.request_body(ForecastRequest, openapi.FORECAST_EXAMPLE, arrow=True),
        responses=openapi.responses(ForecastResponse, 401, 408, 413, 415, 422, 429, 503, arrow=True),
    )
    async def forecast(request: Request) -> Response:
        async def work(body: bytes, content_type: str) -> Response:
            result = await service.forecast(body, content_type)
            if ARROW in request.headers.get("accept", ""):
                return Response(result.to_arrow(), media_type=ARROW)
            return json_response(result.to_response())

        return await handle_body(request, limits, (JSON, ARROW), work)

    @app.post(
        "/v1/observe",
        summary="Truths, as they arrive",
        description="They are compared with the forecasts for their times, and the intervals learn from them.",
        openapi_extra=openapi.request_body(ObserveRequest, openapi.OBSERVE_EXAMPLE),
        responses=openapi.responses(ObserveResponse, 401, 408, 413, 415, 422, 503),
    )
    async def observe(request: Request) -> Response:
        async def work(body: bytes, content_type: str) -> Response:
            return json_response(await service.observe(body))

        return await handle_body(request, limits, (JSON,), work)


def add_row_routes(app: FastAPI, service: Service, limits: Limits) -> None:
    """Add the routes of new rows, of the newest forecast, and of events."""

    @app.post(
        "/v1/rows",
        summary="New rows, and the forecasts that they allow",
        description=ROWS_DESCRIPTION,
        openapi_extra=openapi.request_body(RowsRequest, openapi.ROWS_EXAMPLE, arrow=True, csv=True),
        responses=openapi.responses(RowsResponse, 401, 408, 413, 415, 422, 429, 503),
    )
    async def rows(request: Request) -> Response:
        async def work(body: bytes, content_type: str) -> Response:
            return json_response(await service.rows.add_body(body, content_type))

        return await handle_body(request, limits, (JSON, ARROW, CSV), work)

    @app.get(
        "/v1/forecast/latest",
        summary="The forecast that was made last",
        responses=openapi.responses(ForecastResponse, 401, 404, 503),
    )
    async def latest(series: str | None = None) -> Response:
        try:
            return Response(service.latest(series), media_type=JSON)
        except (NotReady, UnknownSeries) as error:
            return refusal_response(error)

    @app.get(
        "/v1/audit",
        summary="Who added, promoted or rolled back which version; needs the scope admin",
        responses=openapi.responses(AuditResponse, 401),
    )
    def audit() -> Response:
        return json_response(service.audit())

    @app.get(
        "/v1/alarms",
        summary="Alarms: open ones, then those that ended last",
        responses=openapi.responses(AlarmsResponse, 401, 404, 503),
    )
    async def alarms(series: str | None = None) -> Response:
        try:
            return json_response(service.alarms(series))
        except (NotReady, UnknownSeries) as error:
            return refusal_response(error)

    @app.get("/v1/events", include_in_schema=False)  # endless, which the document cannot say
    async def events() -> Response:
        try:
            service.events.check()
        except TooManyListeners as error:
            return error_response(503, str(error), retry_seconds=RETRY_SECONDS)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(service.events.listen(), media_type="text/event-stream", headers=headers)


def add_status_routes(app: FastAPI, service: Service) -> None:
    """Add the routes about models, health and metrics."""

    @app.get(
        "/v1/models",
        summary="The versions in the registry, and inputs and outputs of the one in service",
        responses=openapi.responses(ModelsResponse, 401),
    )
    def models() -> Response:
        return json_response(service.models())

    @app.get(
        "/v1/live",
        summary="What the live page shows",
        responses=openapi.responses(LiveResponse, 401, 404, 503),
    )
    async def live(series: str | None = None) -> Response:
        try:
            return json_response(service.live(series))
        except (NotReady, UnknownSeries) as error:
            return refusal_response(error)

    @app.get("/healthz", summary="Whether the process responds", responses=openapi.responses(HealthResponse))
    async def health() -> Response:
        return json_response(HealthResponse(status="ok"))

    @app.get(
        "/readyz",
        summary="Whether a model is loaded, compiled and warm",
        responses=openapi.responses(ReadyResponse)
        | {503: {"model": ReadyResponse, "description": "Not yet."}},
    )
    async def ready() -> Response:
        try:
            name = service.active().version.name
        except NotReady as reason:
            content = ReadyResponse(ready=False, version=None, reason=str(reason))
            return json_response(content, 503, {"Retry-After": str(RETRY_SECONDS)})
        return json_response(ReadyResponse(ready=True, version=name, reason=None))

    text = {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Counters and gauges."}

    @app.get(
        "/metrics",
        summary="For Prometheus",
        response_class=Response,
        responses=openapi.responses(None, 401) | {200: text},
    )
    async def metrics() -> Response:
        return Response(service.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")


def add_pages(app: FastAPI) -> None:
    """Add the HTML pages."""

    @app.get("/", include_in_schema=False)
    async def live() -> Response:
        return Response(live_page(), media_type="text/html", headers=SECURITY_HEADERS)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return Response(docs_page(), media_type="text/html", headers=SECURITY_HEADERS)


def _refuse(status: int, sentence: str, retry_seconds: int | None) -> Response:
    response = error_response(status, sentence, retry_seconds=retry_seconds)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _respond_to_http_error(request: Request, error: Any) -> Response:
    sentences = {
        404: "There is no such path: see /docs.",
        405: "This path does not take that method: see /docs.",
    }
    response = error_response(error.status_code, sentences.get(error.status_code, str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _respond_to_failure(request: Request, error: Exception) -> Response:
    return error_response(500, "The service failed at this request; its log has the details.")
