"""Events that plugins emit: shown on the pages of the user, and stored where the chat keeps something of them."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback.completions.turn import Sink
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages.socket_messages import (
    changes_message,
    save_socket_messages,
    send_socket_message,
    touches_chat,
)
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.tasks import Tasks

Event = dict[str, Any]
_WaitingEvent = tuple[Event, asyncio.Future[None]]

#: Events that one write stores at most.
MAX_BATCH = 200


class EventTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Where the events of a plugin go; `chat_id` is empty where its request belongs to no chat."""

    user_id: str
    chat_id: str = ""
    message_id: str | None = None
    session_id: str | None = None


class PluginEvents:
    """Show and store events.

    While an answer is under way, its sink stores its events with it. Those of actions, and of plugins that work on
    after the end of their turn, are written to the message; events that come together are one write.
    """

    def __init__(self, *, db: Database, bus: Bus, tasks: Tasks) -> None:
        self._db = db
        self._bus = bus
        self._tasks = tasks
        #: Events that wait for their write, by chat and message.
        self._waiting: dict[tuple[str, str], list[_WaitingEvent]] = {}

    async def show(self, target: EventTarget, event: Event, sink: Sink | None = None) -> None:
        """Show an event, and store it.

        Raises:
            TypeError: the data of the event are invalid for its type; it was shown all the same.
        """
        await send_socket_message(
            self._bus, target.user_id, target.chat_id, target.message_id, event, session_id=target.session_id
        )
        if sink is not None and await sink.store_event(event):
            return
        if target.message_id and is_stored(target.chat_id) and changes_message(event):
            await self._store(target, target.message_id, event)

    async def _store(self, target: EventTarget, message_id: str, event: Event) -> None:
        stored = asyncio.get_running_loop().create_future()
        key = (target.chat_id, message_id)
        waiting = self._waiting.get(key)
        if waiting is None:
            waiting = self._waiting[key] = []
            self._tasks.run_in_background(self._write_waiting(target, message_id, waiting), may_finish=True)
        waiting.append((event, stored))
        await stored

    async def _write_waiting(self, target: EventTarget, message_id: str, waiting: list[_WaitingEvent]) -> None:
        """Write the events of a message until none waits."""
        try:
            while waiting:
                batch = waiting[:MAX_BATCH]
                del waiting[:MAX_BATCH]
                await self._write(target, message_id, batch)
        finally:
            del self._waiting[target.chat_id, message_id]
            for _, future in waiting:
                future.cancel()

    async def _write(self, target: EventTarget, message_id: str, batch: list[_WaitingEvent]) -> None:
        """Write events; where one of several is invalid, the others are written one by one."""
        events = [event for event, _ in batch]
        try:
            await save_socket_messages(self._db, target.chat_id, message_id, events)
        except Exception as error:
            if len(batch) > 1 and isinstance(error, TypeError):
                for entry in batch:
                    await self._write(target, message_id, [entry])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for _, future in batch:
            if not future.done():
                future.set_result(None)
        if any(map(touches_chat, events)):
            await self._bus.publish(ChatWritten(target.chat_id, target.user_id))
