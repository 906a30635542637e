"""Skills: read instructions and files of the skills that the prompt lists, and write skills."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

import msgspec

from fastback.access.activity import ActivityEvent
from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinGroup,
    BuiltinTool,
    array,
    flag,
    integer,
    text,
)
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.features.skills import service
from fastback.features.skills.file_search import search_files
from fastback.features.skills.files import MAIN_FILE, find_file, summarize_files
from fastback.features.skills.overview import build_overview, cut_page, read_page_lengths
from fastback.features.skills.packages import parse_frontmatter
from fastback.features.skills.schemas import FileOperation, SkillFile, SkillForm
from fastback.features.skills.store import Skill
from fastback.kit.bus import Bus
from fastback.kit.http.errors import Conflict, HttpError
from fastback.records.access import RecordAccess
from fastback.records.revision_store import Snapshot

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
_ID = text("id", "Id of the skill")
_MESSAGE = text("commit_message", "What this version changes", None)
_EDITOR = "/workspace/skills/edit"
_CONFLICT = {"code": "version_conflict", "message": "Skill changed. Call view_skill again and reapply the edit."}


class SkillTools(BuiltinGroup):
    """`view_skill`, `read_skill_file`, `grep_skill_files`, `update_skill_files` and `create_skill`.

    The versions that a turn has read stay the same until it reads them again or writes them (`Turn.skill_versions`).
    """

    category = "skills"

    def __init__(self, config: Config, access: RecordAccess, bus: Bus) -> None:
        self._config = config
        self._access = access
        self._bus = bus

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return True

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        tools = self._list_tools_for_skills() if turn.skill_ids else []
        return [*tools, self._create_tool] if await conditions.has_permission("workspace.skills") else tools

    def _list_tools_for_skills(self) -> list[BuiltinTool]:
        return [
            BuiltinTool(
                "view_skill",
                "Read the instructions of a skill, and which files it has. Long instructions come in part; read on "
                "from `next_offset` with read_skill_file.",
                [text("id", "Id of a skill that is available or chosen")],
                self._view,
            ),
            BuiltinTool(
                "read_skill_file",
                "Read a file of a skill.",
                [
                    _ID,
                    text("path", "Path of the file in the skill"),
                    integer("offset", "Character from which to read", 0),
                    integer("max_chars", "Characters to read; the administrator sets the most", 10000),
                ],
                self._read_file,
            ),
            BuiltinTool(
                "grep_skill_files",
                "Search the files of a skill, line by line, for a text or a regular expression. Return excerpts around "
                "the matches, with character offsets for read_skill_file; `omitted_matches` are places without their "
                "text.",
                [
                    _ID,
                    text("pattern", "Text or regular expression, at most 4096 characters"),
                    text("path", "Path of the only file to search", None),
                    flag("case_insensitive", "Whether to ignore case", True),
                    integer("max_results", "Excerpts to return, at most 30", 10),
                ],
                self._search_files,
            ),
            BuiltinTool(
                "update_skill_files",
                "Save changed files as a new version of a skill; other files stay as they are. Where the skill has "
                "changed since it was read, view it again and repeat the change.",
                [
                    _ID,
                    array(
                        "operations",
                        'What to do, in this order: {"op": "put", "path", "content"}, {"op": "move", "path", '
                        '"destination"}, {"op": "delete", "path"}. The instructions are the file SKILL.md. Texts only.',
                        _OPERATION,
                    ),
                    _MESSAGE,
                ],
                self._update,
            ),
        ]

    @property
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

    # -- reading ---------------------------------------------------------------------------------------------------

    async def _load(self, skill_id: str, turn: Turn, *, latest: bool = False) -> tuple[Skill, Snapshot]:
        """Return a skill that the user may read, and its content in the version that the turn has read.

        Raises:
            HttpError: there is no such skill, or the user may not read it.
        """
        skill = await service.get_skill_for_content(self._access, skill_id, turn.user)
        if not skill.is_active:
            await service.get_skill_for_content(self._access, skill_id, turn.user, "write")
        version_id = None if latest else turn.skill_versions.get(skill.id)
        content = await service.load_contents(self._access, skill, version_id)
        turn.skill_versions[skill.id] = version_id or skill.version_id or ""
        return skill, content

    async def _view(self, arguments: Arguments, context: ToolCallContext) -> Json:
        skill, content = await self._load(arguments.text("id").lower(), context.turn, latest=True)
        files: list[SkillFile] = content["files"]
        summaries = await asyncio.to_thread(summarize_files, files)
        overview = build_overview(content["content"], summaries, read_page_lengths(self._config))
        return {"id": skill.id, "name": content["name"], **overview}

    async def _read_file(self, arguments: Arguments, context: ToolCallContext) -> Json:
        skill_id, path = arguments.text("id"), arguments.text("path")
        _, content = await self._load(skill_id, context.turn)
        file = find_file(content["files"], path)
        if file is None:
            raise ToolError("File not found")
        if file.encoding:
            (summary,) = await asyncio.to_thread(summarize_files, [file])
            return {**summary, "url": f"{_EDITOR}?{urlencode({'id': skill_id, 'path': path})}"}
        length = min(read_page_lengths(self._config).page, arguments.integer("max_chars"))
        return {"path": path, **cut_page(file.content, arguments.integer("offset"), length)}

    async def _search_files(self, arguments: Arguments, context: ToolCallContext) -> Json:
        _, content = await self._load(arguments.text("id"), context.turn)
        files: list[SkillFile] = content["files"]
        path = arguments.optional_text("path")
        if path is not None:
            file = find_file(files, path)
            if file is None:
                raise ToolError("File not found")
            if file.encoding:
                raise ToolError("File is not a text file")
            files = [file]
        try:
            return await asyncio.to_thread(
                search_files,
                files,
                arguments.text("pattern"),
                ignores_case=arguments.flag("case_insensitive"),
                max_excerpts=arguments.integer("max_results"),
            )
        except ValueError as error:
            raise ToolError(str(error)) from None

    # -- writing ---------------------------------------------------------------------------------------------------

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
        return {"id": skill_id, "url": f"{_EDITOR}?id={skill_id}"}


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
