"""Skills: the instructions of chosen and mentioned skills, and of the model's own, go into the system prompt.

Open WebUI can leave a model's own skills to a tool that loads them. There is no such tool here yet, so that they are
added in full, as Open WebUI does for models without tools.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from fastback.completions.turn import Message, Turn
from fastback.features.prompts import system_messages
from fastback.features.skills import service
from fastback.features.skills.files import MAIN_FILE
from fastback.kit.http.errors import HttpError
from fastback.records.access import RecordAccess

#: Skills that one turn takes, and characters of the instructions of each.
_MAX_SKILLS, _MAX_CHARACTERS = 50, 100_000
#: A mention that the page writes for `$` and `/`: `<$id|label>`, `<$id>` and `</id|label>`.
_MENTION = re.compile(r"<(?:\$([a-z0-9_-]{1,255})(?:\|([^<>]{0,255}))?|/([a-z0-9_-]{1,255})\|([^<>]{0,255}))>")


class _LoadedSkill(msgspec.Struct):
    id: str
    name: str
    text: str


class SkillsStage:
    """Add the instructions of skills to the system prompt, and replace mentions of them by their labels."""

    name = "skills"

    def __init__(self, access: RecordAccess) -> None:
        self._access = access

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded:
            return
        skill_ids = sorted({*_list_texts(turn.request.body.get("skill_ids")), *_list_mentioned_ids(turn.messages)})
        skill_ids += [
            skill_id for skill_id in _list_texts(turn.model.own_meta.get("skillIds")) if skill_id not in skill_ids
        ]
        skills = [
            skill
            for skill_id in skill_ids[:_MAX_SKILLS]
            if (skill := await self._find_skill(skill_id, turn)) is not None
        ]
        for skill in skills:
            text = f'<skill id="{skill.id}" name="{skill.name}">\n{skill.text}\n</skill>'
            turn.messages = system_messages.add_system_text(turn.messages, text, append=True)
        if skills:
            turn.messages = _replace_mentions(turn.messages, skills)

    async def _find_skill(self, skill_id: str, turn: Turn) -> _LoadedSkill | None:
        """Return an active skill that the user may read, or None."""
        try:
            row = await service.get_skill_for_content(self._access, skill_id, turn.user)
            if not row.is_active:
                return None
            content = await service.load_contents(self._access, row, None)
        except HttpError:
            return None
        text: str = content["content"]
        if len(text) > _MAX_CHARACTERS:
            text = text[:_MAX_CHARACTERS] + "\nSkill instructions truncated."
        if any(file.path != MAIN_FILE for file in content["files"]):
            text += "\nSupporting files require a model with skill tools enabled."
        return _LoadedSkill(row.id, row.name, text)


def _list_texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _list_mentioned_ids(messages: list[Message]) -> Iterator[str]:
    for message in messages:
        if message.get("role") == "user":
            for match in _MENTION.finditer(system_messages.get_text(message)):
                yield match[1] or match[3]


def _replace_mentions(messages: list[Message], skills: list[_LoadedSkill]) -> list[Message]:
    """Return the messages with the label of each mentioned skill; a question of nothing else names the skills."""
    skill_ids = {skill.id for skill in skills}

    def replace(text: str) -> str:
        return _MENTION.sub(
            lambda match: (match[2] or match[4] or "") if (match[1] or match[3]) in skill_ids else match[0], text
        )

    result = [_edit_texts(message, replace) if message.get("role") == "user" else message for message in messages]
    last = next((number for number in reversed(range(len(result))) if result[number].get("role") == "user"), None)
    if last is not None and result[last].get("content") == "":
        result[last] = {**result[last], "content": ", ".join(skill.name for skill in skills)}
    return result


def _edit_texts(message: Message, edit: Callable[[str], str]) -> Message:
    content = message.get("content")
    if isinstance(content, str):
        return {**message, "content": edit(content)}
    if isinstance(content, list):
        return {**message, "content": [_edit_part(part, edit) for part in content]}
    return message


def _edit_part(part: Any, edit: Callable[[str], str]) -> Any:
    if isinstance(part, dict) and isinstance(part.get("text"), str):
        return {**part, "text": edit(part["text"])}
    return part
