"""`WS /api/ws/chat`: chat completions over a WebSocket, for clients without Socket.IO.

A client is authenticated by a token (or API key) in the query (`?token=`), the `Authorization` header, the cookie
`token`, or its first message (`{"token": …}`). Each text message is the body of a chat completion, with an optional
`metadata: {chat_id, message_id}` that names where the answer is stored. The chunks of the stream come back as they are,
then `[DONE]`; errors as `{"error": …}`. `{"cancel": true}` stops the running turn. A socket runs one turn at a time.
"""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

import msgspec

from fastback import messages
from fastback.access.identity import Identity, IdentityResolver
from fastback.completions.sinks.websocket import ChatMessageId, WebSocketSink
from fastback.completions.turn import Turn, TurnPipeline, show_failures
from fastback.completions.turn_request import parse_turn_request
from fastback.features.chats.access import ChatAccess
from fastback.kit.db import Database
from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.errors import HttpError
from fastback.providers.request_context import RequestContext

PATH = "/api/ws/chat"

#: Seconds that a client has to send its token.
AUTHENTICATION_TIMEOUT = 10


class ChatSocket:
    """The endpoint, as an ASGI application."""

    def __init__(
        self, *, identities: IdentityResolver, pipeline: TurnPipeline, chat_access: ChatAccess, db: Database
    ) -> None:
        self._identities = identities
        self._pipeline = pipeline
        self._chat_access = chat_access
        self._db = db

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        token = _find_token(scope)
        identity = await self._identities.find(token, PATH) if token else None
        if token and (identity is None or not identity.user.is_verified):
            await send({"type": "websocket.close", "code": 4401, "reason": "Unauthorized"})
            return
        await send({"type": "websocket.accept"})
        headers = dict(scope["headers"])
        session = _SocketSession(
            pipeline=self._pipeline,
            chat_access=self._chat_access,
            db=self._db,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
            receive=receive,
            send=send,
        )
        if identity is None:
            identity = await self._authenticate(session)
            if identity is None:
                await session.send_error(messages.NOT_AUTHENTICATED)
                await send({"type": "websocket.close", "code": 4401, "reason": "Unauthorized"})
                return
        await session.run(identity)

    async def _authenticate(self, session: _SocketSession) -> Identity | None:
        """Return the identity of the token in the first message; None where it is missing or invalid."""
        try:
            message = await asyncio.wait_for(session.receive_json(), AUTHENTICATION_TIMEOUT)
        except TimeoutError:
            return None
        token = message.get("token") if isinstance(message, dict) else None
        identity = await self._identities.find(token if isinstance(token, str) else None, PATH)
        return identity if identity is not None and identity.user.is_verified else None


def _find_token(scope: Scope) -> str | None:
    """Return the token in the query, the `Authorization` header or the cookie."""
    tokens = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token")
    if tokens:
        return str(tokens[0])
    headers: dict[bytes, str] = {name: value.decode("latin-1") for name, value in scope["headers"]}
    scheme, _, credential = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip()
    cookie = SimpleCookie(headers.get(b"cookie", "")).get("token")
    return cookie.value if cookie is not None and cookie.value else None


class _Disconnected(Exception):
    """The client closed the socket."""


class _SocketSession:
    """One connection. It reads while a turn runs, so that the client can cancel it."""

    def __init__(
        self,
        *,
        pipeline: TurnPipeline,
        chat_access: ChatAccess,
        db: Database,
        user_agent: str,
        receive: Receive,
        send: Send,
    ) -> None:
        self._pipeline = pipeline
        self._chat_access = chat_access
        self._db = db
        self._user_agent = user_agent
        self._receive = receive
        self._send = send

    async def receive_json(self) -> Any:
        """Return the next message, decoded. A message that is not JSON is answered with an error and skipped.

        Raises:
            _Disconnected: the client closed the socket.
        """
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise _Disconnected
            text = message.get("text")
            try:
                return msgspec.json.decode(text if text is not None else message.get("bytes") or b"")
            except msgspec.DecodeError:
                await self.send_error("A message must be a JSON object.")

    async def send_text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def send_error(self, message: str) -> None:
        await self._create_sink().send_error(message)

    def _create_sink(self) -> WebSocketSink:
        return WebSocketSink(self.send_text, db=self._db)

    async def run(self, identity: Identity) -> None:
        """Run the turns that the client asks for, until it closes the socket."""
        running: asyncio.Task[None] | None = None
        sink: WebSocketSink | None = None
        try:
            while True:
                body = await self.receive_json()
                if running is not None and sink is not None and sink.is_over:
                    # The client has the last message of its turn, which may end a moment later here.
                    await asyncio.wait([running])
                if not isinstance(body, dict):
                    await self.send_error("A message must be a JSON object.")
                elif body.get("cancel") or body.get("type") == "cancel":
                    if running is not None and not running.done():
                        running.cancel()
                        await asyncio.wait([running])
                        await self.send_text('{"cancelled":true}')
                elif running is not None and not running.done():
                    await self.send_error("An answer is still under way: cancel it first.")
                elif "token" not in body:
                    sink = self._create_sink()
                    running = asyncio.create_task(show_failures(sink, self._run_turn(body, identity, sink)))
        except _Disconnected:
            pass
        finally:
            if running is not None:
                running.cancel()

    async def _run_turn(self, body: dict[str, Any], identity: Identity, sink: WebSocketSink) -> None:
        """Run one turn.

        Raises:
            HttpError: the request is not possible, the answer cannot be stored where it names, or the turn fails.
        """
        user = identity.user
        metadata = body.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        chat_id, message_id = metadata.get("chat_id"), metadata.get("message_id")
        if isinstance(chat_id, str) and isinstance(message_id, str):
            if not await self._chat_access.is_allowed(chat_id, user, "write"):
                raise HttpError(404, messages.NOT_FOUND)
            sink.stored_in = ChatMessageId(chat_id, message_id)
        completion_body = {key: value for key, value in body.items() if key != "metadata"}
        ctx = RequestContext(
            user=user,
            token=identity.token,
            auth_type="jwt" if identity.is_session else "api_key",
            user_agent=self._user_agent,
        )
        request = parse_turn_request({**completion_body, "stream": True})
        await self._pipeline.execute(Turn(request=request, ctx=ctx, sink=sink))
