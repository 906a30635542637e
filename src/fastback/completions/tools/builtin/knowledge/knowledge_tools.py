"""Knowledge: the tools that a turn has for what is attached, or for whatever the user may read."""

from __future__ import annotations

from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.builtin.knowledge import file_search
from fastback.completions.tools.builtin.knowledge.attached_items import add_items_to_prompt, list_ids
from fastback.completions.tools.builtin.knowledge.file_search import SearchedFile
from fastback.completions.tools.builtin.knowledge.file_tools import FileTools
from fastback.completions.tools.builtin.knowledge.overview_tools import OverviewTools, read_optional_id
from fastback.completions.tools.builtin.knowledge.query_tools import QueryTools
from fastback.completions.tools.builtin.knowledge.readable_knowledge import ReadableKnowledge
from fastback.completions.tools.builtin.knowledge.shell.kb_exec import KnowledgeShell
from fastback.completions.tools.builtin.knowledge.text_matcher import TextMatcher
from fastback.completions.tools.builtin.note_tools import build_view_note_tool
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.files import store as file_store
from fastback.features.knowledge import content_store
from fastback.features.notes.service import NoteService
from fastback.settings import Settings

#: Knowledge bases that a search without a choice considers.
_MAX_KNOWLEDGE = 200


class KnowledgeTools(BuiltinGroup):
    """The tools of the category."""

    category = "knowledge"

    def __init__(
        self,
        *,
        knowledge: ReadableKnowledge,
        overview: OverviewTools,
        queries: QueryTools,
        files: FileTools,
        notes: NoteService,
        shell: KnowledgeShell,
        settings: Settings,
    ) -> None:
        self._db = knowledge.db
        self._knowledge = knowledge
        self._overview = overview
        self._queries = queries
        self._files = files
        self._notes = notes
        self._shell = shell if settings.enable_kb_exec else None
        self._max_matches = settings.knowledge_grep_max_matches
        #: By the kinds of what is attached.
        self._tools: dict[frozenset[str], list[BuiltinTool]] = {}

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return True

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        """Return the tools, and name what is attached in the system prompt."""
        add_items_to_prompt(turn)
        kinds = frozenset(item["type"] for item in turn.attached_knowledge)
        if kinds not in self._tools:
            self._tools[kinds] = self._build_tools(kinds)
        return self._tools[kinds]

    def _build_tools(self, kinds: frozenset[str]) -> list[BuiltinTool]:
        overview, queries, files = self._overview, self._queries, self._files
        if self._shell is not None:
            return [
                self._shell.build_tool(),
                queries.build_query_knowledge_files(),
                *([build_view_note_tool(self._notes)] if "note" in kinds else []),
                *([] if kinds else [queries.build_query_knowledge_bases(), overview.build_search_knowledge_bases()]),
            ]
        if not kinds:
            return [
                overview.build_list_knowledge_bases(),
                overview.build_search_knowledge_bases(),
                queries.build_query_knowledge_bases(),
                self._build_grep(),
                overview.build_search_knowledge_files(),
                queries.build_query_knowledge_files(),
                files.build_view_knowledge_file(),
            ]
        return [
            overview.build_list_knowledge(),
            overview.build_search_knowledge_files(),
            self._build_grep(),
            queries.build_query_knowledge_files(),
            *([files.build_view_file(), files.build_view_knowledge_file()] if kinds & {"file", "collection"} else []),
            *([build_view_note_tool(self._notes)] if "note" in kinds else []),
        ]

    def _build_grep(self) -> BuiltinTool:
        return BuiltinTool(
            "grep_knowledge_files",
            "Find exact text in knowledge files: names, identifiers, error messages, or what a regular expression "
            "matches. Return the matching lines with file id, file name and line number.",
            file_search.build_parameters("of the knowledge"),
            self._grep,
        )

    async def _grep(self, arguments: Arguments, context: ToolCallContext) -> str:
        pattern = arguments.text("pattern")
        matcher = TextMatcher(pattern, ignores_case=arguments.flag("case_insensitive"))
        files = await self._select_files(context.turn, read_optional_id(arguments, "file_id"))
        if not files:
            raise ToolError("No accessible files found")
        return await file_search.describe_matches(
            self._db, files, pattern, matcher, limit=self._max_matches, counts_only=arguments.flag("count_only")
        )

    async def _select_files(self, turn: Turn, file_id: str | None) -> list[SearchedFile]:
        """Return the files that a search considers.

        Raises:
            ToolError: there is no such file.
        """
        if file_id:
            file = await self._knowledge.find_file(file_id, turn)
            if file is None:
                raise ToolError("File not found")
            return [SearchedFile(file.id, file.filename)]
        if turn.attached_knowledge:
            attached = await file_store.list_files(self._db, list_ids(turn.attached_knowledge, "file"))
            rows = await self._knowledge.list_attached(turn)
        else:
            attached, rows = [], list(await self._knowledge.list_page(turn.user, limit=_MAX_KNOWLEDGE))
        names = await content_store.list_file_names(self._db, [row.id for row in rows])
        files = [SearchedFile(file.id, file.filename) for file in attached]
        attached_ids = {file.id for file in attached}
        return files + [SearchedFile(file.id, file.filename) for file in names if file.id not in attached_ids]
