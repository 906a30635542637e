"""The operations of an OpenAPI document, each as a tool: the specification for models, and how it is called."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

from fastback.features.tools.openapi.schemas import (
    SchemaResolver,
    clean_schema,
    get_properties,
    get_required,
    merge_all_of,
)

Json = dict[str, Any]

#: Methods whose requests have a body.
METHODS_WITH_BODY = frozenset(("post", "put", "patch", "delete"))
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
#: Operations of one document, and characters of a description.
MAX_OPERATIONS, MAX_DESCRIPTION = 2_000, 10_000
#: Names of functions that model servers accept.
MAX_NAME_LENGTH = 64
_INVALID_IN_NAME = re.compile(r"[^A-Za-z0-9_-]")
_FORM = "application/x-www-form-urlencoded"
#: The tool of terminals that shows a file on the page, and parameters of it that the page takes.
DISPLAY_FILE = "display_file"
_DISPLAY_PARAMETERS: Json = {
    "inline": {"type": "boolean", "description": "Show the file inside the chat message, not in the file viewer."},
    "page": {
        "type": "integer",
        "minimum": 1,
        "description": "Number of the page or slide at which a PDF, DOCX or PPTX file opens, from 1.",
    },
}
_DISPLAY_HINT = (
    "With inline=true the file is shown inside the chat message, otherwise in the file viewer. Set page to open a PDF, "
    "DOCX or PPTX file at that page or slide. A file that was displayed needs no Markdown, and is not displayed again."
)


class Parameter(msgspec.Struct, frozen=True):
    """A parameter beside the body; `location` is `path`, `query` or `header`."""

    name: str
    location: str
    is_required: bool


class RequestBody(msgspec.Struct, frozen=True):
    """The body of an operation's requests.

    Attributes:
        names: arguments that are its fields.
        argument: the argument that is the whole body, where that is no object with known fields; empty elsewhere.
        is_form: whether it is a form; otherwise it is JSON.
    """

    names: frozenset[str] = frozenset()
    argument: str = ""
    is_form: bool = False


class Operation(msgspec.Struct, frozen=True):
    """An operation; `name` is its id as a name that models accept, `spec` the specification of the tool."""

    id: str
    name: str
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: RequestBody | None
    spec: Json


def list_operations(document: Json) -> tuple[Operation, ...]:
    """Return the operations of a document that have an id, in their order."""
    resolver = SchemaResolver(document)
    operations: list[Operation] = []
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(item, dict) or not isinstance(path, str):
            continue
        for method, fields in item.items():
            if method not in METHODS or not isinstance(fields, dict):
                continue
            operation_id = fields.get("operationId")
            if isinstance(operation_id, str) and operation_id and len(operations) < MAX_OPERATIONS:
                resolver.begin_operation()
                operations.append(_build_operation(resolver, method, path, item, fields))
                resolver.end_operation()
    return tuple(operations)


def build_function_name(operation_id: str) -> str:
    """Return an operation's id with only the characters, and the length, that model servers accept."""
    name = _INVALID_IN_NAME.sub("_", operation_id)
    if len(name) > MAX_NAME_LENGTH:
        name = f"{name[:55]}_{hashlib.sha256(operation_id.encode()).hexdigest()[:8]}"
    return name


def _build_operation(resolver: SchemaResolver, method: str, path: str, item: Json, fields: Json) -> Operation:
    operation_id = fields["operationId"]
    properties: Json = {}
    required: list[str] = []
    parameters: list[Parameter] = []
    for declared in _list_parameters(resolver, item, fields):
        name, location = declared["name"], declared["in"]
        parameters.append(Parameter(name, location, bool(declared.get("required"))))
        properties[name] = _build_property(resolver, declared)
        if declared.get("required"):
            required.append(name)
    has_body = method in METHODS_WITH_BODY
    body = _add_body(resolver, fields.get("requestBody"), properties, required) if has_body else None
    description = _get_description(fields)
    if operation_id == DISPLAY_FILE:
        description = f"{description} {_DISPLAY_HINT}"
        properties |= _DISPLAY_PARAMETERS
    name = build_function_name(operation_id)
    schema = {"type": "object", "properties": properties, "required": list(dict.fromkeys(required))}
    return Operation(
        id=operation_id,
        name=name,
        method=method,
        path=path,
        parameters=tuple(parameters),
        body=body,
        spec={"name": name, "description": description, "parameters": schema},
    )


def _get_description(fields: Json) -> str:
    for name in ("description", "summary"):
        if isinstance(fields.get(name), str):
            return str(fields[name])[:MAX_DESCRIPTION]
    return "No description available."


def _list_parameters(resolver: SchemaResolver, item: Json, fields: Json) -> list[Json]:
    """Return the parameters of an operation: those of its path, replaced by its own with the same name and place."""
    parameters: dict[tuple[str, str], Json] = {}
    for declared in (item.get("parameters"), fields.get("parameters")):
        for value in declared if isinstance(declared, list) else ():
            parameter = resolver.follow_reference(value)
            name, location = parameter.get("name"), parameter.get("in")
            if isinstance(name, str) and name and location in ("path", "query", "header"):
                parameters[name, location] = parameter
    return list(parameters.values())


def _build_property(resolver: SchemaResolver, declared: Json) -> Json:
    """Return the schema of a parameter, with its possible values in the description."""
    schema = resolver.resolve(declared.get("schema"))
    clean_schema(schema)
    texts = (schema.get("description"), declared.get("description"))
    description = next((text for text in texts if isinstance(text, str) and text), "")[:MAX_DESCRIPTION]
    values = schema.get("enum")
    if isinstance(values, list) and values:
        description += f". Possible values: {', '.join(map(str, values))}"
    names = ("type", "items", "anyOf", "oneOf", "allOf")
    result = {name: schema[name] for name in names if schema.get(name) is not None}
    return {**(result or {"type": "string"}), "description": description}


def _add_body(resolver: SchemaResolver, declared: Any, properties: Json, required: list[str]) -> RequestBody | None:
    """Return the body of an operation; its fields are added to the properties and the required names, in place."""
    request_body = resolver.follow_reference(declared)
    content = request_body.get("content")
    if not isinstance(content, dict) or not content:
        return None
    media_types = [media_type for media_type in content if isinstance(media_type, str)]
    is_json = [media_type for media_type in media_types if media_type.partition(";")[0].endswith(("/json", "+json"))]
    media_type = next(iter([*is_json, *(value for value in media_types if value == _FORM)]), None)
    media = content.get(media_type)
    if media_type is None or not isinstance(media, dict) or not media.get("schema"):
        return RequestBody()
    is_form = media_type == _FORM
    schema = merge_all_of(resolver.resolve(media["schema"]))
    clean_schema(schema)
    fields = get_properties(schema)
    if fields or is_form:
        properties |= fields
        required += [name for name in get_required(schema) if name in properties]
        return RequestBody(frozenset(fields), is_form=is_form)
    argument = next(name for name in ("body", "request_body", "json_body") if name not in properties)
    properties[argument] = schema if len(schema) > 1 or schema.get("type") != "string" else {"type": "object"}
    if request_body.get("required"):
        required.append(argument)
    return RequestBody(argument=argument)
