"""`WS /api/v1/audio/realtime`: a voice call, between the page and the Realtime API of the provider.

The first message authenticates: `{"type": "auth", "token", "model_id", "chat_id"?}`. When the provider is ready, the
page gets `bridge.ready`. An end that the page did not ask for comes as `{"type": "bridge.error", "message": …}`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

import aiohttp
import msgspec

from fastback.access.identity import IdentityResolver, User
from fastback.features.audio.call_protocol import RATE, CallProtocol, CallRefused
from fastback.features.audio.call_setup import CallForm, CallProvider, CallSetup
from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.connection_limits import ConnectionLimits
from fastback.kit.http.websocket_protocol import allow_large_messages
from fastback.kit.json_decoding import decode_json

PATH = "/api/v1/audio/realtime"

log = logging.getLogger("fastback.audio")

#: Characters of the first message, and bytes of any other one, in both directions.
_MAX_AUTH_LENGTH, MAX_EVENT_BYTES = 8192, 512 * 1024
#: Seconds for the first message, for the connection, for the whole beginning, and for sending one event.
_AUTH_SECONDS, _CONNECT_SECONDS, _START_SECONDS, _SEND_SECONDS = 10.0, 15.0, 30.0, 5.0
#: Seconds between two checks of the user's access, and of the longest call: providers end sessions after an hour.
ACCESS_CHECK_INTERVAL, MAX_CALL_SECONDS = 10.0, 3600.0

_CLOSED = "Voice provider connection closed"


class _Disconnected(Exception):
    """The page has closed its socket."""


class CallSocket:
    """The endpoint, an ASGI application."""

    def __init__(
        self,
        *,
        identities: IdentityResolver,
        setup: CallSetup,
        client: aiohttp.ClientSession,
        limits: ConnectionLimits,
    ) -> None:
        self._identities = identities
        self._setup = setup
        self._client = client
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        page = _Page(receive, send)
        message: str | None = None
        try:
            await self._run_call(scope, page)
        except _Disconnected:
            return
        except CallRefused as refused:
            message = str(refused)
        except TimeoutError:
            message = "Voice connection timed out"
        except aiohttp.ClientConnectionResetError:
            message = _CLOSED
        except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            # Errors of providers may contain credentials, or what was said: neither is logged or shown.
            log.warning("a voice call failed: %s", type(error).__name__)
            message = "Voice connection failed"
        with suppress(OSError, RuntimeError, TimeoutError, _Disconnected):
            if message is not None:
                await page.send_event({"type": "bridge.error", "message": message})
            await send({"type": "websocket.close", "code": 1000})

    async def _run_call(self, scope: Scope, page: _Page) -> None:
        with self._limits.hold_stranger(scope):
            form, token = await _receive_auth(page)
            user = await self._authenticate(token)
        allow_large_messages(scope)
        await self._setup.require_access(user)
        await self._setup.require_own_chat(form, user)
        provider = await self._setup.prepare(form, user)
        async with asyncio.timeout(_START_SECONDS):
            upstream = await self._connect(provider)
        async with upstream:
            async with asyncio.timeout(_START_SECONDS):
                await _open_session(upstream, provider)
            ready = {"type": "bridge.ready", "model": provider.model, "voice": provider.voice, "sample_rate": RATE}
            await page.send_event(ready)
            await self._forward(page, upstream, provider.protocol, token)

    async def _authenticate(self, token: str) -> User:
        identity = await self._identities.find(token, PATH)
        if identity is None or not identity.user.is_verified:
            raise CallRefused("Authentication expired or invalid")
        return identity.user

    async def _connect(self, provider: CallProvider) -> aiohttp.ClientWebSocketResponse:
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await self._client.ws_connect(
                    provider.url, headers=provider.headers, heartbeat=20, max_msg_size=MAX_EVENT_BYTES
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status in (401, 403):
                raise CallRefused(
                    "Realtime provider authentication rejected. Check the credentials and access."
                ) from None
            if error.status == 404:
                raise CallRefused("Realtime endpoint not found. Check the API base URL and deployment name.") from None
            raise

    async def _forward(
        self, page: _Page, upstream: aiohttp.ClientWebSocketResponse, protocol: CallProtocol, token: str
    ) -> None:
        """Forward events until one side closes, or the user may no longer call; raise what ended the call."""
        tasks = [
            asyncio.ensure_future(_forward_commands(page, upstream, protocol)),
            asyncio.ensure_future(_forward_events(upstream, page, protocol)),
            asyncio.ensure_future(self._watch_access(token)),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch_access(self, token: str) -> None:
        ends_at = asyncio.get_running_loop().time() + MAX_CALL_SECONDS
        while asyncio.get_running_loop().time() < ends_at:
            await asyncio.sleep(ACCESS_CHECK_INTERVAL)
            identity = await self._identities.find(token, PATH)
            if identity is None or not identity.user.is_verified or not self._setup.is_enabled:
                raise CallRefused("Call authorization expired")
            if not await self._setup.may_call(identity.user):
                raise CallRefused("Call permission revoked")
        raise CallRefused("Call session expired. Start a new call.")


class _Page:
    """The page's end of the call."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def receive_text(self) -> str:
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            raise _Disconnected
        return message.get("text") or ""

    async def send_event(self, event: Any) -> None:
        async with asyncio.timeout(_SEND_SECONDS):
            await self._send({"type": "websocket.send", "text": msgspec.json.encode(event).decode()})


