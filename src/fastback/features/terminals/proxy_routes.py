"""Routes below `/api/v1/terminals/{server_id}/…`: requests forwarded to a terminal server, streamed both ways."""

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
from fastback.features.terminals.servers import Connection, TerminalRefused, TerminalServers
from fastback.kit.http import Router
from fastback.kit.http.body import Json
from fastback.providers.oauth_tokens import OAuthTokens
from fastback.providers.request_context import RequestContext, build_request_context
from fastback.settings import Settings
from fastback.settings.tls import build_client_ssl

router = Router("/api/v1/terminals")

log = logging.getLogger("fastback.terminals")

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
#: Time limits for connecting to a server, and for each of its silences (seconds).
CONNECT_TIMEOUT, READ_TIMEOUT = 10, 300
#: Paths that only administrators use, through their own pages and with the server's key.
ADMIN_PATHS = ("api/v1/policies", "api/v1/status", "api/v1/terminals")
#: Response headers that concern the connection between us and the terminal server, or that our server sets itself.
_DROPPED_HEADERS = frozenset(
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
#: Most layers of percent-encoding that a path may have.
_MAX_DECODE_ROUNDS = 8


def normalise_path(path: str) -> str | None:
    """Return a path below the server's root, decoded; None if it leads elsewhere, in whichever encoding.

    A trailing slash is kept: some servers distinguish it.
    """
    for _ in range(_MAX_DECODE_ROUNDS):
        decoded = unquote(path)
        if decoded == path:
            break
        path = decoded
    if unquote(path) != path or any(char in "\\\t\r\n" for char in path):
        return None
    normalised = posixpath.normpath(path).lstrip("/")
    if normalised.startswith("..") or normalised == ".":
        return None
    return f"{normalised}/" if path.endswith("/") and normalised and not normalised.endswith("/") else normalised


class TerminalProxy:
    """Forward HTTP requests to terminal servers."""

    def __init__(
        self, *, terminals: TerminalServers, client: aiohttp.ClientSession, settings: Settings, tokens: OAuthTokens
    ) -> None:
        self._terminals = terminals
        self._client = client
        self._settings = settings
        self._tokens = tokens
        self._added = _parse_extra_headers(settings)

    async def forward(self, request: Request, user: User, server_id: str, path: str, session_id: str) -> Response:
        """Return the server's response; errors before it responds are returned as `{"error": …}`."""
        try:
            connection = await self._terminals.get_connection(server_id, user)
            url = _build_url(connection, path + ("/" if request.scope["path"].endswith("/") else ""), request)
            headers = (
                {"X-User-Id": user.id}
                | _build_session_headers(connection, session_id)
                | _build_credentials(connection, request, await self._add_oauth_token(connection, request, user))
            )
        except TerminalRefused as refused:
            return Json({"error": refused.reason}, refused.status)
        for name in ("content-type", "content-length"):
            if name in request.headers:
                headers[name] = request.headers[name]
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
        try:
            upstream = await self._client.request(
                request.method,
                url,
                headers=headers,
                data=request.stream() if has_body else None,
                allow_redirects=False,
                ssl=build_client_ssl(self._settings),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT, sock_read=READ_TIMEOUT),
            )
        except ClientDisconnect:
            return Response(status_code=499)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            log.warning("request to terminal server %s failed: %s", server_id, error or type(error).__name__)
            return Json({"error": f"Terminal proxy error: {error}"}, 502)
        return self._build_response(upstream)

    async def _add_oauth_token(self, connection: Connection, request: Request, user: User) -> RequestContext:
        """Return the context of a request, with the user's access token where the connection sends it."""
        return await self._tokens.add_to(connection.get("auth_type"), build_request_context(request, user))

    def _build_response(self, upstream: aiohttp.ClientResponse) -> Response:
        """Return a streaming response; a client that disconnects ends the request to the server."""
        added = {name.lower() for name in self._added}
        headers = [
            (name, value) for name, value in upstream.headers.items() if name.lower() not in _DROPPED_HEADERS | added
        ]
        response = StreamingResponse(_iterate_body(upstream), status_code=upstream.status)
        response.raw_headers = [
            (name.lower().encode(), value.encode("latin-1", "replace"))
            for name, value in [*headers, *self._added.items()]
        ]
        return response


def _build_url(connection: Connection, path: str, request: Request) -> URL:
    """Return the URL of a request.

    Raises:
        TerminalRefused: the path is invalid, or reserved for administrators.
    """
    base = servers.get_base_url(connection)
    cleaned = normalise_path(path)
    if cleaned is None:
        raise TerminalRefused(400, 0, "Invalid path")
    bare_path = cleaned.rstrip("/")
    if not servers.get_policy_id(connection) and any(
        bare_path == prefix or bare_path.startswith(f"{prefix}/") for prefix in ADMIN_PATHS
    ):
        raise TerminalRefused(403, 0, "Path not allowed")
    query = request.scope["query_string"].decode("latin-1")
    return URL(f"{base}/{quote(cleaned)}" + (f"?{query}" if query else ""), encoded=True)


def _build_session_headers(connection: Connection, session_id: str) -> dict[str, str]:
    """Return the headers that connect the requests of one chat.

    Raises:
        TerminalRefused: the server is not available in chats, or the chat cannot have a runtime.
    """
    if not session_id:
        return {}
    servers.require_chats_allowed(connection)
    return {"X-Session-Id": session_id} | servers.build_chat_headers(connection, session_id)


def _build_credentials(connection: Connection, request: Request, ctx: RequestContext) -> dict[str, str]:
    """Return the connection's key or a token of the user as a header, and the user's cookies if it forwards them."""
    tokens = {"bearer": connection.get("key"), "session": read_token(request), "system_oauth": ctx.oauth_token}
    token = tokens.get(connection.get("auth_type", "bearer"))
    headers = {"Authorization": f"Bearer {token.strip()}"} if token and token.strip() else {}
    if connection.get("forward_cookies") and "cookie" in request.headers:
        headers["Cookie"] = request.headers["cookie"]
    return headers


async def _iterate_body(upstream: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    try:
        async for chunk in upstream.content.iter_any():
            yield chunk
    finally:
        upstream.close()


def _parse_extra_headers(settings: Settings) -> dict[str, str]:
    """Return the headers that the operator adds to responses; none if the setting is not a JSON object."""
    try:
        headers: Any = msgspec.json.decode(settings.terminal_proxy_headers)
    except msgspec.DecodeError:
        return {}
    return {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}


async def forward_request(
    server_id: str, path: str, request: Request, user: VerifiedUser, proxy: TerminalProxy
) -> Response:
    """Forward a request to a terminal server."""
    return await proxy.forward(request, user, server_id, path, request.headers.get("x-session-id") or "")


async def forward_chat_request(
    server_id: str, chat_id: str, path: str, request: Request, user: VerifiedUser, proxy: TerminalProxy
) -> Response:
    """Forward a request to a terminal server in the context of a chat."""
    return await proxy.forward(request, user, server_id, path, chat_id)


for _method in METHODS:
    router.route(_method, "/{server_id}/chats/{chat_id}/{path:path}")(forward_chat_request)
    router.route(_method, "/{server_id}/{path:path}")(forward_request)
