"""Skills: write new versions of the skills that the prompt lists, and new skills."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, array, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.builtin.skill_tools import EDITOR, ID
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.tools.servers.terminal_skills import is_terminal_skill
from fastback.completions.turn import Turn
from fastback.features.skills import service
from fastback.features.skills.files import MAIN_FILE
from fastback.features.skills.packages import parse_frontmatter
from fastback.features.skills.schemas import FileOperation, SkillFile, SkillForm
from fastback.kit.bus import Bus
from fastback.kit.http.errors import Conflict, HttpError
from fastback.records.access import RecordAccess

Json = dict[str, Any]

_FILE = {
    "type": "object",
    "properties": {
        "path": {"type": "string"},
        "content": {"type": "string"},
        "encoding": {"const": "base64", "type": "string"},
    },
    "required": ["path", "content"],
    "additionalProperties": False,
}
_OPERATION = {
    "type": "object",
    "properties": {
        "op": {"type": "string", "enum": ["put", "move", "delete"]},
        "path": {"type": "string"},
        "content": {"type": "string"},
        "encoding": {"const": "base64", "type": "string"},
        "destination": {"type": "string"},
    },
    "required": ["op", "path"],
}
_MESSAGE = text("commit_message", "What this version changes", None)
_CONFLICT = {"code": "version_conflict", "message": "Skill changed. Call view_skill again and reapply the edit."}


class SkillAuthoring(BuiltinGroup):
    """`update_skill_files` and `create_skill`; skills in terminals are written by the tools of the terminal."""

    category = "skills"

    def __init__(self, access: RecordAccess, bus: Bus) -> None:
        self._access = access
        self._bus = bus

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return True

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        has_own = not all(map(is_terminal_skill, turn.skill_ids))
        tools = [self._update_tool] if has_own else []
        return [*tools, self._create_tool] if await conditions.has_permission("workspace.skills") else tools

    @cached_property
    def _update_tool(self) -> BuiltinTool:
        return BuiltinTool(
            "update_skill_files",
            "Save changed files as a new version of a skill; other files stay as they are. Where the skill has "
            "changed since it was read, view it again and repeat the change.",
            [
                ID,
                array(
                    "operations",
                    'What to do, in this order: {"op": "put", "path", "content"}, {"op": "move", "path", '
                    '"destination"}, {"op": "delete", "path"}. The instructions are the file SKILL.md. Texts only.',
                    _OPERATION,
                ),
                _MESSAGE,
            ],
            self._update,
        )

    @cached_property
    def _create_tool(self) -> BuiltinTool:
        return BuiltinTool(
            "create_skill",
            "Create a skill that only the user has: instructions for a kind of task, and files that support them.",
            [
                text("id", "New id: lower case letters, digits, hyphens"),
                text("name", "Name that people see"),
                text("content", "The whole SKILL.md: front matter with name and description, then the instructions"),
                array("files", "Further files, texts only", _FILE, None),
                _MESSAGE,
            ],
            self._create,
        )

    async def _update(self, arguments: Arguments, context: ToolCallContext) -> Json:
        turn, skill_id = context.turn, arguments.text("id")
        operations = _convert(arguments.array("operations"), list[FileOperation])
        if any(operation.encoding for operation in operations):
            raise ToolError("Agent file writes support UTF-8 text only")
        skill = await service.get_skill_for_content(self._access, skill_id, turn.user, "write")
        form = SkillForm(
            skill.id,
            skill.name,
            operations=operations,
            expected_version_id=turn.skill_versions.get(skill.id) or skill.version_id,
            commit_message=arguments.optional_text("commit_message"),
        )
        try:
            await service.update_skill(self._access, turn.user, skill, form)
        except Conflict:
            return {"error": _CONFLICT}
        except HttpError as error:
            raise ToolError(_find_reason(error)) from None
        updated = await service.get_skill_for_content(self._access, skill_id, turn.user, "write")
        turn.skill_versions[skill.id] = updated.version_id or ""
        await self._bus.publish(ActivityEvent("skill.updated", turn.user, skill.id, data={"name": updated.name}))
        return {"id": skill.id}

    async def _create(self, arguments: Arguments, context: ToolCallContext) -> Json:
        user, content = context.turn.user, arguments.text("content")
        files = _convert(arguments.optional_array("files") or [], list[SkillFile])
        if any(file.encoding or file.path == MAIN_FILE for file in files):
            raise ToolError("Supporting files must be UTF-8 text; pass SKILL.md in content")
        if not await self._access.has_any_permission(user, "workspace.skills"):
            raise ToolError("Skill authoring permission required")
        form = SkillForm(
            arguments.text("id"),
            arguments.text("name"),
            description=str(parse_frontmatter(content).get("description", "")),
            files=[SkillFile(MAIN_FILE, content), *files],
            commit_message=arguments.optional_text("commit_message"),
            access_grants=[],
        )
        try:
            skill_id = await service.create_skill(self._access, user, form)
        except HttpError as error:
            raise ToolError(_find_reason(error)) from None
        await self._bus.publish(ActivityEvent("skill.created", user, skill_id, data={"name": form.name}))
        return {"id": skill_id, "url": f"{EDITOR}?id={skill_id}"}


def _convert(value: list[Any], kind: Any) -> Any:
    """Return the objects of an argument.

    Raises:
        ToolError: one is invalid.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ToolError(str(error)) from None


def _find_reason(error: HttpError) -> str:
    """Return what is wrong with files, which the page says only in general."""
    return str(error.__cause__) if isinstance(error.__cause__, ValueError) else str(error.detail)
