"""The 597 operations of the reference; those nobody answers yet say so themselves, with 501."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from importlib import resources

import msgspec

from fastback.kit.http.errors import NotBuilt
from fastback.kit.http.routing import Route, Router, RouteTrie

_NAME = re.compile(r"{[^}]*}")


class Operation(msgspec.Struct, frozen=True):
    method: str
    path: str

    @property
    def shape(self) -> tuple[str, str]:
        """The operation without the names of its parameters and without a slash at its end."""
        path = _NAME.sub("{}", self.path)
        return self.method, path.rstrip("/") or "/"


#: Operations that say what is wrong with a request, and 501 where nothing is: they count as not built.
REFUSED_AT_LAST = frozenset({Operation("POST", "/api/chat/actions/{action_id}")})


def list_operations() -> list[Operation]:
    """Every operation, by path."""
    text = resources.files("fastback.compatibility").joinpath("operations.tsv").read_text()
    return [Operation(*line.split("\t")) for line in text.splitlines() if line]


def find_built_operations(routes: list[Route]) -> set[Operation]:
    """The operations of the contract that these routes answer."""
    trie = RouteTrie()
    for route in routes:
        trie.add(route.method, route.path, route)
    operations = set()
    for operation in list_operations():
        match = trie.find(_NAME.sub("x", operation.path))
        if match is not None and operation.method in match.targets:
            route, _ = match.targets[operation.method]
            # A parameter may swallow a fixed path of the contract: that operation is not answered.
            if Operation(route.method, route.path.replace(":path}", "}")).shape == operation.shape:
                operations.add(operation)
    return operations


def make_refusal_router(routes: list[Route]) -> Router:
    """A router that answers 501 to what these routes leave out."""
    router = Router()
    built_operations = find_built_operations(routes)
    for operation in list_operations():
        if operation in built_operations:
            continue
        router.routes.append(Route(operation.method, operation.path, _make_refusal(operation)))
    return router


def _make_refusal(operation: Operation) -> Callable[[], Awaitable[None]]:
    async def refuse() -> None:
        raise NotBuilt(f"{operation.method} {operation.path}")

    return refuse
