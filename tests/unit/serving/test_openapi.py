"""Bodies of requests in the OpenAPI document."""

import json

from pydantic import BaseModel

from tsforecast.serving.openapi import FORECAST_EXAMPLE, OBSERVE_EXAMPLE, REASONS, request_body, responses
from tsforecast.serving.requests import ForecastRequest, ObserveRequest


class Answer(BaseModel):
    """A response."""

    value: float


def test_bodies_have_no_references_and_valid_examples():
    for model, example in ((ForecastRequest, FORECAST_EXAMPLE), (ObserveRequest, OBSERVE_EXAMPLE)):
        content = request_body(model, example)["requestBody"]["content"]
        assert list(content) == ["application/json"]
        assert "$ref" not in json.dumps(content)
        model.model_validate(content["application/json"]["example"])


def test_an_arrow_stream_is_a_second_kind_of_body():
    assert len(request_body(ForecastRequest, FORECAST_EXAMPLE, arrow=True)["requestBody"]["content"]) == 2


def test_refusals_have_a_reason():
    by_status = responses(Answer, 401, 422)
    assert by_status[200]["model"] is Answer
    assert [by_status[status]["description"] for status in (401, 422)] == [REASONS[401], REASONS[422]]
    assert "model" not in responses(None)[200]
