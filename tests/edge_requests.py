"""Requests with values at the edges: NUL characters, halves of surrogate pairs, integers beyond 64 bits, numbers that
JSON does not have, texts too long for an index, deeply nested JSON.

Each request has one of them, in a path or query parameter or in a field of the body; everything else is valid.
"""

from __future__ import annotations

import json
import random
import re
import typing
from collections.abc import Iterator
from typing import Any

import aiohttp

from fastback.compatibility.operations import Operation
from fastback.kit.http.routing import Route
from fastback.kit.http.validation import strip_optional
from operation_requests import list_paths, list_queries, list_query_parameters, make_body
from private_records import PrivateRecords

#: Longer than what PostgreSQL indexes; random, since it compresses texts first.
LONG_TEXT = random.Random(1).randbytes(20_000).hex()
_HUGE = "1" + "0" * 30
#: Values of path and query parameters, encoded for an address.
_ADDRESS_TEXTS = ("a%00b", "%ED%A0%80", _HUGE, LONG_TEXT[:8000])
_ADDRESS_NUMBERS = (_HUGE, str(2**63 - 1), str(-(2**63)), "nan", "1e400", "1%00")
#: JSON of values in bodies. This depth is refused with some paths of the program, and decoded with others.
_DEPTH = 900
_TEXTS = (r'"a\u0000b"', r'"\ud800"', f'"{LONG_TEXT}"')
_NUMBERS = (_HUGE, str(2**63 - 1), str(-(2**63)), "1e400", "NaN")
_OBJECTS = (
    rf'{{"a\u0000": "b\u0000", "id": "\u0000", "n": {_HUGE}, "type": null}}',
    '{"a":' * _DEPTH + "1" + "}" * _DEPTH,
)
_LISTS = (r'["a\u0000", "\u0000"]', f"[{_HUGE}]", "[" * _DEPTH + "]" * _DEPTH)

Place = tuple[str | int, ...]


class EdgeRequest(typing.NamedTuple):
    """A request; path and query are encoded."""

    operation: Operation
    path: str
    query: str
    body: bytes | None
    content_type: str = "application/json"


def list_edge_requests(operation: Operation, route: Route, own: PrivateRecords) -> Iterator[EdgeRequest]:
    """Yield the requests to one operation."""
    body = make_body(operation, route, own, complete=True)
    if isinstance(body, aiohttp.FormData):
        body = None
    encoded = None if body is None else json.dumps(body).encode()
    query = list_queries(operation, route, own)[-1]
    for name in re.findall(r"{([^}]*)}", operation.path):
        for value in _ADDRESS_TEXTS:
            path = re.sub(r"{[^}]*}", "x", operation.path.replace(f"{{{name}}}", value))
            yield EdgeRequest(operation, path, _encode_query(query), encoded)
    path = next(list_paths(operation, own), None)
    if path is None:
        return
    for name, kind in list_query_parameters(route).items():
        for value in _list_address_values(kind):
            yield EdgeRequest(operation, path, _encode_query({**query, name: value}), encoded)
    if route.form:
        yield EdgeRequest(operation, path, _encode_query(query), b"--x", "multipart/form-data")
    if body is not None:
        for edge_body in _list_bodies(body):
            yield EdgeRequest(operation, path, _encode_query(query), edge_body)
        yield EdgeRequest(operation, path, _encode_query(query), b"[" * 100_000)


def _list_address_values(kind: Any) -> tuple[str, ...]:
    kind = strip_optional(kind)[0]
    if typing.get_origin(kind) is typing.Annotated:
        kind = typing.get_args(kind)[0]
    if kind in (int, float):
        return _ADDRESS_NUMBERS
    return () if kind is bool else _ADDRESS_TEXTS


def _encode_query(query: dict[str, str]) -> str:
    return "&".join(f"{name}={value}" for name, value in query.items())


def _list_bodies(body: Any) -> Iterator[bytes]:
    for place, value in _list_leaves(body):
        for text in _list_json_values(value):
            yield json.dumps(_replace(body, place, "<edge>")).replace('"<edge>"', text).encode()


def _list_json_values(value: Any) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ()
    if isinstance(value, int | float):
        return _NUMBERS
    if isinstance(value, dict):
        return _OBJECTS
    return _LISTS if isinstance(value, list) else _TEXTS


def _list_leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield the place of each field of a body, and its value; of a list the first item."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _list_leaves(item, (*place, name))
    elif isinstance(value, list) and value:
        yield from _list_leaves(value[0], (*place, 0))
    else:
        yield place, value


def _replace(value: Any, place: Place, replacement: str) -> Any:
    """Return a copy of a body with another value at a place."""
    if not place:
        return replacement
    if isinstance(value, dict):
        return {
            name: _replace(item, place[1:], replacement) if name == place[0] else item for name, item in value.items()
        }
    return [_replace(value[0], place[1:], replacement), *value[1:]]
