"""The message of a channel that a model's answer is written to, while it grows and when it ends.

A task beside the turn writes it and shows it in the channel: several times a second while it is short, and less often
the longer it is, as each write sends the whole answer to everyone in the channel.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from fastback.completions.answer_output import Output, output_text
from fastback.features.channels.messages.model_answers import ModelAnswers
from fastback.kit.outages import choose_log_level
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.completions")

#: Seconds from one write to the next, and the characters of an answer for which that holds.
WRITE_INTERVAL, SHORT_ANSWER = 0.15, 50_000
#: Seconds that the end of a turn waits until its answer is stored.
END_PATIENCE = 0.5
#: Seconds before a failed write is tried again.
_RETRY_SECONDS = 1.0


class ChannelAnswer:
    """Write one answer. A write takes the state of its moment, so none is queued."""

    def __init__(
        self, *, answers: ModelAnswers, tasks: Tasks, channel_id: str, message_id: str, retry_seconds: float
    ) -> None:
        """`retry_seconds`: how long the end of the answer is tried to be stored."""
        self._answers = answers
        self._tasks = tasks
        self._channel_id = channel_id
        self._message_id = message_id
        self._retry_seconds = retry_seconds
        self._build_output: Any = None
        #: The text and the items of the finished answer; None while it grows.
        self._end: tuple[str, Output | None] | None = None
        self._ended_at = 0.0
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()
        self._stored = asyncio.Event()
        self._is_running = False
        #: Whether the message was deleted while the model wrote it, or another process has ended the answer.
        self.is_deleted = False

    @property
    def has_ended(self) -> bool:
        """Whether the end of the answer is set."""
        return self._end is not None

    def follow(self, build_output: Any) -> None:
        """Write what this function returns from now on: the items of the answer so far."""
        self._build_output = build_output

    def mark_grown(self, *, now: bool = False) -> None:
        """Have the answer so far written soon, or at once (`now`)."""
        self._changed.set()
        if now:
            self._urgent.set()
        if not self._is_running:
            self._is_running = True
            self._tasks.run_in_background(self._write_until_end(), may_finish=True)

    async def end(self, content: str, output: Output | None) -> None:
        """Set what the answer has come to, and wait a moment until it is stored. A second end has no effect."""
        if self._end is None:
            self._end = (content, output)
            self._ended_at = asyncio.get_running_loop().time()
            self.mark_grown(now=True)
        try:
            await asyncio.wait_for(self._stored.wait(), END_PATIENCE)
        except TimeoutError:
            log.info("the answer in channel message %s ends before it is stored", self._message_id)

    def lose(self) -> None:
        """Write nothing any more: another process has ended the answer, as it took this one for dead."""
        self.is_deleted = True
        self._stored.set()
        self._changed.set()
        self._answers.own_ids.discard(self._message_id)

    async def _write_until_end(self) -> None:
        try:
            await self._write_changes()
        finally:
            self._answers.own_ids.discard(self._message_id)

    async def _write_changes(self) -> None:
        while not self._stored.is_set() and not self.is_deleted:
            await self._changed.wait()
            self._changed.clear()
            self._urgent.clear()
            if self.is_deleted:
                return
            try:
                length = await self._write()
            except Exception as error:
                log.log(choose_log_level(error), "writing an answer to a channel failed, retrying", exc_info=error)
                if self._is_too_late():
                    log.error("writing the answer in channel message %s failed, its end is lost", self._message_id)
                    return
                self._changed.set()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            await self._pause(WRITE_INTERVAL * max(1.0, length / SHORT_ANSWER))

    def _is_too_late(self) -> bool:
        ended = self._end is not None
        return ended and asyncio.get_running_loop().time() - self._ended_at >= self._retry_seconds

    async def _pause(self, seconds: float) -> None:
        """Wait before the next write, unless one is urgent or none follows."""
        if self._stored.is_set() or self.is_deleted:
            return
        try:
            await asyncio.wait_for(self._urgent.wait(), seconds)
        except TimeoutError:
            pass

    async def _write(self) -> int:
        """Write the answer as it is now, and return the length of its text."""
        end = self._end
        output = self._build_output() if end is None and self._build_output is not None else None
        content, items = end if end is not None else (output_text(output or []), output)
        if end is None and not content and not items:
            return 0
        exists = await self._answers.write(
            self._channel_id,
            self._message_id,
            content,
            {"output": items} if items else None,
            is_done=end is not None,
        )
        if not exists:
            self.is_deleted = True
        if end is not None or not exists:
            self._stored.set()
        return len(content)
