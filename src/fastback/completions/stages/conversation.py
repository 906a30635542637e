"""Conversation: the messages of the chat as it is stored, or those of the request."""

from __future__ import annotations

from typing import Any

from fastback.completions.answer_output import Output
from fastback.completions.conversation_images import list_image_addresses
from fastback.completions.model_messages import is_empty_answer, select_stored_messages
from fastback.completions.stages.skill_creation import restore_instructions
from fastback.completions.turn import Message, Turn
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.running_answers import RunningAnswers
from fastback.features.chats.messages.tool_calls import list_open_calls
from fastback.features.prompts import system_messages
from fastback.kit.db import Database


class ConversationStage:
    """Load the branch of the chat that ends at the question, or at the answer that is continued."""

    name = "conversation"

    def __init__(self, db: Database, running_answers: RunningAnswers) -> None:
        self._db = db
        self._running_answers = running_answers

    async def run(self, turn: Turn) -> None:
        request = turn.request
        messages = request.messages
        if turn.is_forwarded:
            turn.messages = messages
            return
        if turn.in_chat:
            messages = [message for message in messages if not is_empty_answer(message)]
        if turn.in_chat or turn.keeps_answer:
            turn.image_addresses = list_image_addresses(messages)
        branch = await self._load_branch(turn) if turn.in_chat and is_stored(request.chat_id) else []
        if branch:
            system = system_messages.find_system_message(messages)
            messages = [system, *branch] if system else branch
        if request.regeneration_prompt:
            messages = [*messages, {"role": "user", "content": request.regeneration_prompt}]
        turn.messages = messages

    async def _load_branch(self, turn: Turn) -> list[Message]:
        request = turn.request
        branch: list[Message] = []
        last_id = request.assistant_message_id or request.user_message.get("id")
        if isinstance(last_id, str):
            stored_messages = await turn_store.load_conversation(self._db, request.chat_id, last_id)
            # The end of the last answer is perhaps not stored yet.
            branch = self._running_answers.overlay_messages(request.chat_id, stored_messages)
            turn.image_addresses = list_image_addresses(branch)
        if request.assistant_message_id and branch and branch[-1].get("id") == request.assistant_message_id:
            turn.previous_output = _list_output(branch[-1])
            if list_open_calls(turn.previous_output):
                turn.has_open_calls = True
                branch = branch[:-1]  # it follows once its calls have run
        if request.regeneration_message_id:
            revised = await turn_store.find_message(self._db, request.chat_id, request.regeneration_message_id)
            if revised is not None:
                branch.append(revised)
        return select_stored_messages(restore_instructions(branch))


def _list_output(message: Message) -> Output:
    """Return the output items of a stored answer; one that was stored as text alone becomes an item."""
    output = message.get("output")
    if isinstance(output, list) and output:
        return output
    content = message.get("content")
    if not content:
        return []
    item: dict[str, Any] = {
        "type": "message",
        "id": message.get("id"),
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": content if isinstance(content, str) else ""}],
    }
    return [item]
