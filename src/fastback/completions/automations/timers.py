"""Set timers: a model has its prompt come back into its chat at a time."""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any

from fastback.completions.automations.timer_question import describe_turn
from fastback.completions.turn import Turn
from fastback.features.chats.timers import store
from fastback.features.chats.timers.cancellation import READ, USER_MESSAGE
from fastback.features.chats.timers.events import TimerSet
from fastback.kit.bus import Bus
from fastback.kit.clock import clock
from fastback.kit.db import Database

Json = dict[str, Any]

#: Timers of a user that wait at the same time, and characters of a prompt.
MAX_WAITING, MAX_PROMPT = 100, 100_000
_RELATIVE = re.compile(r"(?:\+|in )?(\d{1,9}) ?(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)")
_ABSOLUTE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)")
_SECOND = 10**9
_UNITS = {"s": _SECOND, "m": 60 * _SECOND, "h": 3600 * _SECOND, "d": 86_400 * _SECOND}
_INVALID_TIME = "at must be a relative time such as 10s or in 10 seconds, or an RFC 3339 timestamp with a timezone."
_NOT_FUTURE = "at must be in the future."
_LATEST = 2**62
_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
_TITLE_LENGTH = 60


class TimerRefused(Exception):
    """A timer cannot be set; the text is for the model."""


class Timers:
    """Set timers in chats."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus

    async def set_timer(self, turn: Turn, prompt: str, at: str, cancel_on: list[Any]) -> Json:
        """Set a timer in the chat of a turn, and return what the model reads of it.

        Raises:
            TimerRefused: the arguments are invalid, or too many timers wait.
        """
        prompt = prompt.strip()
        if not prompt:
            raise TimerRefused("prompt must not be empty.")
        if len(prompt) > MAX_PROMPT:
            raise TimerRefused(f"prompt must not be longer than {MAX_PROMPT} characters.")
        due_at = parse_due_time(at)
        events = list(dict.fromkeys(str(event) for event in cancel_on))
        if not set(events) <= {READ, USER_MESSAGE}:
            raise TimerRefused("cancel_on accepts only chat.read and chat.user_message.")
        if await store.count_waiting(self._db, turn.user.id) >= MAX_WAITING:
            raise TimerRefused(f"{MAX_WAITING} timers are set already. Wait until one has gone off.")
        await self._insert_timer(turn, prompt, due_at, events)
        await self._bus.publish(TimerSet(due_at))
        return {"status": "set", "at": _format_time(due_at), "cancel_on": events}

    async def _insert_timer(self, turn: Turn, prompt: str, due_at: int, events: list[str]) -> None:
        chat_id, message_id, model_id = str(uuid.uuid4()), str(uuid.uuid4()), turn.model.id
        message = {
            "id": message_id,
            "parentId": None,
            "childrenIds": [],
            "role": "user",
            "content": prompt,
            "timestamp": int(clock.time()),
            "models": [model_id],
        }
        document = {
            "id": chat_id,
            "title": f"Timer: {prompt[:_TITLE_LENGTH]}",
            "models": [model_id],
            "history": {"currentId": message_id, "messages": {message_id: message}},
            "messages": [{"role": "user", "content": prompt}],
        }
        meta = {
            "internal": True,
            "type": "timer",
            "parent_chat_id": turn.request.chat_id,
            "parent_message_id": turn.message_id or None,
            "timer_at": due_at,
            "status": "pending",
            "timer_model_id": model_id,
            "timer_task_message_id": message_id,
            "cancel_on": events,
            "run": describe_turn(turn),
        }
        await store.insert_timer(self._db, chat_id, turn.user.id, document, meta)


def parse_due_time(text: str) -> int:
    """Return the time (ns) of a duration from now, or of a timestamp of RFC 3339.

    Raises:
        TimerRefused: it is neither, or not in the future.
    """
    text, now = text.strip(), clock.time_ns()
    relative = _RELATIVE.fullmatch(" ".join(text.lower().split()))
    if relative is not None:
        due_at = now + int(relative[1]) * _UNITS[relative[2][0]]
    elif _ABSOLUTE.fullmatch(text):
        try:
            moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
            due_at = (moment - _EPOCH) // datetime.timedelta(microseconds=1) * 1000
        except (ValueError, OverflowError):
            raise TimerRefused(_INVALID_TIME) from None
    else:
        raise TimerRefused(_INVALID_TIME)
    if due_at <= now:
        raise TimerRefused(_NOT_FUTURE)
    if due_at > _LATEST:
        raise TimerRefused(_INVALID_TIME)
    return due_at


def _format_time(time_ns: int) -> str:
    moment = _EPOCH + datetime.timedelta(microseconds=time_ns // 1000)
    return moment.isoformat().replace("+00:00", "Z")
