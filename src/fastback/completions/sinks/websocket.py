"""The WebSocket `/api/ws/chat`: the chunks of the stream as they are, each in a message, and the answer stored once.

A chunk that is no valid JSON goes out with what could be read of it.

A turn ends with one last message, `[DONE]` or an error, whatever the model server sent. It goes out once the answer is
stored and the turn is over, so that the client may ask again at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import msgspec

from fastback import messages
from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_tags import TagSplitter, parse_reasoning_tags
from fastback.completions.failures import EXPECTED_FAILURES, describe_failure
from fastback.completions.sinks.answer_fields import build_answer_fields
from fastback.completions.sinks.stored_answer import StoredAnswer
from fastback.completions.turn import Sink, Turn
from fastback.features.chats.messages.left_over_answers import INTERRUPTED
from fastback.kit.pacing import let_others_run
from fastback.providers.response_body import MAX_STEP_BYTES
from fastback.providers.upstream import CompletionResponse

log = logging.getLogger("fastback.completions")

SendText = Callable[[str], Awaitable[None]]


class WebSocketSink(Sink):
    """Send one answer to a WebSocket; store it where the client named a message, also when it breaks off."""

    def __init__(self, send_text: SendText) -> None:
        self._send_text = send_text
        #: Where the answer is stored; set by the entrance once it has put an empty answer there.
        self.stored_answer: StoredAnswer | None = None
        self._answer = AnswerBuilder(TagSplitter())
        #: Whether the last message is on its way: nothing of the turn follows it.
        self.is_over = False
        self._last_text: str | None = None

    async def store_event(self, event: dict[str, Any]) -> bool:
        return self.stored_answer is not None and await self.stored_answer.add_event(event)

    async def deliver(self, turn: Turn, upstream: CompletionResponse) -> None:
        tags = parse_reasoning_tags(turn.parameters.get("reasoning_tags"))
        answer = self._answer = turn.answer = AnswerBuilder(TagSplitter(tags))
        if self.stored_answer is not None:
            self.stored_answer.follow(answer)
            fields: dict[str, Any] = {"role": "assistant", "model": turn.requested_model.id}
            if turn.sources:
                fields["sources"] = msgspec.to_builtins(turn.sources)
            self.stored_answer.set_fields(fields)
        try:
            if turn.sources:
                await self._send_json({"sources": turn.sources})
            if not upstream.is_stream:
                completion = await upstream.read_completion()
                await self._send_text((await completion.encode()).decode("utf-8", "replace"))
                await answer.feed_completion(completion)
            else:
                await self._send_chunks(upstream, answer)
        finally:
            upstream.close()
        self._last_text = "[DONE]"

    async def finish(self, turn: Turn) -> None:
        await self._store_end({})

    async def _send_chunks(self, upstream: CompletionResponse, answer: AnswerBuilder) -> None:
        async for payloads in upstream.payloads():
            for payload in payloads:
                if answer.feed(payload):
                    return
                if len(payload) > MAX_STEP_BYTES:
                    await let_others_run()  # other work goes on between two steps that take long
                if valid_payload := answer.get_valid_payload(payload):
                    await self._send_text(valid_payload.decode())
            if answer.take_messages() and self.stored_answer is not None:  # this client gets the chunks themselves
                self.stored_answer.mark_grown()

    async def _store_end(self, fields: dict[str, Any]) -> None:
        """Store the answer with these fields; wait a moment until it is stored."""
        if self.stored_answer is None:
            return
        answer = self._answer
        answer.close()
        if not answer.is_empty:
            status = "incomplete" if answer.finish_reason is None else "completed"
            fields = {**build_answer_fields(answer.build_output(status, strip=True)), **fields}
        if answer.usage:
            fields["usage"] = answer.usage
        self.stored_answer.end(fields)
        await asyncio.shield(self.stored_answer.wait_until_stored())

    async def cancel(self) -> None:
        self._last_text = None
        is_interrupted = self.stored_answer is not None and self.stored_answer.is_interrupted
        await self._store_end({"error": INTERRUPTED} if is_interrupted else {})

    async def fail(self, error: Exception) -> None:
        text = _describe_error(error)
        self._last_text = _format_error(text)
        await self._store_end({"error": {"content": text}})

    async def close(self) -> None:
        """Send the last message; a cancelled turn has none."""
        self.is_over = True
        if self._last_text is not None:
            await self._send_text(self._last_text)

    async def send_error(self, message: str) -> None:
        """Send `{"error": {"message": …}}`."""
        await self._send_text(_format_error(message))

    async def _send_json(self, value: Any) -> None:
        await self._send_text(msgspec.json.encode(value).decode())


def _describe_error(error: Exception) -> str:
    """Return the text to show. An unexpected error is logged, and its text not shown."""
    if isinstance(error, EXPECTED_FAILURES):
        return describe_failure(error)
    if isinstance(error, (TimeoutError, aiohttp.ClientError, OSError)):
        return messages.SERVER_CONNECTION_ERROR
    log.error("the turn of a WebSocket failed", exc_info=error)
    return "Internal Server Error"


def _format_error(message: str) -> str:
    return msgspec.json.encode({"error": {"message": message}}).decode()
