"""Describe routes in an OpenAPI 3.1 document, from the signatures and docstrings of their handlers.

The module is imported when the document is first requested: a server without such a request saves its memory.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from fastback.kit.http.body import JsonBytes, WithHeaders
from fastback.kit.http.routing import FormField, Route
from fastback.kit.http.signature import MISSING, HandlerSignature, Parameter, read_signature
from fastback.kit.http.validation import UNIONS, find_checked_form, strip_optional

Schema = dict[str, Any]

_PARAMETER, _SYMBOL, _VERSION = re.compile(r"{[^{}]*}"), re.compile(r"\W"), re.compile(r"v\d+")
_FILE: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
_FORM_SCHEMAS: dict[str, Schema] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "file": _FILE,
    "files": {"type": "array", "items": _FILE},
}


class ValidationError(msgspec.Struct):
    """What is invalid in a request, and where."""

    loc: list[str | int]
    msg: str
    type: str
    input: Any = None
    ctx: dict[str, Any] = {}


class HTTPValidationError(msgspec.Struct):
    """The response to an invalid request."""

    detail: list[ValidationError]


class ErrorResponse(msgspec.Struct):
    """The response to a request that failed."""

    detail: Any


#: Responses that many operations share, by status: their names, descriptions and types.
_ERRORS: dict[str, tuple[str, tuple[str, type]]] = {
    "401": ("Unauthorized", ("The caller is not signed in, or has the wrong role.", ErrorResponse)),
    "422": ("Invalid", ("The request is invalid.", HTTPValidationError)),
    "501": ("NotBuilt", ("The operation is not built.", ErrorResponse)),
}


class _Schemas:
    """JSON schemas of types, all translated in one call: structs with the same name then get different names."""

    def __init__(self) -> None:
        self._kinds: list[Any] = []
        self._schemas: list[Schema] = []

    def add(self, kind: Any) -> Schema:
        """Return the schema of a type; it is empty until `translate` fills it in."""
        if typing.get_origin(kind) in UNIONS:
            # msgspec translates only unions whose members it can tell apart when it decodes them.
            return {"anyOf": [self.add(member) for member in typing.get_args(kind)]}
        schema: Schema = {}
        self._kinds.append(kind)
        self._schemas.append(schema)
        return schema

    def translate(self) -> dict[str, Schema]:
        """Fill in every schema, and return the components that they refer to."""
        translated, components = msgspec.json.schema_components(
            self._kinds, ref_template="#/components/schemas/{name}", schema_hook=lambda kind: {"title": kind.__name__}
        )
        for schema, content in zip(self._schemas, translated, strict=True):
            schema.update(content)
        return components


def build_document(
    routes: Sequence[Route],
    *,
    title: str,
    version: str,
    security_schemes: dict[str, Schema],
    has_service: Callable[[Any], bool],
) -> bytes:
    """Return the document as JSON.

    Each of the security schemes gives access to the operations that resolve their caller.
    """
    schemas = _Schemas()
    error_responses = {
        name: {"description": description, "content": {"application/json": {"schema": schemas.add(kind)}}}
        for name, (description, kind) in _ERRORS.values()
    }
    #: By shape: two paths that differ only in the names of their parameters are the same path.
    paths: dict[str, tuple[Route, Schema]] = {}
    for route in routes:
        first, operations = paths.setdefault(_get_shape(route.path), (route, {}))
        if route.method.lower() not in operations:
            operations[route.method.lower()] = _describe_operation(
                route, first, schemas, list(security_schemes), has_service
            )
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {"title": title, "version": version},
            "paths": {_format_path(first): operations for first, operations in paths.values()},
            "components": {
                "responses": error_responses,
                "schemas": schemas.translate(),
                "securitySchemes": security_schemes,
            },
        }
    )


def _get_shape(path: str) -> str:
    return _PARAMETER.sub("{}", path).rstrip("/")


def _format_path(route: Route) -> str:
    return route.path.replace(":path}", "}")


def _describe_operation(
    route: Route, first: Route, schemas: _Schemas, scheme_names: list[str], has_service: Callable[[Any], bool]
) -> Schema:
    """Describe the operation of a route; its path and path parameters are written as those of `first`."""
    names = route.list_path_names()
    signature = read_signature(route.handler, names, has_service)
    path = _format_path(first)
    name = route.handler.__name__ if route.is_built else "not_built"
    operation: Schema = {
        "operationId": _SYMBOL.sub("_", name + path) + "_" + route.method.lower(),
        "summary": name.replace("_", " ").capitalize(),
    }
    tag = _find_tag(path)
    if tag:
        operation["tags"] = [tag]
    description = _describe_handler(route.handler, signature)
    if description:
        operation["description"] = description
    parameters = _describe_parameters(names, first.list_path_names(), signature, schemas)
    if parameters:
        operation["parameters"] = parameters
    body = _describe_form(route.form) if route.form else _describe_body(signature.body, schemas)
    if body:
        operation["requestBody"] = body
    if signature.resolvers:
        operation["security"] = [{scheme: []} for scheme in scheme_names]
        if not _get_required_caller(signature):
            operation["security"].append({})
    operation["responses"] = _describe_responses(
        route, signature, schemas, may_be_invalid=bool(signature.path or signature.query or body)
    )
    return operation


def _find_tag(path: str) -> str | None:
    """Return the resource of a path: its first segment after `/api/v1`, if other segments may follow it."""
    segments = [segment for segment in path.split("/") if segment]
    resource = [segment for segment in segments if segment != "api" and not _VERSION.fullmatch(segment)][:1]
    return resource[0] if resource and len(segments) > 1 and not resource[0].startswith("{") else None


def _get_required_caller(signature: HandlerSignature) -> str:
    return next((resolver.required_caller for _, resolver in signature.resolvers if resolver.required_caller), "")


def _describe_handler(handler: Callable[..., Any], signature: HandlerSignature) -> str:
    """Return the handler's docstring without the errors that it raises, and who may call it."""
    text = _read_docstring(handler).partition("Raises:")[0].strip()
    caller = _get_required_caller(signature)
    return "\n\n".join(part for part in (text, f"Requires {caller}." if caller else "") if part)


