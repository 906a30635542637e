"""A completion for an API client that outlet filters see once it is complete."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastback.completions.answer_builder import AnswerBuilder, ProviderStreamError
from fastback.completions.answer_tags import TagSplitter
from fastback.completions.plugins.outlet_filters import OutletFilters, build_answer_message
from fastback.completions.turn import Turn
from fastback.kit.tasks import Tasks
from fastback.providers.completion import Completion
from fastback.providers.upstream import CompletionResponse

_DONE = b"[DONE]"


class OutletResponse(CompletionResponse):
    """Pass a completion on, and run the outlet filters at its end.

    Those of a stream start before its `[DONE]`, on which clients hang up, and then run to their end. The turn in the
    plugin process ends after them.
    """

    def __init__(self, response: CompletionResponse, *, filters: OutletFilters, turn: Turn, tasks: Tasks) -> None:
        self._response = response
        self._filters = filters
        self._turn = turn
        self._tasks = tasks
        self._conversation = turn.messages
        self._answer = AnswerBuilder(TagSplitter(()))
        self._running: asyncio.Future[None] | None = None
        self._close_turn, turn.closer = turn.closer, self._end_turn

    @property
    def is_stream(self) -> bool:
        return self._response.is_stream

    async def read_completion(self) -> Completion:
        completion = await self._response.read_completion()
        await self._show(completion)
        return completion

    async def read_body(self) -> bytes:
        body, completion = await self._response.read_answer()
        if completion is not None:
            await self._show(completion)
        return body

    async def _show(self, completion: Completion) -> None:
        """Run the outlet filters on a whole completion."""
        await self._answer.feed_completion(completion)
        if not self._answer.is_empty:
            message = build_answer_message(self._answer, is_streamed=False)
            await self._filters.run(self._turn, self._conversation, message)

    async def payloads(self) -> AsyncIterator[list[bytes]]:
        async for payloads in self._response.payloads():
            for payload in payloads:
                if payload == _DONE:
                    self._start_filters()
                elif self._running is None:
                    self._feed(payload)
            yield payloads
        self._start_filters()
        if self._running is not None:
            await asyncio.shield(self._running)

    def _feed(self, payload: bytes) -> None:
        try:
            self._answer.feed(payload)
        except ProviderStreamError:
            pass  # the client gets the error; the text until then is the answer
        self._answer.take_messages()

    def _start_filters(self) -> None:
        if self._running is not None or self._answer.is_empty:
            return
        self._answer.close()
        self._running = asyncio.get_running_loop().create_future()
        self._tasks.run_in_background(self._run_filters(self._running), may_finish=True)

    async def _run_filters(self, running: asyncio.Future[None]) -> None:
        try:
            await self._filters.run(self._turn, self._conversation, build_answer_message(self._answer))
        finally:
            running.set_result(None)

    def _end_turn(self) -> None:
        if self._close_turn is None:
            return
        if self._running is None:
            self._close_turn()
        else:
            close_turn = self._close_turn
            self._running.add_done_callback(lambda _: close_turn())

    def close(self) -> None:
        self._response.close()
