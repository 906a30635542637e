"""Answers that this process is writing: what has come of each counts, not what the database has of it yet."""

from __future__ import annotations

from typing import Protocol

from fastback.features.chats.document import Document, Message


class RunningAnswer(Protocol):
    """An answer whose end is not stored yet."""

    def add_latest_state(self, message: Message) -> Message:
        """Return the stored message with the latest text, output and status history."""
        ...


class RunningAnswers:
    """The running answers by chat and message. A turn adds its own, and removes it once its end is stored."""

    def __init__(self) -> None:
        self._by_chat: dict[str, dict[str, RunningAnswer]] = {}

    def add(self, chat_id: str, message_id: str, answer: RunningAnswer) -> None:
        self._by_chat.setdefault(chat_id, {})[message_id] = answer

    def remove(self, chat_id: str, message_id: str, answer: RunningAnswer) -> None:
        """Remove an answer, unless a later turn writes the same message by now."""
        answers = self._by_chat.get(chat_id, {})
        if answers.get(message_id) is answer:
            del answers[message_id]
            if not answers:
                del self._by_chat[chat_id]

    def has_chat(self, chat_id: str) -> bool:
        """Return whether an answer of a chat is being written."""
        return chat_id in self._by_chat

    def list_message_ids(self, chat_id: str) -> set[str]:
        """Return the messages of a chat that are being written."""
        return set(self._by_chat.get(chat_id, ()))

    def has_message(self, chat_id: str, message_id: str) -> bool:
        """Return whether a message is being written."""
        return message_id in self._by_chat.get(chat_id, ())

    def overlay_document(self, chat_id: str, document: Document) -> None:
        """Replace the running answers in a chat's document by their latest state."""
        answers = self._by_chat.get(chat_id, {})
        for message_id, answer in answers.items():
            message = document.find_message(message_id)
            if message is not None:
                document.put_message(message_id, answer.add_latest_state(message))
        # Older clients read the list beside the tree, which newer ones leave without answers.
        encoded_list = bytes(document.fields.get("messages", b""))
        if any(message_id.encode() in encoded_list for message_id in answers):
            messages = document.get_field("messages")
            if isinstance(messages, list):
                document.set_field("messages", self.overlay_messages(chat_id, messages))

    def overlay_messages(self, chat_id: str, messages: list[Message]) -> list[Message]:
        """Return the messages of a chat with the latest state of running answers."""
        answers = self._by_chat.get(chat_id)
        if answers is None:
            return messages
        return [self._overlay_message(message, answers) for message in messages]

    @staticmethod
    def _overlay_message(message: Message, answers: dict[str, RunningAnswer]) -> Message:
        message_id = message.get("id") if isinstance(message, dict) else None
        answer = answers.get(message_id) if isinstance(message_id, str) else None
        return message if answer is None else answer.add_latest_state(message)
