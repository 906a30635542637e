"""The ASGI application: find the operation of a request, call its handler, send the response."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from fastback.kit.http.binding import bind_handler
from fastback.kit.http.body import COMPRESSIBLE_IN_PIECES, JsonBytes, WithHeaders, encoder
from fastback.kit.http.conditional_requests import send_unless_stored
from fastback.kit.http.disconnect import DisconnectWatch
from fastback.kit.http.errors import HttpError
from fastback.kit.http.outage_responses import find_outage_response
from fastback.kit.http.routing import Call, Route, Router, RouteTrie
from fastback.kit.http.value_responses import encode_detail, find_value_response
from fastback.kit.large_json import Buffer, iterate_slices, list_large_parts
from fastback.kit.pacing import let_others_run
from fastback.kit.services import Services

log = logging.getLogger("fastback.http")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

#: The key of a scope with a list, to which the path template of the operation is added.
ROUTE_KEY = "fastback.route"
#: Methods of requests that have no body and change nothing, so that they may end anywhere.
_READING_METHODS = ("GET", "HEAD")
_JSON = (b"content-type", b"application/json")


async def send_json(send: Send, status: int, content: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """Send a complete JSON response."""
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [_JSON, (b"content-length", str(len(content)).encode()), *(headers or ())],
        }
    )
    await send({"type": "http.response.body", "body": content})


async def send_in_pieces(send: Send, parts: list[Buffer], headers: list[tuple[bytes, bytes]]) -> None:
    """Send a large JSON response, which is never copied as a whole."""
    length = sum(len(memoryview(part)) for part in parts)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [_JSON, (b"content-length", str(length).encode()), *headers],
            COMPRESSIBLE_IN_PIECES: True,
        }
    )
    for part in parts:
        for piece in iterate_slices(part):
            await send({"type": "http.response.body", "body": bytes(piece), "more_body": True})
            await let_others_run()  # a fast client takes everything at once: let others run in between
    await send({"type": "http.response.body", "body": b""})


async def send_error(send: Send, error: Exception, request: str) -> None:
    """Send the response to an error that a handler raised, and log what no handler expects.

    `request` is its method and path.
    """
    response = find_outage_response(error, request) or find_value_response(error, request) or error
    if isinstance(response, HttpError):
        headers = [(name.lower().encode(), value.encode()) for name, value in (response.headers or {}).items()]
        await send_json(send, response.status, encode_detail(response.detail), headers)
    else:
        log.error("%s failed", request, exc_info=error)
        await send_json(send, 500, b'{"detail":"Internal Server Error"}')


async def send_result(result: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Send what a handler returned: a response, JSON, or a value that is encoded."""
    headers: list[tuple[bytes, bytes]] = []
    while isinstance(result, WithHeaders):
        headers += result.headers
        result = result.content
    if isinstance(result, Response):
        if headers:
            result.raw_headers.extend(headers)
        await send_unless_stored(result, scope, receive, send)
    else:
        parts = list_large_parts(result)
        if parts is not None:
            await send_in_pieces(send, parts, headers)
            return
        content = result.content if isinstance(result, JsonBytes) else encoder.encode(result)
        await send_json(send, 200, content, headers)


class LazyCall:
    """The call of a route, bound on its first request: most operations are never requested while a process lives."""

    __slots__ = ("_route", "_services", "path", "run")

    def __init__(self, route: Route, services: Services) -> None:
        self._route = route
        self.path = route.path
        self._services = services
        #: Handle a request; replaced by the bound call.
        self.run: Call = self._bind_and_run

    def bind(self) -> Call:
        """Bind the handler and return its call.

        Raises:
            TypeError: the signature of the handler is invalid, or asks for a missing service.
        """
        route = self._route
        call = bind_handler(route.handler, route.list_path_names(), self._services, takes_content=route.takes_content)
        self.run = route.wrap(call, self._services) if route.wrap else call
        return self.run

    async def _bind_and_run(self, request: Request, values: dict[str, str]) -> Any:
        return await self.bind()(request, values)


class Application:
    """An ASGI application of routes and services; requests to other paths go to `fallback` (the frontend).

    `watch` stops requests that only read and wait for the database when their clients disconnect.
    """

    def __init__(
        self, services: Services, *, fallback: Asgi | None = None, watch: DisconnectWatch | None = None
    ) -> None:
        self.services = services
        self.fallback = fallback
        self.routes: list[Route] = []
        self._calls: list[LazyCall] = []
        self._trie = RouteTrie()
        self._watch = watch

    def include_router(self, router: Router) -> None:
        """Add the operations of a router; of two with the same method and path the first one is used."""
        for route in router.routes:
            call = LazyCall(route, self.services)
            self._trie.add(route.method, route.path, call)
            self._calls.append(call)
            self.routes.append(route)

    def bind_all(self) -> None:
        """Bind every handler now, to check the signatures.

        Raises:
            TypeError: as `LazyCall.bind`.
        """
        for call in self._calls:
            call.bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        raw = scope.get("raw_path")
        if raw and b"%" in raw:
            path = raw.decode("latin-1")  # an encoded slash in an id is not a separator
        match = self._trie.find(path)
        method: str = scope["method"]
        if match is None:
            if self.fallback is not None:
                await self.fallback(scope, receive, send)
            else:
                await send_json(send, 404, b'{"detail":"Not Found"}')
            return
        target = match.targets.get("GET" if method == "HEAD" else method)
        if target is None:
            allowed = ", ".join(sorted(match.targets)).encode()
            await send_json(send, 405, b'{"detail":"Method Not Allowed"}', [(b"allow", allowed)])
            return
        call, names = target
        if (template := scope.get(ROUTE_KEY)) is not None:
            template.append(call.path)
        await self._respond(call.run, dict(zip(names, match.values, strict=True)), scope, receive, send)

    async def _respond(self, call: Call, values: dict[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            if self._watch is not None and scope["method"] in _READING_METHODS:
                result = await _call_while_watched(self._watch, call, request, values)
            else:
                result = await call(request, values)
        except ClientDisconnect:
            return
        except Exception as error:
            await send_error(send, error, f"{scope['method']} {scope['path']}")
            return
        await send_result(result, scope, receive, send)


async def _call_while_watched(watch: DisconnectWatch, call: Call, request: Request, values: dict[str, str]) -> Any:
    """Call a handler that only reads.

    Raises:
        ClientDisconnect: the client disconnected while the handler waited for the database.
    """
    task = asyncio.current_task()
    assert task is not None
    watch.add(task, request)
    try:
        return await call(request, values)
    except asyncio.CancelledError:
        if watch.remove(task):
            task.uncancel()
            raise ClientDisconnect from None
        raise
    finally:
        watch.remove(task)