async def _receive_auth(page: _Page) -> tuple[CallForm, str]:
    """Return the form of the call, and the token.

    Raises:
        CallRefused: the first message is something else. TimeoutError: it does not arrive.
    """
    async with asyncio.timeout(_AUTH_SECONDS):
        text = await page.receive_text()
    if len(text) > _MAX_AUTH_LENGTH:
        raise CallRefused("Invalid authentication message")
    auth = decode_json(text)
    if not isinstance(auth, dict) or auth.get("type") != "auth" or not isinstance(auth.get("token"), str):
        raise CallRefused("Authentication required")
    return CallForm(auth.get("model_id"), auth.get("chat_id")), auth["token"]


async def _open_session(upstream: aiohttp.ClientWebSocketResponse, provider: CallProvider) -> None:
    if (await upstream.receive_json(loads=decode_json)).get("type") != "session.created":
        raise CallRefused("Provider did not create a voice session")
    await _send_upstream(upstream, {"type": "session.update", "session": provider.session})
    if (await upstream.receive_json(loads=decode_json)).get("type") != "session.updated":
        raise CallRefused("Provider rejected voice configuration. Check model, voice, and transcription model.")


async def _send_upstream(upstream: aiohttp.ClientWebSocketResponse, event: Any) -> None:
    async with asyncio.timeout(_SEND_SECONDS):
        await upstream.send_str(msgspec.json.encode(event).decode())


async def _forward_commands(page: _Page, upstream: aiohttp.ClientWebSocketResponse, protocol: CallProtocol) -> None:
    while True:
        text = await page.receive_text()
        if len(text) > MAX_EVENT_BYTES or len(text.encode()) > MAX_EVENT_BYTES:
            raise CallRefused("Call event is too large")
        command = decode_json(text)
        if command == {"type": "bridge.ping"}:
            await page.send_event({"type": "bridge.pong"})
            continue
        for event in protocol.translate(command):
            await _send_upstream(upstream, event)


async def _forward_events(upstream: aiohttp.ClientWebSocketResponse, page: _Page, protocol: CallProtocol) -> None:
    async for message in upstream:
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise CallRefused(_CLOSED)
        event = decode_json(message.data)
        if not isinstance(event, dict):
            raise CallRefused("Invalid provider event")
        kind = str(event.get("type", ""))
        if kind == "error":
            error = event.get("error")
            if isinstance(error, dict) and error.get("code") == "response_cancel_not_active":
                continue  # the provider noticed the user's voice before the page cancelled the answer
            raise CallRefused("Voice provider rejected a request")
        reply = protocol.observe(event)
        if reply is not None:
            # Before the page can ask for another answer.
            await _send_upstream(upstream, reply)
        if kind.startswith(("response.", "conversation.item.", "input_audio_buffer.")):
            await page.send_event(event)
    raise CallRefused(_CLOSED)
