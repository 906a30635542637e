"""The end of answers that no process writes any more: after a start, and after the death of another process."""

from __future__ import annotations

import asyncio
import logging

from fastback.features.chats.messages import answer_store
from fastback.features.chats.messages.answer_store import AnswerId
from fastback.features.chats.messages.left_over_answers import INTERRUPTED, awaits_decision, finish_answer
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.chats.turn_events import TurnEvent
from fastback.features.nodes.nodes import Nodes
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database, indexes
from fastback.kit.outages import find_outage
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.chats")

#: The method that returns which of some rows a process is writing.
_METHOD = "answers.select_written"
#: Seconds between the message of a new answer in the database and the task that writes it, at most.
SETTLE_SECONDS = 1.5
#: Seconds before processes that did not reply are asked again.
_RETRY_SECONDS = 2.0


class LeftOverAnswers:
    """Mark answers that were left unfinished as done and interrupted, and tell their pages."""

    def __init__(self, *, db: Database, tasks: Tasks, bus: Bus, running_answers: RunningAnswers, nodes: Nodes) -> None:
        self._db = db
        self._tasks = tasks
        self._bus = bus
        self._running_answers = running_answers
        self._nodes = nodes
        nodes.answer_claims(_METHOD, running_answers.list_row_ids)
        nodes.death_listeners.append(self._end_after_death)

    async def select_unwritten(self, answer_ids: list[AnswerId]) -> list[AnswerId] | None:
        """Return the answers that no process is writing; None where a process does not say which it writes."""
        own_ids = self._running_answers.list_row_ids()
        row_ids = [answer_id.row_id for answer_id in answer_ids if answer_id.row_id not in own_ids]
        unwritten_ids = await self._nodes.select_unclaimed(_METHOD, row_ids)
        if unwritten_ids is None:
            return None
        return [answer_id for answer_id in answer_ids if answer_id.row_id in set(unwritten_ids)]

    async def start_recovery(self) -> None:
        """End, in the background, the answers that earlier processes left unfinished.

        They are listed now, before the first request, so that no answer of this process is among them, whatever the
        clock says. A database without our index is too large to be searched now: there the rows count that were last
        written before the start, which misses those of a clock that was ahead until the next start.
        """
        started_at = int(clock.time())
        answer_ids: list[AnswerId] | None = None
        if await indexes.has_index(self._db, answer_store.INDEX):
            answer_ids = await answer_store.list_unfinished_ids(self._db)

        async def recover_answers() -> None:
            nonlocal answer_ids
            if answer_ids is None:
                await indexes.ensure_index(self._db, answer_store.INDEX)
                answer_ids = await answer_store.list_unfinished_ids(self._db, before=started_at)
            count = await self._end_unwritten(answer_ids)
            if count:
                log.info("ended %d answers that were unfinished when a process last stopped", count)

        self._tasks.run_through_outages(recover_answers)

    async def _end_after_death(self, node_id: str) -> None:
        async def end_answers() -> None:
            count = await self._end_unwritten(await answer_store.list_unfinished_ids(self._db))
            if count:
                log.info("ended %d answers of process %s", count, node_id)

        self._tasks.run_through_outages(end_answers)

    async def _end_unwritten(self, answer_ids: list[AnswerId]) -> int:
        """End those of the answers that no process is writing, and return how many."""
        if answer_ids and self._nodes.are_several:
            await asyncio.sleep(SETTLE_SECONDS)
        while (unwritten := await self.select_unwritten(answer_ids)) is None:
            await asyncio.sleep(_RETRY_SECONDS)
            await self._nodes.look()
        count = 0
        for answer_id in unwritten:
            count += await self._end_answer(answer_id)
        return count

    async def _end_answer(self, answer_id: AnswerId) -> bool:
        """Mark an answer as done and interrupted, unless it waits for a decision on a tool call."""
        try:
            row = await answer_store.find_unfinished_answer(self._db, answer_id.row_id)
            if row is None:
                return False
            failure = {"error": INTERRUPTED, "done": True}
            is_waiting = awaits_decision(row.output)
            if not is_waiting and await finish_answer(self._db, answer_id, {"error": INTERRUPTED}) is None:
                return False
            await self._show_end(answer_id, None if is_waiting else failure)
            return not is_waiting
        except Exception as error:
            if find_outage(error) is not None:
                raise
            log.exception("ending the answer of message %s failed, skipped", answer_id.message_id)
            return False

    async def _show_end(self, answer_id: AnswerId, failure: dict[str, object] | None) -> None:
        """Show pages that an answer has failed, and that its chat is idle unless another turn runs in it."""
        owner = await answer_store.find_owner(self._db, answer_id.row_id)
        if owner is None:
            return
        messages: list[dict[str, object]] = []
        if failure is not None:
            messages.append({"type": "chat:message:error", "data": failure})
        if not self._tasks.list_group_ids(answer_id.chat_id):
            messages.append({"type": "chat:active", "data": {"active": False, "folder_id": owner.folder_id}})
        for message in messages:
            await self._bus.publish(
                TurnEvent(owner.user_id, answer_id.chat_id, answer_id.message_id, message, shared=message)
            )
