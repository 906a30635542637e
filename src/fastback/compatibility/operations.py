"""The 597 operations of the reference; those that are not built respond with 501."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from importlib import resources

import msgspec

from fastback.kit.http.errors import NotBuilt
from fastback.kit.http.routing import Route, Router, RouteTrie

_NAME = re.compile(r"{[^}]*}")


class Operation(msgspec.Struct, frozen=True):
    """An operation of the reference's HTTP interface."""

    method: str
    path: str

    @property
    def shape(self) -> tuple[str, str]:
        """Return method and path without the names of parameters and without a trailing slash."""
        path = _NAME.sub("{}", self.path)
        return self.method, path.rstrip("/") or "/"


#: Operations that validate a request, then respond with 501: they count as not built.
REFUSED_AT_LAST = frozenset({Operation("POST", "/api/chat/actions/{action_id}")})


def list_operations() -> list[Operation]:
    """List every operation, by path."""
    text = resources.files("fastback.compatibility").joinpath("operations.tsv").read_text()
    return [Operation(*line.split("\t")) for line in text.splitlines() if line]


def find_built_operations(routes: list[Route]) -> set[Operation]:
    """Return the operations of the reference that these routes handle."""
    trie = RouteTrie()
    for route in routes:
        trie.add(route.method, route.path, route)
    operations = set()
    for operation in list_operations():
        match = trie.find(_NAME.sub("x", operation.path))
        if match is not None and operation.method in match.targets:
            route, _ = match.targets[operation.method]
            # A route's parameter may match a fixed path of another operation, which the route does not handle.
            if Operation(route.method, route.path.replace(":path}", "}")).shape == operation.shape:
                operations.add(operation)
    return operations


def make_refusal_router(routes: list[Route]) -> Router:
    """Return a router that responds with 501 to the operations that these routes do not handle."""
    router = Router()
    built_operations = find_built_operations(routes)
    for operation in list_operations():
        if operation in built_operations:
            continue
        router.routes.append(Route(operation.method, operation.path, _make_refusal(operation), is_built=False))
    return router


def _make_refusal(operation: Operation) -> Callable[[], Awaitable[None]]:
    async def refuse() -> None:
        """Respond with 501: Open WebUI has this operation, Fastback does not have it yet."""
        raise NotBuilt(f"{operation.method} {operation.path}")

    return refuse
