"""Skills in the terminal of a chat: listed in the prompt and read like the server's own, but never stored here."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from fastback.access.permissions import Permissions
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolError
from fastback.completions.tools.servers.openapi_tools import build_tool_context
from fastback.completions.tools.servers.page_terminals import (
    PageTerminals,
    get_terminal_id,
    is_selected,
    list_page_servers,
)
from fastback.completions.turn import Turn
from fastback.features.skills.files import MAIN_FILE
from fastback.features.terminals.servers import TerminalRefused
from fastback.features.terminals.tool_servers import TerminalToolServers

#: What the ids of these skills begin with; the name follows, quoted as in an address.
PREFIX = "terminal:"
#: Skills of a terminal that a prompt lists.
_MAX_SKILLS = 200
_CHANGED = "Skill changed while reading. Call view_skill again and restart reading."


class TerminalSkill(msgspec.Struct, frozen=True):
    """A skill as a terminal lists it; `location` is the path of its instructions, where the terminal says it."""

    id: str
    name: str
    description: str = ""
    location: str = ""


class TerminalSkillContent(msgspec.Struct, frozen=True):
    """The instructions of a skill, and the paths of its other files in `directory`, which the terminal's tools read."""

    name: str
    description: str | None
    directory: str
    content: str
    resources: list[str]


class TerminalSkills:
    """List and read the skills of the terminal that a chat has selected: the administrator's, or one of the page."""

    def __init__(
        self,
        *,
        terminals: TerminalToolServers,
        page_terminals: PageTerminals,
        permissions: Permissions,
        enabled: bool,
    ) -> None:
        self._terminals = terminals
        self._page_terminals = page_terminals
        self._permissions = permissions
        self._enabled = enabled

    async def list_skills(self, turn: Turn) -> list[TerminalSkill]:
        """Return the skills of the chat's terminal; none where it has none, is slow, or cannot be used."""
        connection = self._terminals.find_connection(get_terminal_id(turn))
        if connection is not None and self._terminals.is_slow(connection, turn.user.id):
            return []
        entries = await self._read_json(turn, "/skills")
        skills = [_parse_skill(entry) for entry in (entries if isinstance(entries, list) else [])[:_MAX_SKILLS]]
        return [skill for skill in skills if skill is not None]

    async def find_content(self, turn: Turn, skill_id: str) -> TerminalSkillContent | None:
        """Return the content of a skill, or None; what the turn reads of it later must be the same."""
        value = await self._read_json(
            turn, f"/skills/read?name={quote(unquote(skill_id.removeprefix(PREFIX)), safe='')}"
        )
        content = _parse_content(value)
        if content is not None:
            turn.skill_versions[skill_id] = _compute_fingerprint(content)
        return content

    async def get_content(self, turn: Turn, skill_id: str, *, path: str | None = MAIN_FILE) -> TerminalSkillContent:
        """Return the content of a skill as the turn has read it.

        Raises:
            ToolError: there is no such skill, it has changed, or `path` is another file than its instructions.
        """
        if path not in (None, MAIN_FILE):
            raise ToolError("Terminal skills support SKILL.md only; use terminal tools for supporting files.")
        version = turn.skill_versions.get(skill_id)
        content = await self.find_content(turn, skill_id)
        if content is None:
            raise ToolError(f"Skill '{skill_id}' not found")
        if version is not None and version != turn.skill_versions[skill_id]:
            turn.skill_versions[skill_id] = version
            raise ToolError(_CHANGED)
        return content

    async def _read_json(self, turn: Turn, path: str) -> Any:
        """Return what the terminal of the chat answers; None without a terminal that may be used."""
        terminal_id = get_terminal_id(turn)
        if not terminal_id or not self._enabled:
            return None
        if not OfferConditions(turn, self._permissions).has_capability("terminal"):
            return None
        connection = self._terminals.find_connection(terminal_id)
        if connection is not None:
            try:
                return await self._terminals.read_json(connection, build_tool_context(turn), path)
            except TerminalRefused:
                return None  # offering its tools says why
        has_terminal = any(is_selected(server, turn) for server in list_page_servers(turn))
        if has_terminal and await self._page_terminals.may_bring_servers(turn):
            return await self._page_terminals.read_json(turn, path)
        return None


def is_terminal_skill(skill_id: str) -> bool:
    """Return whether an id is that of a skill in a terminal."""
    return skill_id.startswith(PREFIX)


def _compute_fingerprint(content: TerminalSkillContent) -> str:
    return hashlib.sha256(content.content.encode("utf-8", "replace")).hexdigest()


def _parse_skill(entry: Any) -> TerminalSkill | None:
    """Return a skill as a terminal lists it; None where it is malformed."""
    if not isinstance(entry, dict) or not is_terminal_skill(skill_id := _get_text(entry, "id")):
        return None
    location = _get_text(entry, "location") or _get_text(entry, "path")
    return TerminalSkill(skill_id, _get_text(entry, "name"), _get_text(entry, "description"), location)


def _parse_content(value: Any) -> TerminalSkillContent | None:
    """Return the content of a skill as a terminal sends it; None where it is malformed."""
    if not isinstance(value, dict) or not isinstance(value.get("content"), str):
        return None
    location = _get_text(value, "location") or _get_text(value, "path")
    resources = value.get("resources")
    return TerminalSkillContent(
        name=_get_text(value, "name"),
        description=_get_text(value, "description") or None,
        directory=location.rpartition("/")[0] or location,
        content=value["content"],
        resources=[path for path in resources if isinstance(path, str)] if isinstance(resources, list) else [],
    )


def _get_text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""
