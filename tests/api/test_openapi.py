"""The API documentation: the OpenAPI document and the page that shows it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from conftest import Reply, run_server
from fastback import REFERENCE_VERSION
from fastback.compatibility.operations import Operation, list_operations

#: Operations that Open WebUI does not have; some are its own under a second path.
OWN_OPERATIONS = {
    ("GET", "/api/v1/models/{}"),
    ("GET", "/api/v1/retrieval/query"),
    ("GET", "/cache"),
    ("GET", "/openai/v1/models"),
    ("POST", "/api/v1/knowledge"),
    ("POST", "/api/v1/models"),
    ("POST", "/openai/v1/chat/completions"),
    ("POST", "/openai/v1/responses"),
    ("PUT", "/api/v1/users/{}"),
}
ACCEPTED = [{"HTTPBearer": []}, {"APIKeyHeader": []}]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reply]:
    """The responses of one server: its document takes a while to build."""

    async def fetch_pages() -> dict[str, Reply]:
        directory = tmp_path_factory.mktemp("openapi")
        async with run_server({"CUSTOM_API_KEY_HEADER": "X-Fastback-Key"}, directory, "sqlite") as server:
            visitor = server.stranger()
            return {path: await visitor.get(path) for path in ("/openapi.json", "/docs")}

    return asyncio.run(fetch_pages())


@pytest.fixture
def document(pages: dict[str, Reply]) -> Any:
    return pages["/openapi.json"].ok()


def _list_described(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _get_content(document: Any, method: str, path: str, kind: str = "application/json") -> Any:
    """Return the schema of a body, with its reference resolved."""
    schema = document["paths"][path][method]["requestBody"]["content"][kind]["schema"]
    reference = schema.get("$ref")
    return document["components"]["schemas"][reference.rsplit("/", 1)[1]] if reference else schema


@pytest.mark.slow
@pytest.mark.timeout(400)  # 15 seconds of work, on a processor of its own
def test_the_document_is_valid(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Open WebUI", "version": REFERENCE_VERSION}
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_every_operation_is_described_once(document: Any) -> None:
    described = Counter(Operation(method, path).shape for method, path, _ in _list_described(document))
    expected = {operation.shape for operation in list_operations()}
    assert set(described) == expected | OWN_OPERATIONS
    assert set(described.values()) == {1}
    assert not expected & OWN_OPERATIONS


def test_operation_ids_are_unique(document: Any) -> None:
    ids = [operation["operationId"] for _, _, operation in _list_described(document)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"\w+", operation_id) for operation_id in ids)
    assert document["paths"]["/api/v1/folders/"]["post"]["operationId"] == "create_folder_api_v1_folders__post"


def test_path_parameters_are_those_of_the_path(document: Any) -> None:
    for method, path, operation in _list_described(document):
        names = {entry["name"] for entry in operation.get("parameters", ()) if entry["in"] == "path"}
        assert names == set(re.findall(r"{([^}]*)}", path)), (method, path)


def test_query_parameters_have_types_defaults_and_limits(document: Any) -> None:
    parameters = document["paths"]["/api/v1/files/search"]["get"]["parameters"]
    assert parameters == [
        {"name": "filename", "in": "query", "required": True, "schema": {"type": "string"}},
        {"name": "content", "in": "query", "required": False, "schema": {"type": "boolean", "default": True}},
        {"name": "skip", "in": "query", "required": False, "schema": {"type": "integer", "minimum": 0, "default": 0}},
        {
            "name": "limit",
            "in": "query",
            "required": False,
            "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
        },
    ]


def test_bodies_are_the_forms_that_handlers_read(document: Any) -> None:
    sign_in = _get_content(document, "post", "/api/v1/auths/signin")
    assert set(sign_in["required"]) == {"email", "password"}
    assert document["paths"]["/api/v1/auths/signin"]["post"]["requestBody"]["required"] is True
    # The whole document of settings is stored, but these fields are checked.
    assert "ui" in _get_content(document, "post", "/api/v1/users/user/settings/update")["properties"]


@pytest.mark.parametrize(
    ("path", "fields", "required"),
    [
        ("/api/v1/files/", {"file", "metadata"}, {"file"}),
        ("/api/v1/pipelines/upload", {"urlIdx", "file"}, {"urlIdx", "file"}),
        ("/api/v1/skills/import", {"files", "decisions"}, {"files", "decisions"}),
        ("/api/v1/skills/import/preview", {"files"}, {"files"}),
        ("/ollama/models/upload", {"file"}, {"file"}),
    ],
)
def test_uploads_are_multipart_forms(document: Any, path: str, fields: set[str], required: set[str]) -> None:
    schema = _get_content(document, "post", path, "multipart/form-data")
    assert set(schema["properties"]) == fields
    assert set(schema["required"]) == required


def test_operations_name_the_credentials_that_they_need(document: Any) -> None:
    schemes = document["components"]["securitySchemes"]
    assert schemes["HTTPBearer"] == {"type": "http", "scheme": "bearer"}
    assert schemes["APIKeyHeader"] == {"type": "apiKey", "in": "header", "name": "X-Fastback-Key"}
    paths = document["paths"]
    assert paths["/api/v1/folders/"]["get"]["security"] == ACCEPTED
    deletion = paths["/api/v1/files/all"]["delete"]
    assert deletion["description"].endswith("Requires an administrator.")
    assert deletion["responses"]["401"] == {"$ref": "#/components/responses/Unauthorized"}
    assert "security" not in paths["/api/version"]["get"]


def test_responses_have_the_types_that_handlers_return(document: Any) -> None:
    def get_schema(method: str, path: str) -> Any:
        return document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]

    assert get_schema("get", "/api/v1/files/count") == {"type": "integer"}
    assert get_schema("post", "/api/v1/folders/") == {"$ref": "#/components/schemas/Folder"}
    # This handler returns one of two structs, with headers.
    names = ("Session", "NextStep")
    sign_in = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}
    assert get_schema("post", "/api/v1/auths/signin") == sign_in
    assert "content" not in document["paths"]["/opensearch.xml"]["get"]["responses"]["200"]


def test_invalid_requests_have_their_response_described(document: Any) -> None:
    responses = document["paths"]["/api/v1/folders/"]["post"]["responses"]
    assert responses["422"] == {"$ref": "#/components/responses/Invalid"}
    assert "422" not in document["paths"]["/api/v1/folders/"]["get"]["responses"]
    problem = document["components"]["schemas"]["ValidationError"]
    assert set(problem["properties"]) == {"loc", "msg", "type", "input", "ctx"}
    assert set(problem["required"]) == {"loc", "msg", "type"}


def test_operations_that_are_not_built_say_so(document: Any) -> None:
    refused = [operation for _, _, operation in _list_described(document) if "501" in operation["responses"]]
    for operation in refused:
        assert operation["summary"] == "Not built"
        assert list(operation["responses"]) == ["501"]
        assert "Respond with 501" in operation["description"]


def test_the_page_shows_the_document_with_the_frontends_swagger_ui(pages: dict[str, Reply]) -> None:
    page = pages["/docs"]
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'url: "/openapi.json"' in page.text
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page.text)) == {
        f"/static/swagger-ui/{name}" for name in ("swagger-ui.css", "favicon.png", "swagger-ui-bundle.js")
    }


async def test_a_server_in_production_has_no_documentation(start_server: Callable[..., Any]) -> None:
    async with start_server(ENV="prod") as server:
        visitor = server.stranger()
        unknown = await visitor.get("/nothing")
        for path in ("/openapi.json", "/docs"):
            reply = await visitor.get(path)
            assert (reply.status, reply.body) == (unknown.status, unknown.body)
