"""`WS /api/ws/chat`: streaming without Socket.IO.

A client is let in by a token (or API key) in the query (`?token=`), the `Authorization` header, the cookie `token`, or
its first message (`{"token": …}`). Each text message is the body of a chat completion, with an optional
`metadata: {chat_id, message_id}` that names where the answer is kept; the provider's events come back as they are, then
`[DONE]`; errors as `{"error": …}`. `{"cancel": true}` stops the turn that runs. A socket runs one turn at a time.
"""

from __future__ import annotations

import asyncio
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import msgspec

from fastback import messages
from fastback.access.identity import Identity, IdentityResolver
from fastback.completions.answer import Answer, ProviderError, text_of
from fastback.completions.reasoning_tags import TagSplitter
from fastback.completions.service import Completions
from fastback.features.chats.messages import turn_store
from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.errors import HttpError
from fastback.providers.client import ProviderFailed, content_of, detail_of
from fastback.providers.request_context import RequestContext

PATH = "/api/ws/chat"

#: Seconds a client has to say who it is.
PATIENCE = 10


class ChatSocket:
    """The endpoint, as an ASGI application."""

    def __init__(self, identities: IdentityResolver, completions: Completions) -> None:
        self._identities = identities
        self._completions = completions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        token = _token(scope)
        identity = await self._identities.find(token, PATH) if token else None
        if token and (identity is None or not identity.user.is_verified):
            await send({"type": "websocket.close", "code": 4401, "reason": "Unauthorized"})
            return
        await send({"type": "websocket.accept"})
        headers = dict(scope["headers"])
        talk = _Talk(
            completions=self._completions,
            user_agent=headers.get(b"user-agent", b"").decode("latin-1"),
            receive=receive,
            send=send,
        )
        if identity is None:
            identity = await self._introduced(talk)
            if identity is None:
                await talk.error(messages.NOT_AUTHENTICATED)
                await send({"type": "websocket.close", "code": 4401, "reason": "Unauthorized"})
                return
        await talk.run(identity)

    async def _introduced(self, talk: _Talk) -> Identity | None:
        try:
            first = await asyncio.wait_for(talk.next(), PATIENCE)
        except TimeoutError:
            return None
        token = first.get("token") if isinstance(first, dict) else None
        identity = await self._identities.find(token if isinstance(token, str) else None, PATH)
        return identity if identity is not None and identity.user.is_verified else None


def _token(scope: Scope) -> str | None:
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token")
    if asked:
        return str(asked[0])
    headers: dict[bytes, str] = {name: value.decode("latin-1") for name, value in scope["headers"]}
    scheme, _, credential = headers.get(b"authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credential:
        return credential.strip()
    cookie = SimpleCookie(headers.get(b"cookie", "")).get("token")
    return cookie.value if cookie is not None and cookie.value else None


class _Gone(Exception):
    """The client closed the socket."""


class _Talk:
    """One connection: reads while a turn runs, so that it can be cancelled."""

    def __init__(self, *, completions: Completions, user_agent: str, receive: Receive, send: Send) -> None:
        self._completions = completions
        self._user_agent = user_agent
        self._receive = receive
        self._send = send

    def _ctx(self, identity: Identity) -> RequestContext:
        kind = "jwt" if identity.is_session else "api_key"
        return RequestContext(user=identity.user, token=identity.token, auth_type=kind, user_agent=self._user_agent)

    async def next(self) -> Any:
        """The next message, decoded; what is no JSON is answered with an error and passed over."""
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise _Gone
            text = message.get("text")
            try:
                return msgspec.json.decode(text if text is not None else message.get("bytes") or b"")
            except msgspec.DecodeError:
                await self.error("A message must be a JSON object.")

    async def text(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def error(self, detail: Any) -> None:
        await self.text(msgspec.json.encode({"error": {"message": detail_of(detail)}}).decode())

    async def run(self, identity: Identity) -> None:
        running: asyncio.Task[None] | None = None
        try:
            while True:
                body = await self.next()
                if not isinstance(body, dict):
                    await self.error("A message must be a JSON object.")
                elif body.get("cancel") or body.get("type") == "cancel":
                    if running is not None and not running.done():
                        running.cancel()
                        await asyncio.wait([running])
                        await self.text('{"cancelled":true}')
                elif running is not None and not running.done():
                    await self.error("An answer is still under way: cancel it first.")
                elif "token" not in body:
                    running = asyncio.create_task(self._turn(body, identity))
        except _Gone:
            pass
        finally:
            if running is not None:
                running.cancel()

    async def _turn(self, body: dict[str, Any], identity: Identity) -> None:
        try:
            await self._answer(body, identity)
        except ProviderFailed as error:
            await self.error(error.detail())
        except ProviderError as error:
            await self.error(error.detail)
        except HttpError as error:
            await self.error(error.detail)
        except (TimeoutError, aiohttp.ClientError, OSError):
            await self.error(messages.SERVER_CONNECTION_ERROR)
        except Exception as error:
            await self.error(str(error) or type(error).__name__)

    async def _answer(self, body: dict[str, Any], identity: Identity) -> None:
        user = identity.user
        metadata = body.get("metadata")
        keep = metadata if isinstance(metadata, dict) else {}
        chat_id, message_id = keep.get("chat_id"), keep.get("message_id")
        stored = isinstance(chat_id, str) and isinstance(message_id, str)
        if stored and not await self._completions.may_write(str(chat_id), user):
            raise HttpError(404, messages.NOT_FOUND)
        request = self._completions.read({**{k: v for k, v in body.items() if k != "metadata"}, "stream": True})
        model = await self._completions.model(request.model_id, user)
        services = self._completions.services
        ctx = self._ctx(identity)
        prepared = await services.context.prepare(request, model, ctx)
        upstream = await services.provider.open(prepared.model, prepared.payload, ctx)
        answer = Answer(TagSplitter())
        try:
            if prepared.sources:
                await self.text(msgspec.json.encode({"sources": prepared.sources}).decode())
            if not upstream.is_stream:
                found = await upstream.json()
                await self.text(msgspec.json.encode(found).decode())
                answer.feed(msgspec.json.encode({"choices": [{"delta": {"content": content_of(found)}}]}))
                return
            async for payloads in upstream.payloads():
                for payload in payloads:
                    answer.feed(payload)
                    await self.text(payload.decode())
                answer.take_frames()
        finally:
            upstream.close()
            answer.close()
            if stored and not answer.empty:
                output = answer.output("incomplete" if answer.finish_reason is None else "completed", strip=True)
                patch = {
                    "role": "assistant",
                    "content": text_of(output),
                    "output": output,
                    "done": True,
                    "model": model.id,
                }
                if prepared.sources:
                    patch["sources"] = msgspec.to_builtins(prepared.sources)
                await asyncio.shield(turn_store.save_message(services.db, str(chat_id), str(message_id), patch))
