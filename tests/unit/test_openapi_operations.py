"""Operations of OpenAPI documents as tools: specifications, and the requests that arguments become."""

from __future__ import annotations

from typing import Any

import pytest

from fastback.completions.tools.offered_tool import ToolError
from fastback.completions.tools.servers.operation_requests import OperationRequest, build_operation_request
from fastback.features.tools.openapi.operations import Operation, list_operations

Json = dict[str, Any]


def build_operation(fields: Json, *, path: str = "/x", method: str = "post", **components: Any) -> Operation:
    document = {"paths": {path: {method: {"operationId": "run", **fields}}}, "components": components}
    (operation,) = list_operations(document)
    return operation


def build_request(operation: Operation, arguments: Json, **headers: str) -> OperationRequest:
    return build_operation_request("http://tools.local/v1/", operation, arguments, headers)


def test_fields_of_several_schemas_are_one_body() -> None:
    base = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}
    schema = {"allOf": [{"$ref": "#/components/schemas/Base"}, {"properties": {"name": {"default": None}}}]}
    fields = {"requestBody": {"content": {"application/json; charset=utf-8": {"schema": schema}}}}
    operation = build_operation(fields, schemas={"Base": base})
    assert operation.spec["parameters"] == {
        "type": "object",
        "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
        "required": ["id"],
    }
    request = build_request(operation, {"id": 1, "name": None})
    assert (request.body, request.headers) == (b'{"id":1,"name":null}', {"Content-Type": "application/json"})
    assert str(request.url) == "http://tools.local/v1/x"


def test_forms_are_sent_as_forms() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "array"}}}
    fields = {"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}}
    operation = build_operation(fields)
    assert operation.spec["parameters"]["properties"]["b"] == {"type": "array", "items": {"type": "string"}}
    request = build_request(operation, {"a": "x y", "b": [1, True]})
    assert request.body == b"a=x+y&b=1&b=true"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("schema", "offered"),
    [
        ({"type": "array", "items": {"type": "integer"}}, {"type": "array", "items": {"type": "integer"}}),
        ({"type": "object"}, {"type": "object"}),
        ({"x-any": True}, {"x-any": True, "type": "string"}),
        ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, {"oneOf": [{"type": "string"}, {"type": "integer"}]}),
    ],
)
def test_any_other_body_is_one_argument(schema: Json, offered: Json) -> None:
    fields = {
        "parameters": [{"name": "body", "in": "query", "schema": {"type": "string"}}],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
    }
    operation = build_operation(fields)
    assert operation.spec["parameters"]["properties"]["request_body"] == offered
    assert operation.spec["parameters"]["required"] == ["request_body"]
    request = build_request(operation, {"body": "q", "request_body": [1]})
    assert (str(request.url), request.body) == ("http://tools.local/v1/x?body=q", b"[1]")


def test_values_are_written_as_in_json() -> None:
    parameters = [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "boolean"}},
        {"name": "where", "in": "query", "schema": {"type": "object"}},
        {"name": "X-Flag", "in": "header", "schema": {}},
        {"name": "Cookie", "in": "header", "schema": {}},
        {"name": "x-taken", "in": "header", "schema": {}},
        {"name": "c", "in": "cookie", "schema": {}},
    ]
    operation = build_operation({"parameters": parameters}, path="/a b/{id}/{other}", method="get")
    arguments = {"id": False, "where": {"a": "ü"}, "X-Flag": "1\r\nevil: 1", "Cookie": "a=b", "x-taken": "2"}
    request = build_request(operation, arguments, **{"X-Taken": "1"})
    url = "http://tools.local/v1/a%20b/false/%7Bother%7D?where=%7B%22a%22%3A+%22%C3%BC%22%7D"
    assert (request.url.raw_path_qs, request.body) == (url.removeprefix("http://tools.local"), None)
    assert request.headers["X-Flag"] == "1%0D%0Aevil: 1"
    assert request.headers["X-Taken"] == "1"
    assert not {"Cookie", "x-taken"} & request.headers.keys()
    assert "c" not in operation.spec["parameters"]["properties"]
    for value in ("", None, ".", ".."):
        with pytest.raises(ToolError):
            build_request(operation, {"id": value})


def test_documents_of_any_shape_have_operations_or_none() -> None:
    for paths in (None, [], {"/x": []}, {"/x": {"get": []}}, {"/x": {"get": {"operationId": []}}}, {1: {}}):
        assert list_operations({"paths": paths}) == ()
    deep: Json = {"type": "string"}
    for _ in range(200):
        deep = {"type": "object", "properties": {"in": deep}}
    operation = build_operation({"requestBody": {"content": {"application/json": {"schema": deep}}}})
    assert "in" in operation.spec["parameters"]["properties"]
