"""Skill creation: `/skills:create` in a question becomes the instructions for writing a skill from the chat.

The stored question stays as the user wrote it. Its `meta` keeps what the model was shown, so that later turns of the
chat show the same (`restore_instructions`).
"""

from __future__ import annotations

import re
from typing import Any

from fastback.access.permissions import Permissions
from fastback.completions.turn import Message, Turn
from fastback.features.chats.messages import turn_store
from fastback.features.prompts import system_messages
from fastback.kit.db import Database

Json = dict[str, Any]

_COMMAND = re.compile(r"/skills:create(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_FROM_CHAT = "Turn what this conversation has worked out into a skill that can be used again."
_INSTRUCTIONS = """\
[/skills:create] The user wants a new skill in the workspace. Write it and save it with create_skill; to change a
skill that exists already, use update_skill_files. Nothing in a skill is executed, so no terminal is needed.

The request:
{request}

The request may name sources (files, addresses, pasted text, this conversation) and say what the skill must and must
not contain. Read every source with the tools that you have before you write, and follow all that is said. Where
something is unclear, decide, and say what you have decided.

SKILL.md begins with front matter: `name` (lower case with hyphens, at most 64 characters) and `description` (what the
skill makes possible, in at most 1024 characters, without praise). Then come, under headings: what the skill does and
does not do; when to use it; what it needs; how to do it, in numbered steps with exact commands, paths and names; what
goes wrong; and how to check the result. Take commands and names from the sources, and invent none. Keep it short: 100
lines for a simple task, 200 for a large one. Long references, scripts and templates belong in files beside it.

At the end, tell the user the name of the skill, where it is, and in a sentence what it does."""
_NOT_ALLOWED = """\
[/skills:create] Skills can be created only with the permission for skills of the workspace, and with a model that has
the tools for skills. Say so in a sentence or two, and do not create or change a skill."""
_NOTHING_YET = """\
[/skills:create] The user wants to create a skill, but this chat holds nothing yet that it could be made from. Say in
a sentence or two that the command belongs in a chat that has the work or the material already."""


class SkillCreationStage:
    """Replace the command in the last question."""

    name = "skill_creation"

    def __init__(self, db: Database, permissions: Permissions) -> None:
        self._db = db
        self._permissions = permissions

    async def run(self, turn: Turn) -> None:
        if not turn.in_chat or (command := _COMMAND.fullmatch(turn.question.strip())) is None:
            return
        text = await self._write_instructions(turn, command[1])
        await self._store(turn, text)
        position = _find_last_question(turn.messages)
        turn.messages = [
            {**message, "content": text} if number == position else message
            for number, message in enumerate(turn.messages)
        ]

    async def _write_instructions(self, turn: Turn, request: str | None) -> str:
        user = turn.user
        may_write = user.is_admin or await self._permissions.has(user.id, "workspace.skills")
        if not may_write or "skills" not in turn.builtin_categories:
            return _NOT_ALLOWED
        questions = [message for message in turn.messages if message.get("role") == "user"]
        if not any(system_messages.get_text(question).strip() for question in questions[:-1]):
            return _NOTHING_YET
        return _INSTRUCTIONS.format(request=(request or "").strip() or _FROM_CHAT)

    async def _store(self, turn: Turn, text: str) -> None:
        """Keep what the model is shown beside the stored question."""
        question_id = turn.request.user_message.get("id")
        if not turn.is_stored or not isinstance(question_id, str):
            return
        question = await turn_store.find_message(self._db, turn.request.chat_id, question_id)
        if question is None:
            return
        meta = question.get("meta")
        entry = {"original_text": system_messages.get_text(question), "expanded_text": text}
        patch = {"meta": {**(meta if isinstance(meta, dict) else {}), "skills_create": entry}}
        await turn_store.save_message(self._db, turn.request.chat_id, question_id, patch, touch=False)


def restore_instructions(messages: list[Message]) -> list[Message]:
    """Return stored messages with what the model was shown of commands; a question that was edited stays as it is."""
    return [_restore(message) for message in messages]


def _restore(message: Message) -> Message:
    meta = message.get("meta")
    entry = meta.get("skills_create") if isinstance(meta, dict) else None
    if not isinstance(entry, dict) or entry.get("original_text") != system_messages.get_text(message):
        return message
    return {**message, "content": str(entry.get("expanded_text") or "")}


def _find_last_question(messages: list[Message]) -> int:
    numbers = [number for number, message in enumerate(messages) if message.get("role") == "user"]
    return numbers[-1] if numbers else -1
