"""The end of answers in channels that no process writes any more: after a start, and after the death of a process."""

from __future__ import annotations

import asyncio
import logging

from fastback.features.channels.messages import answer_store
from fastback.features.channels.messages.answer_store import UnfinishedAnswer
from fastback.features.channels.messages.model_answers import ModelAnswers
from fastback.features.chats.messages.answer_recovery import SETTLE_SECONDS
from fastback.features.chats.messages.left_over_answers import INTERRUPTED, end_item
from fastback.features.nodes.nodes import Nodes
from fastback.kit.db import Database
from fastback.kit.outages import find_outage
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.completions")

#: The method that returns which of some messages a process is writing.
_METHOD = "channel_answers.select_written"
#: Seconds before processes that did not reply are asked again.
_RETRY_SECONDS = 2.0


class LeftOverChannelAnswers:
    """Write behind the text of such answers that they were interrupted."""

    def __init__(self, *, db: Database, tasks: Tasks, answers: ModelAnswers, nodes: Nodes) -> None:
        self._db = db
        self._tasks = tasks
        self._answers = answers
        self._nodes = nodes
        nodes.answer_claims(_METHOD, lambda: answers.own_ids)
        nodes.death_listeners.append(lambda _: self.start_recovery())

    async def start_recovery(self) -> None:
        """End, in the background, the answers that are unfinished now and that no process writes."""
        unfinished = await answer_store.list_answers(self._db)
        if unfinished:
            self._tasks.run_through_outages(lambda: self._end_unwritten(unfinished))

    async def _end_unwritten(self, unfinished: list[UnfinishedAnswer]) -> None:
        if self._nodes.are_several:
            await asyncio.sleep(SETTLE_SECONDS)
        others = {answer.message_id: answer for answer in unfinished if answer.message_id not in self._answers.own_ids}
        while (unwritten_ids := await self._nodes.select_unclaimed(_METHOD, list(others))) is None:
            await asyncio.sleep(_RETRY_SECONDS)
            await self._nodes.look()
        for message_id in unwritten_ids:
            try:
                await self._end(others[message_id])
            except Exception as error:
                if find_outage(error) is not None:
                    raise
                log.exception("ending the answer in channel message %s failed, skipped", message_id)

    async def _end(self, answer: UnfinishedAnswer) -> None:
        stored = await self._answers.find_output(answer.message_id)
        if stored is None:
            await self._answers.forget(answer.message_id)
            return
        text, output = stored
        content = f"{text}\n\nError: {INTERRUPTED['content']}".strip()
        data = {"output": [end_item(item) for item in output]} if output else None
        if await self._answers.write(answer.channel_id, answer.message_id, content, data, is_done=True):
            log.info("ended the answer in channel message %s, which its process has left", answer.message_id)
