"""Schemas and examples of the HTTP interface, as its OpenAPI page shows them."""

from typing import Any

from tsforecast.serving.responses import ARROW

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_TIME = {"type": "string", "format": "date-time"}
_LOCAL_TIME = {
    "type": "string",
    "description": "ISO 8601, without an offset",
    "examples": ["2010-11-26T21:02:00"],
}


def _object(
    properties: dict[str, Any], *, optional: tuple[str, ...] = (), strict: bool = False
) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    made: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
    return {**made, "additionalProperties": False} if strict else made


def _list(items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _map(values: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


_BY_TARGET = _map(_list(_nullable(_NUMBER)))
_INTERVALS = _object(
    {"nominal": _NUMBER, "observed": _nullable(_NUMBER), "truths": {"type": "integer", "minimum": 0}}
)
WINDOW = _object({"time": _TIME, "values": _list(_list(_NUMBER), minItems=1)}, strict=True)
FORECAST_REQUEST = _object(
    {"windows": _list(WINDOW, minItems=1), "features": _nullable(_list(_TEXT))},
    optional=("features",),
    strict=True,
)
FORECAST = _object(
    {
        "made_at": _LOCAL_TIME,
        "times": _list(_LOCAL_TIME),
        "forecast": _BY_TARGET,
        "lower": _BY_TARGET,
        "upper": _BY_TARGET,
        "quantiles": _map(_BY_TARGET),
        "spike_probability": _BY_TARGET,
        "weights": _map(_NUMBER),
    },
    optional=("quantiles", "spike_probability", "weights"),
)
FORECAST_ANSWER = _object(
    {
        "version": _TEXT,
        "unit": _TEXT,
        "targets": _list(_TEXT),
        "coverage": _NUMBER,
        "forecasts": _list(FORECAST),
    }
)
OBSERVE_REQUEST = _object(
    {
        "rows": _list(
            _object({"time": _TIME, "values": {**_map(_NUMBER), "minProperties": 1}}, strict=True), minItems=1
        )
    },
    strict=True,
)
OBSERVE_ANSWER = _object(
    {"rows": {"type": "integer"}, "matched": {"type": "integer"}, "intervals": _INTERVALS}
)
MODELS_ANSWER = _object(
    {
        "champion": _nullable(_TEXT),
        "serving": _nullable(_TEXT),
        "trouble": _nullable(_TEXT),
        "input": _nullable({"type": "object"}),
        "models": _list({"type": "object"}),
    }
)
ERROR = _object({"error": _TEXT})
READY = _object({"ready": {"type": "boolean"}, "version": _nullable(_TEXT), "reason": _nullable(_TEXT)})

FORECAST_EXAMPLE = {
    "features": ["load", "pressure"],
    "windows": [{"time": "2024-01-31T13:45:00", "values": [[1.2, 0.4], [1.3, 0.4], [1.1, 0.5]]}],
}
OBSERVE_EXAMPLE = {"rows": [{"time": "2024-01-31T13:55:00", "values": {"load": 1.4}}]}

REASONS = {
    401: "No bearer token, or another one.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or brings too many windows or rows.",
    415: "The body is neither JSON nor, for forecasts, an Arrow stream.",
    422: "The request is wrong; the sentence says where.",
    429: "Too many windows wait: try again after Retry-After seconds.",
    503: "No model is ready yet, or no answer in time: try again after Retry-After seconds.",
}


def json_body(schema: dict[str, Any], example: dict[str, Any], arrow: bool = False) -> dict[str, Any]:
    """The ``requestBody`` of a route."""
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    if arrow:
        content[ARROW] = {"schema": {"type": "string", "format": "binary"}}
    return {"requestBody": {"required": True, "content": content}}


def answers(schema: dict[str, Any], *errors: int, arrow: bool = False) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of a route."""
    content: dict[str, Any] = {"application/json": {"schema": schema}}
    if arrow:
        content[ARROW] = {"schema": {"type": "string", "format": "binary"}}
    made: dict[int | str, dict[str, Any]] = {200: {"description": "The answer.", "content": content}}
    for status in errors:
        made[status] = {
            "description": REASONS[status],
            "content": {"application/json": {"schema": ERROR}},
        }
    return made
