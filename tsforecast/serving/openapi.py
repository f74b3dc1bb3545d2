"""Parts of the OpenAPI document that FastAPI does not derive: request bodies that the handlers read themselves."""

from typing import Any

from pydantic import BaseModel

from tsforecast.serving.responses import ARROW, ErrorResponse

REASONS = {
    401: "The bearer token is missing or wrong.",
    403: "The token does not have the scope that the request needs.",
    404: "No series in use has the name; only models of many series have names.",
    408: "The body did not arrive in time.",
    413: "The body is too large, or contains too many windows or rows.",
    415: "The body is neither JSON nor another of the content types above.",
    422: "The request is wrong; the sentence says where.",
    429: "Too many windows are waiting, or the client sends too many requests: try again after Retry-After seconds.",
    503: "No model is ready yet, no response in time, or the disk fails: try again after Retry-After seconds.",
}
PROTECTED = (403, 429)  # refusals of every route that needs a token
FORECAST_EXAMPLE = {
    "features": ["load", "pressure"],
    "windows": [{"time": "2024-01-31T13:45:00", "values": [[1.2, 0.4], [1.3, 0.4], [1.1, 0.5]]}],
}
OBSERVE_EXAMPLE = {"rows": [{"time": "2024-01-31T13:55:00", "values": {"load": 1.4}}]}
ROWS_EXAMPLE = {"rows": [{"time": "2024-01-31T13:45:00", "values": {"load": 1.2, "pressure": None}}]}
CSV_CONTENT = {"text/csv": {"schema": {"type": "string"}}}
ARROW_CONTENT = {ARROW: {"schema": {"type": "string", "format": "binary"}}}


def request_body(
    model: type[BaseModel], example: dict[str, Any], arrow: bool = False, csv: bool = False
) -> dict[str, Any]:
    """Return the ``requestBody`` of a route.

    Args:
        model: Schema of the JSON body.
        example: Example of it.
        arrow: Whether the route takes an Arrow stream as well.
        csv: Whether it takes CSV as well.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    content = {"application/json": {"schema": _inline(schema, definitions), "example": example}}
    return {
        "requestBody": {
            "required": True,
            "content": content | (ARROW_CONTENT if arrow else {}) | (CSV_CONTENT if csv else {}),
        }
    }


def responses(
    model: type[BaseModel] | None, *errors: int, arrow: bool = False
) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route.

    Args:
        model: Schema of the response.
        errors: Status codes of refusals; where 401 is one, 403 and 429 are, too.
        arrow: Whether the route can respond with an Arrow stream as well.
    """
    success: dict[str, Any] = {"description": "Success."}
    if model is not None:
        success["model"] = model
    if arrow:
        success["content"] = ARROW_CONTENT
    refusals: dict[int | str, Any] = {
        status: {"model": ErrorResponse, "description": REASONS[status]}
        for status in sorted({*errors, *(PROTECTED if 401 in errors else ())})
    }
    return {200: success, **refusals}


def _inline(schema: object, definitions: dict[str, Any]) -> object:
    """Return a schema with every reference replaced by what it refers to."""
    if isinstance(schema, list):
        return [_inline(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions)
    return {key: _inline(value, definitions) for key, value in schema.items()}
