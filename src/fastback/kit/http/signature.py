"""Sort the parameters of a handler by where their values come from: path, query, body, caller, request, services."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from starlette.requests import Request

from fastback.kit.http.validation import strip_optional
from fastback.kit.services import Services

#: The default of a parameter that has none.
MISSING: Any = object()


class Resolver(Protocol):
    """Resolve an argument from a request, for example an identity; the annotation is `Annotated[Type, resolver]`.

    `bind` is called once, when the handler is bound; the function that it returns gives the value or an awaitable.
    `required_caller` says in the API documentation who may send the request ("an administrator"); it is empty where
    credentials are optional.
    """

    @property
    def required_caller(self) -> str: ...

    def bind(self, services: Services) -> Callable[[Request], Any]: ...


class Parameter(NamedTuple):
    """A path or query parameter, or the body, with its annotation; `default` is `MISSING` if it is required."""

    name: str
    kind: Any
    default: Any


class HandlerSignature(NamedTuple):
    """The parameters of a handler, in the order of its signature.

    Attributes:
        request: the name of the parameter that is the request itself, or None.
        services: names and types of services.
        result: the annotation of the return value.
    """

    path: list[Parameter]
    query: list[Parameter]
    body: Parameter | None
    request: str | None
    resolvers: list[tuple[str, Resolver]]
    services: list[tuple[str, Any]]
    result: Any


def read_signature(
    handler: Callable[..., Any], path_names: tuple[str, ...], has_service: Callable[[Any], bool]
) -> HandlerSignature:
    """Return the parameters of a handler.

    Raises:
        TypeError: a parameter is neither a path or query parameter, the body, a resolver nor a service.
    """
    hints = typing.get_type_hints(handler, include_extras=True)
    path: list[Parameter] = []
    query: list[Parameter] = []
    services: list[tuple[str, Any]] = []
    resolvers: list[tuple[str, Resolver]] = []
    request: str | None = None
    body: Parameter | None = None
    for name, parameter in inspect.signature(handler).parameters.items():
        kind = hints[name]
        default = MISSING if parameter.default is inspect.Parameter.empty else parameter.default
        metadata = getattr(kind, "__metadata__", ())
        resolver = next((annotation for annotation in metadata if hasattr(annotation, "bind")), None)
        if resolver is not None:
            resolvers.append((name, resolver))
        elif name in path_names:
            path.append(Parameter(name, kind, default))
        elif kind is Request:
            request = name
        elif name == "data":
            kind, optional = strip_optional(kind)
            body = Parameter(name, kind, None if optional and default is MISSING else default)
        elif has_service(kind):
            services.append((name, kind))
        elif _is_query_type(strip_optional(kind)[0]):
            query.append(Parameter(name, kind, default))
        else:
            raise TypeError(f"{handler.__module__}.{handler.__name__}: no service for {name}: {kind}")
    return HandlerSignature(path, query, body, request, resolvers, services, hints.get("return", Any))


def _is_query_type(kind: Any) -> bool:
    return not isinstance(kind, type) or kind in (str, int, float, bool, object)
