"""One connection of `/api/ws/chat`: its messages, and the turn that runs on it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import msgspec
from starlette.requests import HTTPConnection

from fastback.access.identity import Identity
from fastback.completions.question_placement import QuestionPlacement
from fastback.completions.sinks.answer_storage import AnswerStorage
from fastback.completions.sinks.stored_answer import StoredAnswer
from fastback.completions.sinks.websocket import WebSocketSink
from fastback.completions.stages.admission import Admission
from fastback.completions.turn import Turn
from fastback.completions.turn_pipeline import TurnPipeline, show_failures
from fastback.completions.turn_request import parse_turn_request
from fastback.features.chats.chat_ids import is_stored
from fastback.kit.db import DatabaseError
from fastback.kit.http.application import Receive, Scope, Send
from fastback.kit.http.outage_responses import find_outage_response
from fastback.kit.json_decoding import decode_without_surrogates
from fastback.providers.request_context import RequestContext

#: Returns the identity behind a token; None where there is no such verified user, or no longer.
FindIdentity = Callable[[str | None], Awaitable[Identity | None]]


class Disconnected(Exception):
    """The client closed the socket."""


class SessionEnded(Exception):
    """The user is not signed in, or no longer."""


class ChatSocketServices(msgspec.Struct, frozen=True):
    """What all sessions share."""

    pipeline: TurnPipeline
    admission: Admission
    placement: QuestionPlacement
    storage: AnswerStorage


class ChatSocketSession:
    """One connection. It reads while a turn runs, so that the client can cancel it."""

    def __init__(self, *, services: ChatSocketServices, scope: Scope, receive: Receive, send: Send) -> None:
        self._services = services
        self._scope = scope
        self._receive = receive
        self._send = send
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running: asyncio.Task[None] | None = None
        self.token = ""

    def end(self) -> None:
        """Stop the running turn, and have `run` raise `SessionEnded`."""
        if self._running is not None:
            self._running.cancel()
        if not self._end.done():
            self._end.set_result(None)

    # -- messages --------------------------------------------------------------------------------------------------

    async def receive_json(self) -> Any:
        """Return the next message, decoded. A message that is not JSON is answered with an error and skipped.

        Raises:
            Disconnected: the client closed the socket.
            SessionEnded: `end` was called.
        """
        while True:
            message = await self._receive_message()
            text = message.get("text")
            try:
                return decode_without_surrogates(text if text is not None else message.get("bytes") or b"")
            except ValueError:
                await self.send_error("A message must be a JSON object.")

    async def _receive_message(self) -> Any:
        receiving = asyncio.ensure_future(self._receive())
        try:
            await asyncio.wait((receiving, self._end), return_when=asyncio.FIRST_COMPLETED)
            if self._end.done():
                raise SessionEnded
            message = receiving.result()
        finally:
            receiving.cancel()
        if message["type"] == "websocket.disconnect":
            raise Disconnected
        return message

    async def send_text(self, text: str) -> None:
        """Send a message; a client that is gone is ignored, as the next message to receive is its departure."""
        with suppress(OSError):
            await self._send({"type": "websocket.send", "text": text})

    async def send_error(self, message: str) -> None:
        await WebSocketSink(self.send_text).send_error(message)

    # -- turns -----------------------------------------------------------------------------------------------------

    async def run(self, token: str, find_identity: FindIdentity) -> None:
        """Run the turns that the client asks for. The identity behind the token is resolved for each.

        Raises:
            Disconnected: the client closed the socket.
            SessionEnded: the user is no longer signed in.
        """
        self.token = token
        sink: WebSocketSink | None = None
        try:
            while True:
                body = await self.receive_json()
                if self._running is not None and sink is not None and sink.is_over:
                    # The client has the last message of its turn, which may end a moment later here.
                    await asyncio.wait([self._running])
                if not isinstance(body, dict):
                    await self.send_error("A message must be a JSON object.")
                elif body.get("cancel") or body.get("type") == "cancel":
                    if await self._stop_turn():
                        await self.send_text('{"cancelled":true}')
                elif self._running is not None and not self._running.done():
                    await self.send_error("An answer is still under way: cancel it first.")
                elif "token" not in body:
                    try:
                        identity = await find_identity(token)
                    except DatabaseError as error:
                        if (response := find_outage_response(error, "a turn of a WebSocket")) is None:
                            raise
                        await self.send_error(response.detail)
                        continue
                    if identity is None:
                        raise SessionEnded
                    sink = WebSocketSink(self.send_text)
                    turn = self._run_turn(body, identity, sink)
                    self._running = asyncio.create_task(show_failures(sink, turn))
        finally:
            await self._stop_turn()

    async def _stop_turn(self) -> bool:
        """Stop the running turn, wait until what there is of its answer is stored, and return whether there was one."""
        if self._running is None or self._running.done():
            return False
        self._running.cancel()
        await asyncio.wait([self._running])
        return True

    async def _run_turn(self, body: dict[str, Any], identity: Identity, sink: WebSocketSink) -> None:
        """Run one turn.

        Raises:
            HttpError: the request is not possible, the answer cannot be stored where it names, or the turn fails.
        """
        metadata = body.pop("metadata", None)
        metadata = metadata if isinstance(metadata, dict) else {}
        chat_id, message_id = metadata.get("chat_id"), metadata.get("message_id")
        names_message = isinstance(chat_id, str) and isinstance(message_id, str)
        if names_message:
            body = {**body, "chat_id": chat_id, "id": message_id, "message_ids": None}
        request = parse_turn_request({**body, "stream": True})
        ctx = RequestContext(
            user=identity.user,
            token=identity.token,
            auth_type="jwt" if identity.is_session else "api_key",
            user_agent=HTTPConnection(self._scope).headers.get("user-agent", ""),
            scope=self._scope,
        )
        turn = Turn(request=request, ctx=ctx, sink=sink)
        if names_message:
            sink.stored_answer = await self._place_answer(turn)
        await self._services.pipeline.execute(turn)

    async def _place_answer(self, turn: Turn) -> StoredAnswer:
        """Put an empty answer into the chat, as a request over HTTP does.

        Raises:
            HttpError: the user may not write to the chat or use the model, or the id of the message is taken.
        """
        request, user, services = turn.request, turn.user, self._services
        turn.admitted_model = await services.admission.require_model(request.model_id, user)
        services.admission.require_free_slots(user)
        message_id = turn.message_id = str(request.slots[0].message_id)
        turn.keeps_answer = is_stored(request.chat_id)
        await services.placement.place_question(request, user, {message_id: str(uuid.uuid4())})
        return StoredAnswer(
            services.storage,
            chat_id=request.chat_id,
            message_id=message_id,
            user_id=user.id,
            on_loss=self._stop_lost_turn,
        )

    def _stop_lost_turn(self) -> None:
        """Stop the turn whose answer another process has ended."""
        if self._running is not None:
            self._running.cancel()
