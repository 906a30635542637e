"""Compile the signature of a handler into a function that reads its arguments from requests.

Invalid requests get the response of the reference's framework: 422 with a list of `{"type", "loc", "msg", "input"}`,
path and query parameters first, then the body.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from fastback.kit.http.body_reader import ReadBody, make_body_reader
from fastback.kit.http.coercion import Loc, Problem, make_missing_problem, make_problem
from fastback.kit.http.errors import Invalid, NotFound
from fastback.kit.http.request_body import BodyLimits, keeps_body
from fastback.kit.http.routing import Call
from fastback.kit.http.signature import MISSING, read_signature
from fastback.kit.http.validation import convert_value, strip_optional
from fastback.kit.services import Services

Extract = Callable[[dict[str, str], Mapping[str, list[str]], list[Problem]], Any]


def _make_path_extractor(name: str, kind: Any) -> Extract:
    kind, _ = strip_optional(kind)
    loc = ("path", name)

    def extract(path: dict[str, str], query: Mapping[str, list[str]], problems: list[Problem]) -> Any:
        value = path[name]
        if "\0" in value:
            raise NotFound("Not Found")  # no stored name has a NUL character
        return value if kind is str else _convert_value(kind, value, loc, problems)

    return extract


def _make_query_extractor(name: str, kind: Any, default: Any) -> Extract:
    kind, _ = strip_optional(kind)
    is_list = typing.get_origin(kind) is list
    loc = ("query", name)

    def extract(path: dict[str, str], query: Mapping[str, list[str]], problems: list[Problem]) -> Any:
        texts = query.get(name)
        if texts is None:
            if default is MISSING:
                problems.append(make_missing_problem(loc))
            return default
        if any("\0" in text for text in texts):
            message = "Value error, NUL characters are not allowed"
            problems.append(make_problem("value_error", loc, message, texts[-1], {"error": {}}))
            return default
        return _convert_value(kind, texts if is_list else texts[-1], loc, problems)

    return extract


def _convert_value(kind: Any, value: Any, loc: Loc, problems: list[Problem]) -> Any:
    problem_count = len(problems)
    value = convert_value(kind, value, loc, problems)
    if len(problems) > problem_count or kind in (str, int, float, bool):
        return value
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        problems.append(make_problem("value_error", loc, f"Value error, {error}", value, {"error": {}}))
        return None


#: A query string with more bytes is rarely repeated, so that it is not cached.
_LONGEST_CACHED_QUERY = 200


def _get_query(request: Request) -> Mapping[str, list[str]]:
    raw: bytes = request.scope.get("query_string", b"")
    if not raw:
        return {}
    return _parse_query(raw) if len(raw) <= _LONGEST_CACHED_QUERY else _parse_query.__wrapped__(raw)


@lru_cache(maxsize=512)
def _parse_query(raw: bytes) -> Mapping[str, list[str]]:
    """Parse a query string, cached: pages repeat the same few. Callers do not change the result."""
    values_by_name: dict[str, list[str]] = {}
    for key, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
        values_by_name.setdefault(key, []).append(value)
    return values_by_name


def bind_handler(
    handler: Callable[..., Any], path_names: tuple[str, ...], services: Services, *, takes_content: bool = False
) -> Call:
    """Compile a handler into `call(request, path values)`.

    `takes_content` says that its body may be large: chats, images, imports.

    Raises:
        TypeError: a parameter is neither a path or query parameter, the body, a resolver nor a service.
    """
    signature = read_signature(handler, path_names, services.has)
    extractors = [(name, _make_path_extractor(name, kind)) for name, kind, _ in signature.path]
    extractors += [(name, _make_query_extractor(name, kind, default)) for name, kind, default in signature.query]
    constants = {name: services.get(kind) for name, kind in signature.services}
    resolvers = [(name, resolver.bind(services)) for name, resolver in signature.resolvers]
    body: tuple[str, ReadBody] | None = None
    if signature.body is not None:
        name, kind, default = signature.body
        limits = services.get(BodyLimits) if services.has(BodyLimits) else BodyLimits()
        limit = limits.choose_limit(is_anonymous=not resolvers, takes_content=takes_content)
        takes_fragments = takes_content and not keeps_body(handler)
        body = (name, make_body_reader(kind, default=default, limit=limit, takes_fragments=takes_fragments))
    return _make_call(handler, extractors, constants, resolvers, signature.request, body)


def _make_call(
    handler: Callable[..., Any],
    extractors: list[tuple[str, Extract]],
    constants: dict[str, Any],
    resolvers: list[tuple[str, Callable[[Request], Any]]],
    request_name: str | None,
    body: tuple[str, ReadBody] | None,
) -> Call:
    async def call(request: Request, path: dict[str, str]) -> Any:
        arguments = constants.copy()
        # The caller is resolved first: without one the response does not reveal what a valid request looks like.
        for name, resolve in resolvers:
            value = resolve(request)
            if hasattr(type(value), "__await__"):
                value = await value
            arguments[name] = value
        problems: list[Problem] = []
        if extractors:
            query = _get_query(request)
            for name, extract in extractors:
                arguments[name] = extract(path, query, problems)
        if body is not None:
            arguments[body[0]] = await body[1](request, problems)
        if problems:
            raise Invalid(problems)
        if request_name is not None:
            arguments[request_name] = request
        return await handler(**arguments)

    return call
