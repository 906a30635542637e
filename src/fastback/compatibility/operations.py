"""The 597 operations of the reference; those that are not built respond with 501."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable, Iterable
from importlib import resources

import msgspec

from fastback.kit.http.errors import NotBuilt
from fastback.kit.http.routing import Route, Router

_NAME = re.compile(r"{[^{}]*}")


class Operation(msgspec.Struct, frozen=True):
    """An operation of the reference's HTTP interface."""

    method: str
    path: str

    @property
    def shape(self) -> tuple[str, str]:
        """Return method and path without the names of parameters and without a trailing slash."""
        path = _NAME.sub("{}", self.path)
        return self.method, path.rstrip("/") or "/"


#: What operations that are not built are about, by the prefix of their path.
_SUBJECTS = {
    "/api/v1/channels": "Channels",
}


@functools.cache
def list_operations() -> tuple[Operation, ...]:
    """List every operation, by path."""
    text = resources.files("fastback.compatibility").joinpath("operations.tsv").read_text()
    return tuple(Operation(*line.split("\t")) for line in text.splitlines() if line)


def find_built_operations(routes: Iterable[Route]) -> set[Operation]:
    """Return the operations of the reference that these routes handle.

    A route's parameter may match a fixed path of another operation, which the route does not handle. So the paths are
    compared, not matched.
    """
    built_shapes = {Operation(route.method, route.path.replace(":path}", "}")).shape for route in routes}
    return {operation for operation in list_operations() if operation.shape in built_shapes}


def make_refusal_router(routes: Iterable[Route]) -> Router:
    """Return a router that responds with 501 to the operations that these routes do not handle."""
    router = Router()
    built_operations = find_built_operations(routes)
    for operation in list_operations():
        if operation in built_operations:
            continue
        router.routes.append(Route(operation.method, operation.path, _make_refusal(operation), is_built=False))
    return router


def _find_subject(path: str) -> str:
    """Return what an operation is about, in words for the users who see the response."""
    return next((subject for prefix, subject in _SUBJECTS.items() if path.startswith(prefix)), "This function")


def _make_refusal(operation: Operation) -> Callable[[], Awaitable[None]]:
    subject = _find_subject(operation.path)

    async def refuse() -> None:
        """Respond with 501: Open WebUI has this operation, Fastback does not have it yet."""
        raise NotBuilt(subject, plural=subject.endswith("s"))

    return refuse
