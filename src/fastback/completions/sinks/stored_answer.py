"""The message of a chat that an answer is stored in, while it grows and when it ends.

A task beside the turn writes what has changed: nothing that shows the answer waits for the database, so that one which
is away or slow takes neither text nor the end from the page.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.sinks.answer_fields import build_answer_fields
from fastback.completions.sinks.answer_storage import AnswerStorage
from fastback.completions.sinks.event_changes import EventChanges, SocketMessage
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.document import Message
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.socket_messages import touches_chat
from fastback.features.chats.messages.status_history import append_missing
from fastback.features.chats.messages.turn_store import AnswerEnded
from fastback.kit.outages import find_outage

log = logging.getLogger("fastback.completions")

#: Seconds from one write of a growing answer to the next. With the time that a write takes, a killed process loses less
#: than a second of text. The pause does not depend on how long a write waited: a slow one must not delay the next.
SAVE_INTERVAL = 0.75
#: Seconds that the end of a turn waits until its answer is stored, before the page hears of it.
END_PATIENCE = 0.5
#: Seconds that one write may take before it is tried again.
_WRITE_TIMEOUT = 30.0
#: Seconds before the first retry of a failed write, and the most before a later one: each pause is twice as long.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
#: The same while the server stops.
_PAUSE_WHILE_STOPPING = 0.1


class StoredAnswer:
    """Store one answer. For a chat that is not stored (a temporary one) every method does nothing.

    While the answer grows only its row in `chat_message` is written; the chat's document follows when a field changes,
    and at the end. A write takes the state of its moment, so at most one is under way and none is queued. A failed
    write is tried again, until the answer has ended and `retry_seconds` have passed.
    """

    def __init__(
        self,
        storage: AnswerStorage,
        *,
        chat_id: str,
        message_id: str,
        user_id: str,
        on_loss: Callable[[], None] | None = None,
    ) -> None:
        """`on_loss` is called where another process has ended the answer, see `lose`."""
        self._storage = storage
        #: Whether another process has ended the answer.
        self.is_lost = False
        self._chat_id = chat_id
        self._message_id = message_id
        self._user_id = user_id
        self.is_stored = is_stored(chat_id)
        #: None once nothing is stored any more: what it refers to refers to this answer, and would keep its text.
        self._on_loss = on_loss if self.is_stored else None
        #: The chat's title; empty until the end is stored.
        self.title = ""
        self._answer: AnswerBuilder | None = None
        #: The fields and statuses that this turn has set.
        self._fields: Message = {}
        self._statuses: list[Any] = []
        #: Those of the fields that are not in the document yet, and whether the chat counts as changed by them.
        self._unsaved_fields: Message = {}
        self._touches_chat = False
        #: How many of the statuses are in the document, and how many in the row.
        self._document_status_count = self._row_status_count = 0
        self._events = EventChanges(storage.db, chat_id, message_id)
        self._has_unsaved_text = False
        self._has_grown = False
        self._has_ended = False
        self._ended_at = 0.0
        self._next_save: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._has_changed = asyncio.Event()
        self._end_stored = asyncio.Event()
        self._is_saving = False
        if self.is_stored:
            storage.running_answers.add(chat_id, message_id, self)

    @property
    def is_interrupted(self) -> bool:
        """Whether the server stops: an answer that is cancelled now is so for the server's end, not by its user."""
        return self._storage.tasks.stopping.is_set()

    def lose(self) -> None:
        """Store nothing any more: another process has ended the answer, as it took this one for dead."""
        if self.is_lost or self._end_stored.is_set():
            return
        self.is_lost = True
        log.warning("another process has ended the answer of message %s, stopping it here", self._message_id)
        self._end_stored.set()
        self._has_changed.set()
        if self._timer is not None:
            self._timer.cancel()
        if not self._is_saving:
            self._storage.running_answers.remove(self._chat_id, self._message_id, self)
        on_loss, self._on_loss = self._on_loss, None
        if on_loss is not None:
            on_loss()

    # -- what changes ----------------------------------------------------------------------------------------------

    def add_status(self, status: dict[str, Any]) -> None:
        """Add a line to those above the answer."""
        if self.is_stored:
            self._statuses.append(status)
            self._save_now()

    def set_fields(self, fields: Message, *, touch: bool = True) -> None:
        """Change fields of the message; with `touch` the chat counts as changed."""
        if self.is_stored:
            self._fields |= fields
            self._unsaved_fields |= fields
            self._touches_chat |= touch
            self._save_now()

    async def add_files(self, files: list[Any]) -> list[Any]:
        """Add files to those of the message, and return all; pages of chats that are not stored get the new ones."""
        if not self.is_stored:
            return files
        await self._events.load_stored()
        existing = self._fields.get("files", self._events.get_stored_field("files"))
        merged = [*existing, *files] if isinstance(existing, list) else files
        self.set_fields({"files": merged}, touch=False)
        return merged

    async def add_event(self, event: SocketMessage) -> bool:
        """Store what the chat keeps of a plugin's event; return False if the answer has ended.

        Raises:
            TypeError: the data of the event are invalid for its type.
        """
        if not self.is_stored or not self._events.admit(event):
            return True
        await self._events.load_stored()
        if self._has_ended:
            await self.wait_until_stored()
            return False
        if event.get("type") == "status":
            self._statuses.append(event.get("data") or {})
        else:
            changed = self._events.apply(event, self._fields)
            self._fields |= changed
            self._unsaved_fields |= changed
            self._has_unsaved_text |= touches_chat(event)
            self._touches_chat |= touches_chat(event)
        self._save_soon()
        return True

    def follow(self, answer: AnswerBuilder) -> None:
        """Store the text of an answer from now on, once `mark_grown` says that it has grown."""
        self._answer = answer

    def mark_grown(self) -> None:
        """Have the answer so far stored, at most `SAVE_INTERVAL` after it has grown."""
        if self._has_grown or not self.is_stored:
            return
        self._has_grown = True
        if self._next_save is None:
            self._next_save = asyncio.get_running_loop().time() + SAVE_INTERVAL  # the first token waits for no write
        self._save_soon()

    def _save_soon(self) -> None:
        """Have what has changed stored, at most `SAVE_INTERVAL` after the last write."""
        loop = asyncio.get_running_loop()
        if self._next_save is None or self._next_save <= loop.time():
            self._save_now()
        elif self._timer is None:
            self._timer = loop.call_at(self._next_save, self._save_now)

    def end(self, fields: Message, *, is_done: bool = True) -> None:
        """Set what the answer has come to. A second end has no effect. One that is not done goes on later."""
        if self.is_stored and not self._has_ended:
            if not fields.get("content") and self._events.text:
                fields = {**fields, "content": self._events.text}
            self.set_fields({**fields, "done": is_done})
            self._has_ended = True
            self._ended_at = asyncio.get_running_loop().time()

    async def wait_until_stored(self) -> None:
        """Wait a moment until the end is stored; if that takes longer, it is stored in the background."""
        if not self._has_ended:
            return
        try:
            await asyncio.wait_for(self._end_stored.wait(), END_PATIENCE)
        except TimeoutError:
            log.info("the answer of message %s ends before it is stored", self._message_id)

    def add_latest_state(self, message: Message) -> Message:
        """Return the stored message with what has come of the answer, whichever part of it is stored."""
        latest: Message = {**message, "done": self._has_ended, **self._build_growth(), **self._fields}
        if self._statuses:
            history = message.get("statusHistory")
            latest["statusHistory"] = append_missing(history if isinstance(history, list) else [], self._statuses)
        return latest

    def _build_growth(self, *, is_partial: bool = False) -> Message:
        """Return the fields that hold the answer so far; none before its first text, and once its end is set."""
        if self._has_ended:
            return {}
        text = self._events.text
        has_begun = self._answer is not None and not self._answer.is_empty
        growth = (
            build_answer_fields(self._answer.build_output(is_partial=is_partial)) if self._answer and has_begun else {}
        )
        return growth if growth.get("content") or text is None else {**growth, "content": text}

    async def _build_long_growth(self) -> Message:
        """Return the answer so far; what comes of a long one meanwhile is left to the next write."""
        if self._answer is not None and not self._has_ended:
            await self._answer.join_long_texts()
        return self._build_growth(is_partial=True)

    # -- storing ---------------------------------------------------------------------------------------------------

    def _save_now(self) -> None:
        self._has_changed.set()
        if not self._is_saving and not self.is_lost:
            self._is_saving = True
            self._storage.tasks.run_in_background(self._save_until_end(), may_finish=True)

    async def _save_until_end(self) -> None:
        """Write each change, until the end is stored or storing it is given up."""
        failure_count = 0
        try:
            while not self._end_stored.is_set():
                await self._has_changed.wait()
                self._has_changed.clear()
                if self.is_lost:
                    return
                try:
                    async with asyncio.timeout(_WRITE_TIMEOUT):
                        await self._save()
                    failure_count = 0
                except AnswerEnded:
                    self.lose()
                except Exception as error:
                    failure_count += 1
                    if self._seconds_since_end() >= self._storage.retry_seconds:
                        self._log_loss(str(error) or type(error).__name__)
                        return
                    await self._pause(error, failure_count)
                    self._has_changed.set()
        except asyncio.CancelledError:
            if self._has_ended:
                self._log_loss("the server stopped")
            raise
        finally:
            self._storage.running_answers.remove(self._chat_id, self._message_id, self)
            self._on_loss = None

    def _seconds_since_end(self) -> float:
        """Return how long ago the end was set; a negative number before it."""
        return asyncio.get_running_loop().time() - self._ended_at if self._has_ended else -1.0

    def _log_loss(self, reason: str) -> None:
        log.error("saving the answer of message %s failed, its end is lost: %s", self._message_id, reason)

    async def _pause(self, error: Exception, failure_count: int) -> None:
        """Wait before a retry; a server that stops has little time, and hurries."""
        seconds = min(_FIRST_PAUSE * 2 ** (failure_count - 1), _LONGEST_PAUSE)
        if failure_count & (failure_count - 1) == 0:  # 1, 2, 4, 8, …: a long outage must not fill the log
            text = "saving the answer of message %s failed, retrying in %g s: %s"
            fault = error if find_outage(error) is None else None
            log.warning(text, self._message_id, seconds, str(error) or type(error).__name__, exc_info=fault)
        stopping = self._storage.tasks.stopping
        if stopping.is_set():
            await asyncio.sleep(_PAUSE_WHILE_STOPPING)
            return
        try:
            await asyncio.wait_for(stopping.wait(), seconds)
        except TimeoutError:
            pass

    async def _save(self) -> None:
        """Write what has changed since the last write."""
        self._next_save = asyncio.get_running_loop().time() + SAVE_INTERVAL
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        has_ended, has_grown, self._has_grown = self._has_ended, self._has_grown, False
        has_unsaved_text, self._has_unsaved_text = self._has_unsaved_text, False
        try:
            if self._unsaved_fields or has_unsaved_text:
                await self._save_fields()
            else:
                await self._save_statuses()
                if has_grown and not has_ended:
                    await self._save_growth()
        except BaseException:
            self._has_grown |= has_grown
            self._has_unsaved_text |= has_unsaved_text
            raise
        if has_ended:
            self.title = await turn_store.get_title(self._storage.db, self._chat_id)
            await self._storage.bus.publish(ChatWritten(self._chat_id, self._user_id))
            self._end_stored.set()

    async def _save_fields(self) -> None:
        """Write the changed fields and statuses to the document and to the row, which would lose its text otherwise."""
        growth = await self._build_long_growth()
        fields, status_count = dict(self._unsaved_fields), len(self._statuses)
        await turn_store.save_message(
            self._storage.db,
            self._chat_id,
            self._message_id,
            {**growth, **fields},
            statuses=self._statuses[self._document_status_count : status_count],
            touch=self._touches_chat,
            is_unfinished=True,
        )
        self._document_status_count = self._row_status_count = status_count
        # Fields that have changed meanwhile are written next.
        self._unsaved_fields = {
            name: value
            for name, value in self._unsaved_fields.items()
            if name not in fields or fields[name] is not value
        }

    async def _save_statuses(self) -> None:
        """Append new statuses to the row: writing all of the document now would delay the first word of the answer."""
        while self._row_status_count < len(self._statuses):
            statuses = self._statuses[self._row_status_count :]
            await turn_store.add_statuses(self._storage.db, self._chat_id, self._message_id, statuses)
            self._row_status_count += len(statuses)

    async def _save_growth(self) -> None:
        """Write the answer so far to its row."""
        growth = await self._build_long_growth()
        if "output" in growth:
            await turn_store.save_progress(
                self._storage.db, self._chat_id, self._message_id, growth["content"], growth["output"]
            )
