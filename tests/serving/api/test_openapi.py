"""The OpenAPI document, and generated calls held against it."""

from __future__ import annotations

from pathlib import Path

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.api import create_app
from serving.settings import Settings
from tests.serving.api.service_tools import quick_analyzer

hypothesis_settings = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_generated_calls_get_documented_answers(tmp_path: Path) -> None:
    chosen = Settings(home=tmp_path, model="fake", job_max_waiting=1)
    app = create_app(chosen, quick_analyzer())
    api = schemathesis.openapi.from_asgi("/openapi.json", app)
    called = 0
    for found in api.get_all_operations():
        operation = found.ok()

        @hypothesis_settings
        @given(case=operation.as_strategy())
        def check(case: schemathesis.Case) -> None:
            nonlocal called
            called += 1
            case.call_and_validate(checks=CHECKS)

        check()
    assert called > 15
    app.state.service.close()


def test_every_route_documents_its_refusals_in_the_envelope(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if status >= "400":
                    found = response["content"]["application/json"]["schema"]
                    assert found == {"$ref": "#/components/schemas/ErrorBody"}, (path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_examples_are_chinese_and_valid(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    example = document["components"]["schemas"]["AnalyzeRequest"]["examples"][0]
    assert any("\u4e00" <= c <= "\u9fff" for c in str(example))
    assert client.post("/v1/analyze", json=example).status_code == 200
    comment = document["components"]["schemas"]["CommentsRequest"]["properties"]["comments"]
    body = {"comments": comment["examples"][0]}
    assert client.post("/v1/comments", json=body).status_code == 200


def test_closed_routes_name_the_key(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    assert document["paths"]["/v1/analyze"]["post"]["security"] == [{"key": []}]
    assert "security" not in document["paths"]["/healthz"]["get"]
