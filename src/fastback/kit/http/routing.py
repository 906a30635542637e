"""Routes: declared by decorators, looked up in a trie.

`{name}` matches one segment, `{name:path}` the remaining ones. A trailing slash is ignored. Fixed segments take
precedence over parameters.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Literal, TypeVar
from urllib.parse import unquote

import msgspec
from starlette.requests import Request

F = TypeVar("F", bound=Callable[..., Any])
#: Handle a request, given the values of its path parameters.
Call = Callable[[Request, dict[str, str]], Awaitable[Any]]
#: Return the call to use instead of an operation's own; the second argument is the `Services`.
Wrap = Callable[[Call, Any], Call]


class FormField(msgspec.Struct, frozen=True):
    """A field of a multipart form; of kind "files" there may be several."""

    name: str
    kind: Literal["text", "integer", "file", "files"]
    required: bool = True


class Route(msgspec.Struct):
    """An operation.

    Attributes:
        path: its full path.
        wrap: that of its router.
        form: the fields of a form that its handler reads from the request; for the API documentation alone.
        takes_content: its body may be large: chats, images, imports.
        is_built: false if its handler only responds that the operation is not built.
    """

    method: str
    path: str
    handler: Callable[..., Any]
    wrap: Wrap | None = None
    form: tuple[FormField, ...] = ()
    takes_content: bool = False
    is_built: bool = True

    def list_path_names(self) -> tuple[str, ...]:
        """List the names of the path parameters, in the order of the path."""
        return tuple(part[1:-1].removesuffix(":path") for part in self.path.split("/") if part.startswith("{"))


class Router:
    """Collect the operations of a feature under a common prefix.

    `wrap` is called with the call of each operation when it is bound, and returns the one that is used. With
    `takes_content`, the bodies of all operations may be large.
    """

    def __init__(self, prefix: str = "", *, wrap: Wrap | None = None, takes_content: bool = False) -> None:
        self.prefix = prefix.rstrip("/")
        self.wrap = wrap
        self.takes_content = takes_content
        self.routes: list[Route] = []

    def route(
        self, method: str, *paths: str, form: tuple[FormField, ...] = (), takes_content: bool = False
    ) -> Callable[[F], F]:
        """Return a decorator that registers a handler of `method` at each of `paths`, below the prefix."""
        takes_content = takes_content or self.takes_content

        def register(handler: F) -> F:
            for path in paths:
                self.routes.append(
                    Route(method, self.prefix + path, handler, wrap=self.wrap, form=form, takes_content=takes_content)
                )
            return handler

        return register

    def get(self, *paths: str) -> Callable[[F], F]:
        return self.route("GET", *paths)

    def post(self, *paths: str, form: tuple[FormField, ...] = (), takes_content: bool = False) -> Callable[[F], F]:
        return self.route("POST", *paths, form=form, takes_content=takes_content)

    def put(self, *paths: str) -> Callable[[F], F]:
        return self.route("PUT", *paths)

    def patch(self, *paths: str) -> Callable[[F], F]:
        return self.route("PATCH", *paths)

    def delete(self, *paths: str) -> Callable[[F], F]:
        return self.route("DELETE", *paths)


class _Node:
    __slots__ = ("catch_all", "fixed", "parameter", "targets")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node] = {}
        self.parameter: _Node | None = None
        #: For `{name:path}`: the fixed segments that follow it, and their nodes, longest first.
        self.catch_all: list[tuple[tuple[str, ...], _Node]] = []
        self.targets: dict[str, tuple[Any, tuple[str, ...]]] = {}


class Match(msgspec.Struct, frozen=True):
    """The match of a path: targets with the names of their parameters, by method, and the values of the parameters."""

    targets: dict[str, tuple[Any, tuple[str, ...]]]
    values: tuple[str, ...]


class RouteTrie:
    """Look up targets by method and path; a target is whatever the application stores."""

    def __init__(self) -> None:
        self._root = _Node()
        self._static: dict[str, Match] = {}

    def add(self, method: str, path: str, target: Any) -> None:
        """Add a target; of several for one method and path the first is used."""
        names: list[str] = []
        node = self._root
        segments = [part for part in path.split("/") if part]
        index = 0
        while index < len(segments):
            segment = segments[index]
            if segment.startswith("{") and segment.endswith(":path}"):
                names.append(segment[1:-6])
                suffix = tuple(segments[index + 1 :])
                for existing_suffix, child in node.catch_all:
                    if existing_suffix == suffix:
                        node = child
                        break
                else:
                    child = _Node()
                    node.catch_all.append((suffix, child))
                    node.catch_all.sort(key=lambda pair: -len(pair[0]))
                    node = child
                break
            if segment.startswith("{"):
                names.append(segment[1:-1])
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            elif segment in node.fixed:
                node = node.fixed[segment]
            else:
                node.fixed[segment] = node = _Node()
            index += 1
        node.targets.setdefault(method, (target, tuple(names)))
        if not names:
            self._static["/" + "/".join(segments)] = Match(node.targets, ())

    def find(self, path: str) -> Match | None:
        """Return the match of a path, or None. Percent-encoding is decoded in each segment."""
        if len(path) > 1 and path.endswith("/"):
            path = path.rstrip("/") or "/"
        fixed_match = self._static.get(path)
        if fixed_match is not None:
            return fixed_match
        segments = path.split("/")[1:]
        for node, values in self._walk(self._root, segments, 0, ()):
            return Match(node.targets, values)
        return None

    def _walk(
        self, node: _Node, segments: list[str], index: int, values: tuple[str, ...]
    ) -> Iterator[tuple[_Node, tuple[str, ...]]]:
        if index == len(segments):
            if node.targets:
                yield node, values
            return
        segment = segments[index]
        child = node.fixed.get(segment)
        if child is not None:
            yield from self._walk(child, segments, index + 1, values)
        if node.parameter is not None and segment:
            yield from self._walk(node.parameter, segments, index + 1, (*values, unquote(segment)))
        for suffix, target in node.catch_all:
            size = len(suffix)
            remaining = segments[index:]
            if len(remaining) > size and (not size or tuple(remaining[-size:]) == suffix):
                captured = remaining[: len(remaining) - size] if size else remaining
                yield target, (*values, unquote("/".join(captured)))
