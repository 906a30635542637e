"""From a handler's signature to a function that calls it: read once at start, nothing looked up per request.

Errors of the request are reported as the reference's framework reports them: 422 with a list of
`{"type", "loc", "msg", "input"}`.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from fastback.kit.http.errors import HttpError, Invalid

_MISSING: Any = object()


class Resolver(Protocol):
    """Makes an argument out of the request (an identity, say); stands in `Annotated[Type, resolver]`.

    It is given the application's services once, when the handler is bound, and answers with the value or an awaitable.
    """

    def bind(self, services: Services) -> Callable[[Request], Any]: ...


class Services:
    """What handlers may ask for by type: the database, the configuration, the registry of models, …"""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}

    def add(self, kind: Any, service: Any) -> None:
        self._known[kind] = service

    def get(self, kind: Any) -> Any:
        return self._known[kind]

    def has(self, kind: Any) -> bool:
        return kind in self._known


Extract = Callable[[Request, dict[str, str], dict[str, list[str]]], Any]
Call = Callable[[Request, dict[str, str]], Awaitable[Any]]


def _bare(kind: Any) -> tuple[Any, bool]:
    """The type without `None`, and whether None is allowed."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [one for one in typing.get_args(kind) if one is not type(None)]
        return (rest[0] if len(rest) == 1 else kind), len(rest) < len(typing.get_args(kind))
    return kind, False


_TRUE = {"true", "1", "yes", "on", "t", "y"}
_FALSE = {"false", "0", "no", "off", "f", "n"}


def _convert(kind: Any, text: str, loc: list[str | int]) -> Any:
    if kind is str or kind is Any:
        return text
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise Invalid.at(
                loc,
                "Input should be a valid integer, unable to parse string as an integer",
                kind="int_parsing",
                value=text,
            ) from None
    if kind is float:
        try:
            return float(text)
        except ValueError:
            raise Invalid.at(
                loc,
                "Input should be a valid number, unable to parse string as a number",
                kind="float_parsing",
                value=text,
            ) from None
    if kind is bool:
        folded = text.lower()
        if folded in _TRUE:
            return True
        if folded in _FALSE:
            return False
        raise Invalid.at(
            loc, "Input should be a valid boolean, unable to interpret input", kind="bool_parsing", value=text
        )
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        if text in choices:
            return text
        wanted = [f"'{one}'" for one in choices]
        words = wanted[0] if len(wanted) == 1 else ", ".join(wanted[:-1]) + " or " + wanted[-1]
        raise Invalid.at(loc, f"Input should be {words}", kind="literal_error", value=text)
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError as error:
        raise Invalid.at(loc, str(error), value=text) from None


def _from_path(name: str, kind: Any) -> Extract:
    bare, _ = _bare(kind)

    def extract(request: Request, path: dict[str, str], query: dict[str, list[str]]) -> Any:
        return _convert(bare, path[name], ["path", name])

    return extract


def _from_query(name: str, kind: Any, default: Any) -> Extract:
    bare, _ = _bare(kind)
    many = typing.get_origin(bare) is list
    item = typing.get_args(bare)[0] if many else bare

    def extract(request: Request, path: dict[str, str], query: dict[str, list[str]]) -> Any:
        texts = query.get(name)
        if texts is None:
            if default is _MISSING:
                raise Invalid.at(["query", name], "Field required", kind="missing")
            return default
        if many:
            return [_convert(item, text, ["query", name]) for text in texts]
        return _convert(bare, texts[-1], ["query", name])

    return extract


def _problem(error: msgspec.ValidationError, body: Any) -> Invalid:
    """A msgspec error in the words and the place FastAPI would give it."""
    text, _, where = str(error).partition(" - at `$")
    loc: list[str | int] = ["body"]
    for part in where.rstrip("`").replace("[", ".[").split("."):
        if part.startswith("["):
            index = part.strip("[]")
            loc.append(int(index) if index.isdigit() else index)
        elif part:
            loc.append(part)
    if "missing required field" in text:
        loc.append(text.rsplit("`", 2)[1])
        return Invalid.at(loc, "Field required", kind="missing", value=body)
    if text.startswith("Expected `") and ", got `" in text:
        wanted = text.split("`")[1].split(" | ")[0]
        names = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "array": "list"}
        name = names.get(wanted, "dictionary" if wanted in ("object", "dict") else wanted)
        kinds = {"string": "string_type", "integer": "int_type", "number": "float_type", "boolean": "bool_type"}
        kinds |= {"list": "list_type", "dictionary": "dict_type"}
        return Invalid.at(
            loc, f"Input should be a valid {name}", kind=kinds.get(name, "value_error"), value=_at(body, loc)
        )
    return Invalid.at(loc, text, value=_at(body, loc))


def _at(body: Any, loc: list[str | int]) -> Any:
    for part in loc[1:]:
        try:
            body = body[part]
        except (KeyError, IndexError, TypeError):
            return None
    return body


