"""Skills: the instructions of chosen and mentioned skills go into the system prompt, with a list of the others.

Models with tools for skills get a list of all skills that the user and the chat's terminal have, and read the others
themselves. Models without get the model's own skills in full, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from fastback.completions.tools.servers.page_terminals import get_terminal_id
from fastback.completions.tools.servers.terminal_skills import (
    TerminalSkill,
    TerminalSkillContent,
    TerminalSkills,
    is_terminal_skill,
)
from fastback.completions.turn import Message, Turn
from fastback.config import Config
from fastback.config.keys.features import SKILLS_LAZY_LOADING_ENABLE
from fastback.features.prompts import system_messages
from fastback.features.skills import service, store
from fastback.features.skills.overview import read_page_lengths, render_skill, render_terminal_skill
from fastback.features.skills.store import Skill
from fastback.kit.http.errors import HttpError
from fastback.records.access import RecordAccess

#: Skills that one turn takes in full.
_MAX_SKILLS = 50
#: A mention that the page writes for `$` and `/`: `<$id|label>`, `<$id>` and `</id|label>`.
_ID = r"[a-z0-9_-]{1,255}|terminal:[^<>|\s]{1,255}"
_MENTION = re.compile(rf"<(?:\$({_ID})(?:\|([^<>]{{0,255}}))?|/({_ID})\|([^<>]{{0,255}}))>")


class SkillsStage:
    """Add skills to the system prompt, and replace mentions of them by their labels."""

    name = "skills"

    def __init__(self, access: RecordAccess, config: Config, terminal_skills: TerminalSkills) -> None:
        self._access = access
        self._config = config
        self._terminal_skills = terminal_skills

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded:
            return
        has_tools = "skills" in turn.builtin_categories
        offered = await store.list_offered_skills(self._access.catalog, turn.user) if has_tools else []
        chosen_ids = self._list_chosen_ids(turn, has_tools=has_tools)[:_MAX_SKILLS]
        if not has_tools and not chosen_ids:
            return
        names: dict[str, str] = {}
        for skill_id in chosen_ids:
            skill = await self._find_skill(skill_id, turn) if not is_terminal_skill(skill_id) else None
            if skill is not None and await self._add_skill(skill, turn, has_tools=has_tools):
                names[skill.id] = skill.name
        in_terminal = await self._list_terminal_skills(turn, chosen_ids, has_tools=has_tools)
        for listed in in_terminal:
            if listed.id in chosen_ids and await self._add_terminal_skill(listed, turn, has_tools=has_tools):
                names[listed.id] = listed.name
        entries = [
            *(_render_entry(skill.id, skill.name, skill.description) for skill in offered if skill.id not in names),
            *(_render_terminal_entry(listed) for listed in in_terminal if listed.id not in chosen_ids),
        ]
        if entries:
            text = f"<available_skills>\n{''.join(entries)}</available_skills>"
            turn.messages = system_messages.add_system_text(turn.messages, text, append=True)
        skill_ids = {*names, *(skill.id for skill in offered), *(listed.id for listed in in_terminal)}
        if has_tools:
            turn.skill_ids = sorted(skill_ids)
        if skill_ids:
            turn.messages = _replace_mentions(turn.messages, skill_ids, list(names.values()))

    def _list_chosen_ids(self, turn: Turn, *, has_tools: bool) -> list[str]:
        """Return the skills whose instructions the model gets in full.

        Where they are loaded lazily, those that the user has chosen are only listed, and those mentioned are in full.
        """
        body = turn.request.body
        chosen_ids = set(_list_mentioned_ids(turn.messages))
        is_lazy = has_tools and self._config.get_bool(SKILLS_LAZY_LOADING_ENABLE)
        if not is_lazy:
            chosen_ids.update(_list_texts(body.get("skill_ids")))
        if not has_tools:
            chosen_ids.update(_list_texts(turn.model.own_meta.get("skillIds")))
        return sorted(chosen_ids)

    async def _find_skill(self, skill_id: str, turn: Turn) -> Skill | None:
        """Return an active skill that the user may read, or None."""
        try:
            skill = await service.get_skill_for_content(self._access, skill_id, turn.user)
        except HttpError:
            return None
        return skill if skill.is_active else None

    async def _add_skill(self, skill: Skill, turn: Turn, *, has_tools: bool) -> bool:
        """Add the instructions of a skill to the system prompt; return False where it was deleted meanwhile."""
        try:
            content = await service.load_contents(self._access, skill, None)
        except HttpError:
            return False
        turn.skill_versions[skill.id] = skill.version_id or ""
        lengths = read_page_lengths(self._config) if has_tools else None
        text = render_skill(skill.id, skill.name, content["files"], lengths)
        turn.messages = system_messages.add_system_text(turn.messages, text, append=True)
        return True

    async def _list_terminal_skills(self, turn: Turn, chosen_ids: list[str], *, has_tools: bool) -> list[TerminalSkill]:
        """Return the skills of the chat's terminal; those that are chosen, for a model without tools."""
        if not get_terminal_id(turn) or not (has_tools or any(map(is_terminal_skill, chosen_ids))):
            return []
        listed = await self._terminal_skills.list_skills(turn)
        by_id = {skill.id: skill for skill in listed}
        return listed if has_tools else [by_id[skill_id] for skill_id in chosen_ids if skill_id in by_id]

    async def _add_terminal_skill(self, skill: TerminalSkill, turn: Turn, *, has_tools: bool) -> bool:
        """Add the instructions of a skill in the terminal; return False where it cannot be read."""
        content = await self._terminal_skills.find_content(turn, skill.id)
        if content is None:
            return False
        text = self._render_terminal_skill(skill.id, content, has_tools=has_tools)
        turn.messages = system_messages.add_system_text(turn.messages, text, append=True)
        return True

    def _render_terminal_skill(self, skill_id: str, content: TerminalSkillContent, *, has_tools: bool) -> str:
        return render_terminal_skill(
            skill_id,
            content.name,
            content.content,
            directory=content.directory,
            resources=content.resources,
            lengths=read_page_lengths(self._config) if has_tools else None,
        )


def _render_entry(skill_id: str, name: str, description: str | None, more: str = "") -> str:
    """Return an entry of the list of skills that the model may read."""
    text = f"<id>{skill_id}</id>\n<name>{name}</name>\n<description>{description or ''}</description>\n{more}"
    return f"<skill>\n{text}</skill>\n"


def _render_terminal_entry(skill: TerminalSkill) -> str:
    location = f"<location>{skill.location}</location>\n" if skill.location else ""
    return _render_entry(skill.id, skill.name, skill.description, f"<source>terminal</source>\n{location}")


def _list_texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _list_mentioned_ids(messages: list[Message]) -> Iterator[str]:
    for message in messages:
        if message.get("role") == "user":
            for match in _MENTION.finditer(system_messages.get_text(message)):
                yield match[1] or match[3]


def _replace_mentions(messages: list[Message], skill_ids: set[str], names: list[str]) -> list[Message]:
    """Return the messages with the label of each mentioned skill; a question of nothing else becomes the names."""

    def replace(text: str) -> str:
        return _MENTION.sub(
            lambda match: (match[2] or match[4] or "") if (match[1] or match[3]) in skill_ids else match[0], text
        )

    result = [_edit_texts(message, replace) if message.get("role") == "user" else message for message in messages]
    last = next((number for number in reversed(range(len(result))) if result[number].get("role") == "user"), None)
    if last is not None and result[last].get("content") == "" and names:
        result[last] = {**result[last], "content": ", ".join(names)}
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