def _read_docstring(handler: Callable[..., Any]) -> str:
    """Return the docstring of a handler, from its source where the interpreter leaves docstrings out (`-OO`)."""
    if sys.flags.optimize < 2:
        return inspect.getdoc(handler) or ""
    try:
        function = ast.parse(textwrap.dedent(inspect.getsource(handler))).body[0]
    except (OSError, SyntaxError):
        return ""
    return ast.get_docstring(function) or "" if isinstance(function, ast.AsyncFunctionDef) else ""


def _describe_parameters(
    names: Sequence[str], shown_names: Sequence[str], signature: HandlerSignature, schemas: _Schemas
) -> list[Schema]:
    """Describe path and query parameters; those of the path are shown under other names where they have some."""
    kinds = {parameter.name: strip_optional(parameter.kind)[0] for parameter in signature.path}
    described: list[Schema] = [
        {"name": shown_name, "in": "path", "required": True, "schema": schemas.add(kinds.get(name, str))}
        for name, shown_name in zip(names, shown_names, strict=True)
    ]
    for name, kind, default in signature.query:
        schema = schemas.add(strip_optional(kind)[0])
        if default is not MISSING and default is not None:
            schema["default"] = msgspec.to_builtins(default)
        described.append({"name": name, "in": "query", "required": default is MISSING, "schema": schema})
    return described


def _describe_body(body: Parameter | None, schemas: _Schemas) -> Schema | None:
    if body is None:
        return None
    checked_form = find_checked_form(body.kind)
    schema = schemas.add(body.kind if checked_form is None else checked_form.form)
    return {"required": body.default is MISSING, "content": {"application/json": {"schema": schema}}}


def _describe_form(fields: Sequence[FormField]) -> Schema:
    schema = {
        "type": "object",
        "properties": {field.name: _FORM_SCHEMAS[field.kind] for field in fields},
        "required": [field.name for field in fields if field.required],
    }
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _describe_responses(
    route: Route, signature: HandlerSignature, schemas: _Schemas, *, may_be_invalid: bool
) -> dict[str, Schema]:
    if not route.is_built:
        return {"501": _refer_to_error("501")}
    responses: dict[str, Schema] = {"200": {"description": "Successful response"}}
    kinds = _list_result_types(signature.result)
    if kinds:
        content = [schemas.add(kind) for kind in kinds]
        schema = content[0] if len(content) == 1 else {"anyOf": content}
        responses["200"]["content"] = {"application/json": {"schema": schema}}
    if _get_required_caller(signature):
        responses["401"] = _refer_to_error("401")
    if may_be_invalid:
        responses["422"] = _refer_to_error("422")
    return responses


def _refer_to_error(status: str) -> Schema:
    return {"$ref": f"#/components/responses/{_ERRORS[status][0]}"}


def _list_result_types(result: Any) -> list[Any]:
    """List the types of the JSON that a handler returns; responses of other or unknown content have none."""
    members = typing.get_args(result)
    if typing.get_origin(result) in (*UNIONS, WithHeaders):
        return [kind for member in members for kind in _list_result_types(member)]
    if result is JsonBytes:
        return [Any]
    return [] if isinstance(result, type) and issubclass(result, Response) else [result]