#: The largest JSON body (bytes): of somebody whose identity was resolved first (a chat holds pictures), and of anybody.
LARGEST_BODY, LARGEST_OF_STRANGERS = 128 * 1024 * 1024, 1024 * 1024


async def _content(request: Request, most: int) -> bytes:
    """The body; refused before it is read where its length is said, otherwise as soon as it is too long."""
    length = request.headers.get("content-length")
    if length is not None:
        if int(length) > most:
            raise HttpError(413, f"Request body is too large: {most} bytes at most", {"connection": "close"})
        return await request.body()
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise HttpError(413, f"Request body is too large: {most} bytes at most", {"connection": "close"})
        parts.append(part)
    return b"".join(parts)


def body_reader(kind: Any, *, optional: bool, most: int = LARGEST_BODY) -> Callable[[Request], Awaitable[Any]]:
    """A function that reads the JSON body of a request as `kind`.

    Raises (when called):
        Invalid: no body, malformed JSON, or JSON of another shape.
        HttpError: 413 for a body of more than `most` bytes.
    """
    # strict=False would also let "1" stand for 1, as pydantic's lax mode does.
    decoder = msgspec.json.Decoder(kind, strict=False)

    async def read(request: Request) -> Any:
        content = await _content(request, most)
        if not content:
            if optional:
                return None
            raise Invalid.at(["body"], "Field required", kind="missing")
        try:
            return decoder.decode(content)
        except msgspec.ValidationError as error:
            raise _problem(error, msgspec.json.decode(content)) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Invalid(
                [
                    {
                        "type": "json_invalid",
                        "loc": ["body", 0],
                        "msg": "JSON decode error",
                        "input": {},
                        "ctx": {"error": str(error)},
                    }
                ]
            ) from None

    return read


def _is_body(name: str, kind: Any) -> bool:
    return name == "data"


def _query(request: Request) -> dict[str, list[str]]:
    raw: bytes = request.scope.get("query_string", b"")
    found: dict[str, list[str]] = {}
    if raw:
        for key, value in parse_qsl(raw.decode("latin-1"), keep_blank_values=True):
            found.setdefault(key, []).append(value)
    return found


def bind(handler: Callable[..., Any], path_names: tuple[str, ...], services: Services) -> Call:
    """Compile a handler into `call(request, path values)`.

    Raises:
        TypeError: a parameter is no path or query parameter, no body, no resolver and no known service.
    """
    hints = typing.get_type_hints(handler, include_extras=True)
    plain: list[tuple[str, Extract]] = []
    constants: dict[str, Any] = {}
    resolvers: list[tuple[str, Callable[[Request], Any]]] = []
    request_name: str | None = None
    body: tuple[str, Callable[[Request], Awaitable[Any]]] | None = None
    known = any(hasattr(one, "bind") for kind in hints.values() for one in getattr(kind, "__metadata__", ()))
    most = LARGEST_BODY if known else LARGEST_OF_STRANGERS
    for name, parameter in inspect.signature(handler).parameters.items():
        kind = hints[name]
        default = _MISSING if parameter.default is inspect.Parameter.empty else parameter.default
        metadata = getattr(kind, "__metadata__", ())
        resolver = next((one for one in metadata if hasattr(one, "bind")), None)
        if resolver is not None:
            resolvers.append((name, resolver.bind(services)))
        elif name in path_names:
            plain.append((name, _from_path(name, kind)))
        elif kind is Request:
            request_name = name
        elif _is_body(name, kind):
            bare, optional = _bare(kind)
            needed = not optional and default is _MISSING
            body = (name, body_reader(bare, optional=not needed, most=most))
        elif services.has(kind):
            constants[name] = services.get(kind)
        elif isinstance(_bare(kind)[0], type) and _bare(kind)[0] not in (str, int, float, bool, object):
            raise TypeError(f"{handler.__module__}.{handler.__name__}: nobody provides {name}: {kind}")
        else:
            plain.append((name, _from_query(name, kind, default)))
    return _caller(handler, plain, constants, resolvers, request_name, body)


def _caller(
    handler: Callable[..., Any],
    plain: list[tuple[str, Extract]],
    constants: dict[str, Any],
    resolvers: list[tuple[str, Callable[[Request], Any]]],
    request_name: str | None,
    body: tuple[str, Callable[[Request], Awaitable[Any]]] | None,
) -> Call:
    async def call(request: Request, path: dict[str, str]) -> Any:
        arguments = constants.copy()
        # Who asks comes first: a stranger learns nothing about what a right request would look like.
        for name, resolve in resolvers:
            value = resolve(request)
            if inspect.isawaitable(value):
                value = await value
            arguments[name] = value
        if plain:
            query = _query(request)
            for name, extract in plain:
                arguments[name] = extract(request, path, query)
        if body is not None:
            arguments[body[0]] = await body[1](request)
        if request_name is not None:
            arguments[request_name] = request
        return await handler(**arguments)

    return call
