"""`/api/v1/terminals/{server_id}/…`: requests passed on to a terminal server, both ways as they come."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, unquote

import aiohttp
import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from yarl import URL

from fastback.access.guards import VerifiedUser, read_token
from fastback.access.identity import User
from fastback.features.terminals import servers
from fastback.features.terminals.servers import Connection, Refused, Terminals
from fastback.kit.http import Router
from fastback.kit.http.body import Json
from fastback.settings import Settings
from fastback.settings.tls import client_ssl

router = Router("/api/v1/terminals")

log = logging.getLogger("fastback.terminals")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
#: Seconds until a server must have accepted the connection, and that it may be silent.
CONNECTING, SILENCE = 10, 300
#: What administrators ask a server through their own pages, with its key; users do not.
ADMINISTRATION = ("api/v1/policies", "api/v1/status", "api/v1/terminals")
#: Headers of an answer that hold for its connection to us, or that the server says itself.
_OWN = frozenset(
    (
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "proxy-authenticate",
        "content-encoding",
        "content-length",
        "server",
        "date",
    )
)
#: Rounds of percent-encoding that a path may be wrapped in.
_ROUNDS = 8


def clean(path: str) -> str | None:
    """A path below the server's root, decoded; None for one that leads elsewhere, however it is written.

    A slash at its end stays: to some servers it says something.
    """
    for _ in range(_ROUNDS):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    if unquote(path) != path or any(char in "\\\t\r\n" for char in path):
        return None
    found = posixpath.normpath(path).lstrip("/")
    if found.startswith("..") or found == ".":
        return None
    return f"{found}/" if path.endswith("/") and found and not found.endswith("/") else found


class TerminalProxy:
    """Passes requests on."""

    def __init__(self, terminals: Terminals, client: aiohttp.ClientSession, settings: Settings) -> None:
        self._terminals = terminals
        self._client = client
        self._settings = settings
        self._added = _extra_headers(settings)

    async def pass_on(self, request: Request, user: User, server_id: str, path: str, session_id: str) -> Response:
        """The server's answer; what goes wrong before it answers is told as `{"error": …}`."""
        try:
            connection = await self._terminals.open(server_id, user)
            url = _target(connection, path + ("/" if request.scope["path"].endswith("/") else ""), request)
            headers = {"X-User-Id": user.id} | _session(connection, session_id) | _credentials(connection, request)
        except Refused as refused:
            return Json({"error": refused.reason}, refused.status)
        for name in ("content-type", "content-length"):
            if name in request.headers:
                headers[name] = request.headers[name]
        sends = headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        try:
            upstream = await self._client.request(
                request.method,
                url,
                headers=headers,
                data=request.stream() if sends else None,
                allow_redirects=False,
                ssl=client_ssl(self._settings),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECTING, sock_read=SILENCE),
            )
        except ClientDisconnect:
            return Response(status_code=499)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("terminal server %s: %s", server_id, error or type(error).__name__)
            return Json({"error": f"Terminal proxy error: {error}"}, 502)
        return self._answer(upstream)

    def _answer(self, upstream: aiohttp.ClientResponse) -> Response:
        """The server's answer as it comes; a client that hangs up ends it."""
        added = {name.lower() for name in self._added}
        kept = [(name, value) for name, value in upstream.headers.items() if name.lower() not in _OWN | added]
        answer = StreamingResponse(_pieces(upstream), status_code=upstream.status)
        answer.raw_headers = [
            (name.lower().encode(), value.encode("latin-1", "replace")) for name, value in [*kept, *self._added.items()]
        ]
        return answer


def _target(connection: Connection, path: str, request: Request) -> URL:
    """Raises: Refused."""
    base = servers.address(connection)
    cleaned = clean(path)
    if cleaned is None:
        raise Refused(400, 0, "Invalid path")
    plain = cleaned.rstrip("/")
    if not servers.policy(connection) and any(plain == one or plain.startswith(f"{one}/") for one in ADMINISTRATION):
        raise Refused(403, 0, "Path not allowed")
    query = request.scope["query_string"].decode("latin-1")
    return URL(f"{base}/{quote(cleaned)}" + (f"?{query}" if query else ""), encoded=True)


def _session(connection: Connection, session_id: str) -> dict[str, str]:
    """What ties requests of one chat together. Raises: Refused."""
    if not session_id:
        return {}
    servers.in_chats(connection)
    return {"X-Session-Id": session_id} | servers.chat_context(connection, session_id)


def _credentials(connection: Connection, request: Request) -> dict[str, str]:
    """The connection's key, or the user's own session; the user's cookies where the connection says so."""
    token = {"bearer": connection.get("key"), "session": read_token(request)}.get(connection.get("auth_type", "bearer"))
    headers = {"Authorization": f"Bearer {token.strip()}"} if token and token.strip() else {}
    if connection.get("forward_cookies") and "cookie" in request.headers:
        headers["Cookie"] = request.headers["cookie"]
    return headers


async def _pieces(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for piece in upstream.content.iter_any():
            yield piece
    finally:
        upstream.close()


def _extra_headers(settings: Settings) -> dict[str, str]:
    """What the operator adds to answers; nothing where that is no JSON object."""
    try:
        found: Any = msgspec.json.decode(settings.terminal_proxy_headers)
    except msgspec.DecodeError:
        return {}
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, dict) else {}


async def proxy(server_id: str, path: str, request: Request, user: VerifiedUser, proxy: TerminalProxy) -> Response:
    return await proxy.pass_on(request, user, server_id, path, request.headers.get("x-session-id") or "")


async def proxy_of_chat(
    server_id: str, chat_id: str, path: str, request: Request, user: VerifiedUser, proxy: TerminalProxy
) -> Response:
    return await proxy.pass_on(request, user, server_id, path, chat_id)


for _method in METHODS:
    router.route(_method, "/{server_id}/chats/{chat_id}/{path:path}")(proxy_of_chat)
    router.route(_method, "/{server_id}/{path:path}")(proxy)
