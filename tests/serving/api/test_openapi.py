"""The OpenAPI document, and generated calls held against it."""

from __future__ import annotations

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from serving.api import create_app
from serving.settings import Settings
from tests.serving.api.service_tools import quick_analyzer

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> object:
    home = tmp_path_factory.mktemp("home")
    app = create_app(Settings(home=home, model="fake", job_max_waiting=1), quick_analyzer())
    return schemathesis.openapi.from_asgi("/openapi.json", app)


schema = schemathesis.pytest.from_fixture("api")


@schema.include(method=["GET", "POST"]).parametrize()
@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_generated_calls_get_documented_answers(case: schemathesis.Case) -> None:
    case.call_and_validate(checks=CHECKS)


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
