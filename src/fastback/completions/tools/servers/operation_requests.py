"""The request of an operation with a model's arguments: its URL, its headers and its body."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from yarl import URL

from fastback.completions.tools.offered_tool import ToolError
from fastback.features.tools.openapi.operations import METHODS_WITH_BODY, Operation

Json = dict[str, Any]

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
#: Characters of a document's path that are sent as they are.
_PATH_CHARACTERS = "/:@!$&'()*+,;=-._~%"
#: Headers that a model does not set.
_RESERVED_HEADERS = frozenset(
    ("accept", "authorization", "connection", "cookie", "host", "transfer-encoding", "upgrade")
)


class OperationRequest(msgspec.Struct, frozen=True):
    """A request: method, URL, headers, and the encoded body; None without one."""

    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None


def build_operation_request(
    base_url: str, operation: Operation, arguments: Json, headers: dict[str, str]
) -> OperationRequest:
    """Return the request of an operation; `headers` are those of the connection, which arguments do not replace.

    Raises:
        ToolError: a value for the path is missing, or would lead to another path.
    """
    url = _build_url(base_url, operation, arguments)
    taken_names = {name.lower() for name in headers}
    own_headers = {
        parameter.name: quote(_format_value(arguments[parameter.name]), safe=" \t!\"#$%&'()*+,-./:;<=>?@[]^_`{|}~")
        for parameter in operation.parameters
        if parameter.location == "header"
        and arguments.get(parameter.name) is not None
        and _may_set_header(parameter.name, taken_names)
    }
    content_type, body = _build_body(operation, arguments)
    if "content-type" not in taken_names:
        own_headers["Content-Type"] = content_type
    return OperationRequest(operation.method.upper(), url, {**headers, **own_headers}, body)


def _may_set_header(name: str, taken_names: set[str]) -> bool:
    lower = name.lower()
    if lower in taken_names or lower in _RESERVED_HEADERS or lower.startswith("content-"):
        return False
    return _HEADER_NAME.fullmatch(name) is not None


def _build_url(base_url: str, operation: Operation, arguments: Json) -> URL:
    names = {parameter.name for parameter in operation.parameters if parameter.location == "path"}

    def fill_in(match: re.Match[str]) -> str:
        name = match[1]
        if name not in names:
            return quote(match[0])
        value = arguments.get(name)
        if value is None or value == "":
            raise ToolError(f"The parameter {name} is missing.")
        text = _format_value(value)
        if text in (".", ".."):
            raise ToolError(f"The value of the parameter {name} is invalid.")
        return quote(text, safe="")

    parts: list[str] = []
    position = 0
    for match in _PLACEHOLDER.finditer(operation.path):
        parts += [quote(operation.path[position : match.start()], safe=_PATH_CHARACTERS), fill_in(match)]
        position = match.end()
    parts.append(quote(operation.path[position:], safe=_PATH_CHARACTERS))
    query = [
        (parameter.name, _format_value(value))
        for parameter in operation.parameters
        if parameter.location == "query"
        for value in _list_query_values(arguments.get(parameter.name), is_required=parameter.is_required)
    ]
    text = f"{base_url.rstrip('/')}{''.join(parts)}"
    if query:
        text += f"?{urlencode(query)}"
    try:
        return URL(text, encoded=True)
    except ValueError as error:
        raise ToolError(f"The address of the tool server is invalid: {error}") from None


def _list_query_values(value: Any, *, is_required: bool) -> list[Any]:
    """Return the values of a query parameter. Models write an empty text for an optional one that they leave out."""
    if value is None or (value == "" and not is_required):
        return []
    return value if isinstance(value, list) else [value]


def _format_value(value: Any) -> str:
    """Return a value as it is written in a path, a query or a header: objects, lists and booleans as in JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _build_body(operation: Operation, arguments: Json) -> tuple[str, bytes | None]:
    """Return the type of the body, and the body; None for methods that have none."""
    if operation.method not in METHODS_WITH_BODY:
        return "application/json", None
    body = operation.body
    value: Any = {}
    if body is not None and body.argument:
        value = arguments.get(body.argument, {})
    elif body is not None:
        value = {name: field for name, field in arguments.items() if name in body.names}
    if body is not None and body.is_form:
        fields = [
            (name, _format_value(item))
            for name, field in value.items()
            for item in _list_query_values(field, is_required=True)
        ]
        return "application/x-www-form-urlencoded", urlencode(fields).encode()
    return "application/json", msgspec.json.encode(value)
