"""Answers that are being written: what has come of each counts, not what the database has of it yet.

Those of this process are in memory. Another process is asked for its own when a chat is opened that has one.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import answer_store
from fastback.features.chats.messages.status_history import append_missing
from fastback.features.nodes.nodes import Nodes
from fastback.kit.cluster.node_calls import NodeCalls
from fastback.kit.db import Database
from fastback.kit.sliced_json import is_large_value
from fastback.kit.tasks import Tasks

log = logging.getLogger("fastback.chats")

#: The method that returns the latest state of a process's answers in a chat, and the seconds in which it replies.
_READ_METHOD, _READ_SECONDS = "answers.read", 2.0


class RunningAnswer(Protocol):
    """An answer whose end is not stored yet."""

    def add_latest_state(self, message: Message) -> Message:
        """Return the stored message with the latest text, output and status history."""
        ...


class OwnAnswer(RunningAnswer, Protocol):
    """One that this process writes."""

    def lose(self) -> None:
        """Store nothing any more: another process has ended the answer, as it took this one for dead."""
        ...


class RemoteAnswer:
    """An answer that another process writes, as it was a moment ago."""

    def __init__(self, fields: Message) -> None:
        self._fields = fields

    def add_latest_state(self, message: Message) -> Message:
        if message.get("done") is True:
            return message  # it has ended since
        statuses = self._fields.get("statusHistory")
        if not statuses:
            return {**message, **self._fields}
        history = message.get("statusHistory")
        merged = append_missing(history if isinstance(history, list) else [], statuses)
        return {**message, **self._fields, "statusHistory": merged}


#: Answers of one chat by message.
Answers = Mapping[str, RunningAnswer]


class RunningAnswers:
    """The running answers by chat and message. A turn adds its own, and removes it once its end is stored."""

    def __init__(self, *, db: Database, tasks: Tasks, nodes: Nodes, calls: NodeCalls) -> None:
        self._db = db
        self._tasks = tasks
        self._calls = calls
        self._by_chat: dict[str, dict[str, OwnAnswer]] = {}
        #: Which process writes which answer, if there are several.
        self._table = nodes.add_table("running-answers") if nodes.are_several else None
        calls.add(_READ_METHOD, self._read_own)
        nodes.loss_listeners.append(self._lose_all)

    def _lose_all(self) -> None:
        for answers in list(self._by_chat.values()):
            for answer in list(answers.values()):
                answer.lose()

    def add(self, chat_id: str, message_id: str, answer: OwnAnswer) -> None:
        self._by_chat.setdefault(chat_id, {})[message_id] = answer
        if self._table is not None:
            row_id = answer_store.build_row_id(chat_id, message_id)
            self._tasks.run_in_background(self._table.put(row_id, chat_id, message_id), may_finish=True)

    def remove(self, chat_id: str, message_id: str, answer: RunningAnswer) -> None:
        """Remove an answer, unless a later turn writes the same message by now."""
        answers = self._by_chat.get(chat_id, {})
        if answers.get(message_id) is answer:
            del answers[message_id]
            if not answers:
                del self._by_chat[chat_id]
            if self._table is not None:
                row_id = answer_store.build_row_id(chat_id, message_id)
                self._tasks.run_in_background(self._table.remove(row_id), may_finish=True)

    # -- other processes ---------------------------------------------------------------------------------------------

    async def _read_own(self, chat_id: str) -> dict[str, Message]:
        """Return the latest fields of the answers of this process in a chat."""
        answers = self._by_chat.get(chat_id, {})
        return {message_id: answer.add_latest_state({}) for message_id, answer in answers.items()}

    def is_written_elsewhere(self, chat_id: str) -> bool:
        """Return whether another process is writing an answer of a chat."""
        return self._table is not None and self._table.has_group(chat_id)

    async def load_others(self, chat_id: str) -> Answers:
        """Return the answers of a chat that other processes are writing.

        Where a process does not reply, what it has stored last counts. An answer that has ended meanwhile is missing.
        """
        if self._table is None:
            return {}
        entries = self._table.list_group(chat_id)
        node_ids = list({entry.node_id for entry in entries})
        replies = await self._calls.call_each(node_ids, _READ_METHOD, chat_id, seconds=_READ_SECONDS)
        answers: dict[str, RunningAnswer] = {}
        for fields_by_id in replies.values():
            answers |= {message_id: RemoteAnswer(fields) for message_id, fields in fields_by_id.items()}
        for entry in entries:
            if entry.node_id not in replies and (fields := await self._read_row(entry.key)) is not None:
                answers[entry.value] = RemoteAnswer(fields)
        return answers

    async def _read_row(self, row_id: str) -> Message | None:
        row = await answer_store.find_unfinished_answer(self._db, row_id)
        if row is None:
            return None
        fields: dict[str, Any] = {"done": False, "content": row.content, "output": row.output}
        return {
            **{name: value for name, value in fields.items() if value is not None},
            **({"statusHistory": row.status_history} if isinstance(row.status_history, list) else {}),
        }

    # -- this process ------------------------------------------------------------------------------------------------

    def list_row_ids(self) -> set[str]:
        """Return the rows of all messages that this process is writing."""
        return {
            answer_store.build_row_id(chat_id, message_id)
            for chat_id, answers in self._by_chat.items()
            for message_id in answers
        }

    def has_chat(self, chat_id: str) -> bool:
        """Return whether an answer of a chat is being written."""
        return chat_id in self._by_chat

    def list_message_ids(self, chat_id: str) -> set[str]:
        """Return the messages of a chat that are being written."""
        return set(self._by_chat.get(chat_id, ()))

    def overlay_document(self, chat_id: str, document: Document, others: Answers | None = None) -> None:
        """Replace the running answers in a chat's document, and those of `others`, by their latest state."""
        answers = {**(others or {}), **self._by_chat.get(chat_id, {})}
        for message_id, answer in answers.items():
            message = document.find_message(message_id)
            if message is not None:
                message = answer.add_latest_state(message)
                document.is_large = document.is_large or is_large_value(message)
                document.put_message(message_id, message)
        # Older clients read the list beside the tree, which newer ones leave without answers.
        encoded_list = bytes(document.fields.get("messages", b""))
        if any(message_id.encode() in encoded_list for message_id in answers):
            messages = document.get_field("messages")
            if isinstance(messages, list):
                document.set_field("messages", [self._overlay_message(message, answers) for message in messages])

    def overlay_messages(self, chat_id: str, messages: list[Message]) -> list[Message]:
        """Return the messages of a chat with the latest state of running answers."""
        answers = self._by_chat.get(chat_id)
        if answers is None:
            return messages
        return [self._overlay_message(message, answers) for message in messages]

    @staticmethod
    def _overlay_message(message: Message, answers: Answers) -> Message:
        message_id = message.get("id") if isinstance(message, dict) else None
        answer = answers.get(message_id) if isinstance(message_id, str) else None
        return message if answer is None else answer.add_latest_state(message)
