"""Skills: read instructions and files of the skills that the prompt lists.

Of skills in the chat's terminal these tools read the instructions; the terminal's own tools read and write the rest.
"""

from __future__ import annotations

import asyncio
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from fastback.completions.tools.builtin.builtin_tool import (
    Arguments,
    BuiltinGroup,
    BuiltinTool,
    flag,
    integer,
    text,
)
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.tools.servers.terminal_skills import TerminalSkills, is_terminal_skill
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.features.skills import service
from fastback.features.skills.file_search import search_files
from fastback.features.skills.files import MAIN_FILE, find_file, summarize_files
from fastback.features.skills.overview import build_overview, cut_page, read_page_lengths
from fastback.features.skills.schemas import SkillFile
from fastback.features.skills.store import Skill
from fastback.records.access import RecordAccess
from fastback.records.revision_store import Snapshot

Json = dict[str, Any]

#: The parameter that names a skill.
ID = text("id", "Id of the skill")
#: The page on which users edit a skill.
EDITOR = "/workspace/skills/edit"


class SkillTools(BuiltinGroup):
    """`view_skill`, `read_skill_file` and `grep_skill_files`.

    The versions that a turn has read stay the same until it reads them again or writes them (`Turn.skill_versions`).
    """

    category = "skills"

    def __init__(self, config: Config, access: RecordAccess, terminal_skills: TerminalSkills) -> None:
        self._config = config
        self._access = access
        self._terminal_skills = terminal_skills

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return True

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return self._tools if turn.skill_ids else []

    @cached_property
    def _tools(self) -> list[BuiltinTool]:
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
                    ID,
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
                    ID,
                    text("pattern", "Text or regular expression, at most 4096 characters"),
                    text("path", "Path of the only file to search", None),
                    flag("case_insensitive", "Whether to ignore case", True),
                    integer("max_results", "Excerpts to return, at most 30", 10),
                ],
                self._search_files,
            ),
        ]

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
        if is_terminal_skill(arguments.text("id")):
            return await self._view_terminal_skill(arguments.text("id"), context.turn)
        skill, content = await self._load(arguments.text("id").lower(), context.turn, latest=True)
        files: list[SkillFile] = content["files"]
        summaries = await asyncio.to_thread(summarize_files, files)
        overview = build_overview(content["content"], summaries, read_page_lengths(self._config))
        return {"id": skill.id, "name": content["name"], **overview}

    async def _view_terminal_skill(self, skill_id: str, turn: Turn) -> Json:
        skill = await self._terminal_skills.find_content(turn, skill_id)
        if skill is None:
            raise ToolError(f"Skill '{skill_id}' not found")
        lengths = read_page_lengths(self._config)
        return {
            "name": skill.name,
            "description": skill.description,
            "directory": skill.directory,
            **build_overview(skill.content, skill.resources, lengths, list_name="resources"),
        }

    async def _read_file(self, arguments: Arguments, context: ToolCallContext) -> Json:
        skill_id, path = arguments.text("id"), arguments.text("path")
        if is_terminal_skill(skill_id):
            skill = await self._terminal_skills.get_content(context.turn, skill_id, path=path)
            return {"path": path, **self._cut_page(skill.content, arguments)}
        _, content = await self._load(skill_id, context.turn)
        file = find_file(content["files"], path)
        if file is None:
            raise ToolError("File not found")
        if file.encoding:
            (summary,) = await asyncio.to_thread(summarize_files, [file])
            return {**summary, "url": f"{EDITOR}?{urlencode({'id': skill_id, 'path': path})}"}
        return {"path": path, **self._cut_page(file.content, arguments)}

    def _cut_page(self, content: str, arguments: Arguments) -> Json:
        length = min(read_page_lengths(self._config).page, arguments.integer("max_chars"))
        return cut_page(content, arguments.integer("offset"), length)

    async def _list_searched_files(self, skill_id: str, path: str | None, turn: Turn) -> list[SkillFile]:
        """Return the files of a skill to search: the one at a path, or all.

        Raises:
            ToolError: there is no such text.
        """
        if is_terminal_skill(skill_id):
            skill = await self._terminal_skills.get_content(turn, skill_id, path=path)
            return [SkillFile(MAIN_FILE, skill.content)]
        _, content = await self._load(skill_id, turn)
        files: list[SkillFile] = content["files"]
        if path is None:
            return files
        file = find_file(files, path)
        if file is None:
            raise ToolError("File not found")
        if file.encoding:
            raise ToolError("File is not a text file")
        return [file]

    async def _search_files(self, arguments: Arguments, context: ToolCallContext) -> Json:
        path = arguments.optional_text("path")
        files = await self._list_searched_files(arguments.text("id"), path, context.turn)
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
