"""The stream of an answer to the page: batched by time, shared with other viewers, saved while it grows.

What has arrived since the last send goes out as one socket message; the next send follows no sooner than a moment
later. Another task saves the answer, so that the stream waits for no write.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.sinks.page_messages import PageMessages, SocketMessage
from fastback.completions.sinks.stored_answer import StoredAnswer
from fastback.kit.pacing import let_others_run

#: Seconds between two sends: what arrives meanwhile goes out together.
SEND_INTERVAL = 0.012
#: Seconds between two sends of the whole answer to other viewers of the chat.
SHARE_INTERVAL = 0.15
#: Messages that are sent without letting others run in between, and characters of a text that takes as long.
_MESSAGES_AT_ONCE, _LONG_TEXT = 16, 32 * 1024


class PageStream:
    """Stream one answer; at least `min_chunks` chunks go out together."""

    def __init__(
        self, *, answer: AnswerBuilder, messages: PageMessages, stored_answer: StoredAnswer, min_chunks: int
    ) -> None:
        self._answer = answer
        self._messages = messages
        self._stored_answer = stored_answer
        self._min_chunks = min_chunks
        self._arrived = asyncio.Event()
        self._last_share = 0.0

    async def run(self, stream: AsyncIterator[list[bytes]]) -> None:
        """Read the payloads of a stream to their end and send what they hold.

        Raises:
            ProviderStreamError: the server reported an error inside the stream.
            HttpError: the connection breaks.
        """
        loop = asyncio.get_running_loop()
        reading = loop.create_task(self._read(stream))
        try:
            while not reading.done():
                await self._arrived.wait()
                self._arrived.clear()
                await self._send()
                if self._answer.has_text and not reading.done():
                    # The pause ends with the answer: its last text must not wait.
                    await asyncio.wait((reading,), timeout=SEND_INTERVAL)
            await reading
        finally:
            reading.cancel()
        self._answer.close()
        await self._send()

    async def _read(self, stream: AsyncIterator[list[bytes]]) -> None:
        unsent_chunks = 0
        feed = self._answer.feed
        try:
            async for payloads in stream:
                for payload in payloads:
                    if feed(payload):
                        return
                unsent_chunks += len(payloads)
                if unsent_chunks >= self._min_chunks:
                    unsent_chunks = 0
                    self._arrived.set()
        finally:
            self._arrived.set()

    async def _send(self) -> None:
        socket_messages = self._answer.take_messages()
        for number, message in enumerate(socket_messages, 1):
            await self._messages.send(message)
            # A short answer begins with several messages: a pause after each would delay its first word.
            if number % _MESSAGES_AT_ONCE == 0 or _is_long(message):
                await let_others_run()
        if not socket_messages or not self._stored_answer.is_stored:
            return
        self._stored_answer.mark_grown()
        now = asyncio.get_running_loop().time()
        if now - self._last_share >= SHARE_INTERVAL and self._messages.has_other_viewers:
            self._last_share = now
            await self._answer.join_long_texts()
            await self._messages.send_to_others(
                {"output": self._answer.build_output(is_partial=True)}, is_snapshot=True
            )


def _is_long(message: SocketMessage) -> bool:
    """Return whether a message has a long piece of text; a very long text comes in several."""
    data = message["data"]  # a chunk that is passed on is encoded
    delta = data.get("delta") if isinstance(data, dict) else None
    return isinstance(delta, str) and len(delta) > _LONG_TEXT
