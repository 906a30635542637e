"""Outlet filters: plugins see the conversation with its finished answer, and may change what the chat stores of it."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from fastback.completions.answer_builder import AnswerBuilder
from fastback.completions.answer_output import output_text
from fastback.completions.plugins.filter_chain import FilterChain
from fastback.completions.turn import Message, Turn
from fastback.features.chats import store as chat_store
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.message_tree import walk_to_root
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError

log = logging.getLogger("fastback.plugins")

Json = dict[str, Any]

#: The fields of a stored message that filters see where it has them, besides those that they always see.
_OPTIONAL_FIELDS = ("output", "usage", "sources")


class OutletFilters:
    """Run `outlet` of the filters of turns; an error of a filter is logged, and nothing changes then.

    The page hears of the conversation after each answer that filters take part in, also where none has the hook.
    """

    def __init__(self, *, chain: FilterChain, db: Database, bus: Bus, running_answers: RunningAnswers) -> None:
        self._chain = chain
        self._db = db
        self._bus = bus
        self._running_answers = running_answers

    def has_hook(self, turn: Turn) -> bool:
        """Return whether a filter of the turn has the hook."""
        return bool(self._chain.list_with_hook(turn, "outlet"))

    async def run(self, turn: Turn, conversation: list[Message], answer: Message) -> None:
        """Run the filters on the stored chat; where the chat is not stored, on the conversation and its answer.

        `answer` has `content`, and `output`, `usage` and `finish_reason` where they are known.
        """
        if not turn.filters:
            return
        try:
            if turn.is_stored or turn.keeps_answer:
                filtered = await self._run_on_chat(turn, answer)
            else:
                filtered = await self._run(turn, _build_unstored_messages(turn, conversation, answer))
            if filtered:
                await turn.sink.emit("chat:outlet", {"messages": filtered})
        except HttpError as error:
            log.debug("outlet filters failed: %s", error.detail)
        except Exception:
            log.warning("outlet filters failed", exc_info=True)

    async def _run_on_chat(self, turn: Turn, answer: Message) -> list[Message]:
        """Run the filters on the branch of the answer, store what they change, and return its messages."""
        chat_id = turn.request.chat_id
        messages = await self._load_branch(chat_id, turn.message_id)
        if not messages:
            return []
        visible_messages = [_select_fields(message) for message in messages]
        if answer.get("finish_reason"):
            visible_messages[-1]["finish_reason"] = answer["finish_reason"]
        originals = {message["id"]: message for message in messages}
        filtered = await self._run(turn, visible_messages)
        patches = [
            (message["id"], patch)
            for message in filtered
            if message.get("id") in originals and (patch := _build_patch(originals[message["id"]], message))
        ]
        for message_id, patch in patches:
            await turn_store.save_message(self._db, chat_id, message_id, patch)
        if patches:
            await self._bus.publish(ChatWritten(chat_id, turn.user.id))
        return filtered

    async def _load_branch(self, chat_id: str, message_id: str) -> list[Message]:
        """Return the messages from the root of the chat down to the answer, the answer as it ended."""
        in_thread = await chat_store.is_large(self._db, chat_id)
        messages = await message_store.load_messages(self._db, chat_id, in_thread=in_thread)
        branch = list(walk_to_root(message_id, messages.get))[::-1]
        return self._running_answers.overlay_messages(chat_id, branch)

    async def _run(self, turn: Turn, messages: list[Message]) -> list[Message]:
        """Run the filters, and return the messages that they made of these.

        Raises:
            BadRequest: a filter raised.
        """
        filter_ids = turn.request.body.get("filter_ids")
        body: Json = {
            "model": turn.model.id,
            "messages": messages,
            "filter_ids": filter_ids if isinstance(filter_ids, list) else [],
            "chat_id": turn.request.chat_id,
            "session_id": turn.request.session_id,
            "id": messages[-1]["id"],
        }
        result, _ = await self._chain.run_hook(turn, "outlet", body)
        filtered = result.get("messages")
        return [message for message in filtered if isinstance(message, dict)] if isinstance(filtered, list) else []


def build_answer_message(answer: AnswerBuilder, *, is_streamed: bool = True, has_page: bool = False) -> Message:
    """Return a finished answer as outlet filters see it.

    For a page that is with its items; for a client of the API those of a streamed one that has more than text.
    """
    output = answer.build_output("completed")
    message: Message = {"content": output_text(output)}
    if has_page or (is_streamed and any(item.get("type") != "message" for item in output)):
        message["output"] = output
    if answer.usage:
        message["usage"] = answer.usage
    if answer.finish_reason:
        message["finish_reason"] = answer.finish_reason
    return message


def _build_unstored_messages(turn: Turn, conversation: list[Message], answer: Message) -> list[Message]:
    messages = [
        {"id": None, "role": message.get("role"), "content": _get_content(message), "info": None, "timestamp": None}
        for message in conversation
    ]
    message_id = turn.message_id or f"msg_{uuid.uuid4()}"
    head = {"id": message_id, "role": "assistant", "content": "", "info": None, "timestamp": None}
    return [*messages, {**head, **answer}]


def _select_fields(message: Message) -> Message:
    return {
        "id": message.get("id"),
        "role": message.get("role"),
        "content": _get_content(message),
        "info": message.get("info"),
        "timestamp": message.get("timestamp"),
        **{name: message[name] for name in _OPTIONAL_FIELDS if message.get(name)},
    }


def _get_content(message: Message) -> Any:
    output = message.get("output")
    return message.get("content") or output_text(output if isinstance(output, list) else [])


def _build_patch(original: Message, filtered: Message) -> Message:
    """Return the fields that a filter has changed, with the text before; none where it has changed nothing."""
    before, after = _get_content(original), _get_content(filtered)
    patch: Message = {}
    if filtered.get("output") and filtered["output"] != original.get("output"):
        patch["output"] = filtered["output"]
    if before != after:
        patch["content"] = after or ""
    return {"originalContent": before, **patch} if patch else {}
