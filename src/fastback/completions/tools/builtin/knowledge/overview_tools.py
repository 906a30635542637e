"""Tools that say what there is: knowledge bases, the files in them by name, and what is attached."""

from __future__ import annotations

from typing import Any

from fastback.completions.sources.item_lookup import ItemLookup
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinTool, integer, text
from fastback.completions.tools.builtin.knowledge.attached_items import list_ids
from fastback.completions.tools.builtin.knowledge.readable_knowledge import ReadableKnowledge
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.files import store as file_store
from fastback.features.knowledge import content_store, store
from fastback.features.knowledge.file_list_store import (
    FileFilter,
    KnowledgeFileLists,
    filter_by_directory,
    filter_readable,
)

Json = dict[str, Any]

#: Entries that one call returns at most.
_MAX_COUNT = 200
#: Results that a call skips at most; databases refuse numbers of any length.
_MAX_SKIP = 1_000_000_000
_NULLS = ("none", "null", "")


class OverviewTools:
    """The tools that list."""

    def __init__(self, knowledge: ReadableKnowledge, lists: KnowledgeFileLists, lookup: ItemLookup) -> None:
        self._db = knowledge.db
        self._knowledge = knowledge
        self._lists = lists
        self._lookup = lookup

    def build_list_knowledge_bases(self) -> BuiltinTool:
        return BuiltinTool(
            "list_knowledge_bases",
            "List the knowledge bases that the user may read, with description and number of files, to choose one.",
            [
                integer("count", "Knowledge bases to return at most", 10),
                integer("skip", "Number of results to skip", 0),
            ],
            self._list_bases,
        )

    def build_search_knowledge_bases(self) -> BuiltinTool:
        return BuiltinTool(
            "search_knowledge_bases",
            "Find knowledge bases by words in their name or description.",
            [
                text("query", "Part of a name or of a description"),
                integer("count", "Knowledge bases to return at most", 5),
                integer("skip", "Number of results to skip", 0),
            ],
            self._search_bases,
        )

    def build_search_knowledge_files(self) -> BuiltinTool:
        return BuiltinTool(
            "search_knowledge_files",
            "Find files in knowledge bases by their name. A model with attached knowledge searches only that.",
            [
                text("query", "Part of the file's name"),
                text("knowledge_id", "Id of the only knowledge base to search", None),
                integer("count", "Files to return at most", 5),
                integer("skip", "Number of results to skip", 0),
            ],
            self._search_files,
        )

    def build_list_knowledge(self) -> BuiltinTool:
        return BuiltinTool(
            "list_knowledge",
            "List the attached knowledge bases, files and notes: a first look before searching or reading. "
            "With knowledge_id, the files in that knowledge base are listed, too, page by page.",
            [
                text("knowledge_id", "Id of the knowledge base whose files are listed", None),
                integer("skip", "Number of files to skip", 0),
                integer("count", "Files to return at most, up to 200", 50),
            ],
            self._list_attached,
        )

    async def _list_bases(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        return await self._list_readable(arguments, context.turn, "")

    async def _search_bases(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        return await self._list_readable(arguments, context.turn, arguments.text("query"))

    async def _list_readable(self, arguments: Arguments, turn: Turn, query: str) -> list[Json]:
        skip = read_skip(arguments)
        rows = await self._knowledge.list_page(turn.user, limit=read_count(arguments), skip=skip, query=query)
        return [
            {
                "id": row.id,
                "name": row.name,
                "description": row.description or "",
                "file_count": row.files,
                "updated_at": row.updated_at,
            }
            for row in rows
        ]

    async def _search_files(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        turn, query = context.turn, arguments.text("query")
        knowledge_id = read_optional_id(arguments, "knowledge_id")
        count, skip = read_count(arguments), read_skip(arguments)
        selection = await self._select_files(turn, knowledge_id)
        rows, total = await self._lists.list_page(selection, limit=count, skip=skip, query=query)
        names = {
            row.id: row.name for row in await store.list_knowledge_by_id(self._db, [row.knowledge_id for row in rows])
        }
        files: list[Json] = [
            {
                "id": row.id,
                "filename": row.filename,
                "knowledge_id": row.knowledge_id,
                "knowledge_name": names.get(row.knowledge_id, ""),
                "updated_at": row.updated_at,
            }
            for row in rows
        ]
        if len(files) < count and turn.attached_knowledge and not knowledge_id:
            attached = [
                file
                for file in await file_store.list_files(self._db, list_ids(turn.attached_knowledge, "file"))
                if query.lower() in file.filename.lower()
            ]
            first = max(0, skip - total)
            files += [
                {"id": file.id, "filename": file.filename, "updated_at": file.updated_at}
                for file in attached[first : first + count - len(files)]
            ]
        return files

    async def _select_files(self, turn: Turn, knowledge_id: str | None) -> FileFilter:
        """Select the files that a search by name considers.

        Raises:
            ToolError: the knowledge base is not attached, or may not be read.
        """
        user = turn.user
        if turn.attached_knowledge:
            ids = [row.id for row in await self._knowledge.list_attached(turn)]
            if knowledge_id:
                if knowledge_id not in list_ids(turn.attached_knowledge, "collection"):
                    raise ToolError(f"Knowledge base {knowledge_id} is not attached to this model")
                ids = [knowledge_id] if knowledge_id in ids else []
            return FileFilter("kf.knowledge_id = ANY(:ids)", {"ids": ids})
        if knowledge_id:
            if not await self._knowledge.list_by_id([knowledge_id], user):
                raise ToolError(f"Access denied to knowledge base {knowledge_id}")
            return filter_by_directory(knowledge_id, None, view_option=None, user_id=user.id)
        return filter_readable(user.id, await self._knowledge.list_group_ids(user))

    async def _list_attached(self, arguments: Arguments, context: ToolCallContext) -> Json:
        turn = context.turn
        rows = await self._knowledge.list_attached(turn)
        counts = await content_store.count_files(self._db, [row.id for row in rows])
        bases: list[Json] = [
            {
                "id": row.id,
                "name": row.name,
                "description": row.description or "",
                "file_count": counts.get(row.id, 0),
            }
            for row in rows
        ]
        knowledge_id = read_optional_id(arguments, "knowledge_id")
        for base in bases:
            if base["id"] == knowledge_id and base["file_count"]:
                base |= await self._list_page(base, read_skip(arguments), read_count(arguments))
        files = {
            file.id: file for file in await file_store.list_files(self._db, list_ids(turn.attached_knowledge, "file"))
        }
        notes = await self._lookup.load_notes(list_ids(turn.attached_knowledge, "note"), turn.user)
        return {
            "knowledge_bases": bases,
            "files": [
                {"id": file.id, "filename": file.filename, "updated_at": file.updated_at}
                for file_id in list_ids(turn.attached_knowledge, "file")
                if (file := files.get(file_id)) is not None
            ],
            "notes": [
                {"id": note.id, "title": note.title}
                for note_id in list_ids(turn.attached_knowledge, "note")
                if (note := notes.get(note_id)) is not None
            ],
        }

    async def _list_page(self, base: Json, skip: int, count: int) -> Json:
        page = await content_store.list_page_of_names(self._db, base["id"], limit=count, skip=skip)
        return {
            "files": [{"id": file.id, "filename": file.filename} for file in page],
            "files_skip": skip,
            "files_count": len(page),
            "files_total": base["file_count"],
            "has_more": skip + count < base["file_count"],
        }


def read_count(arguments: Arguments) -> int:
    """Return how many results a call asks for, within limits."""
    return min(max(arguments.integer("count"), 1), _MAX_COUNT)


def read_skip(arguments: Arguments) -> int:
    """Return how many results a call skips, within limits."""
    return min(max(arguments.integer("skip"), 0), _MAX_SKIP)


def read_optional_id(arguments: Arguments, name: str) -> str | None:
    """Return an id, or None where it is absent; models write "null" and "None" for that, too."""
    value = arguments.text(name)
    return None if value.lower() in _NULLS else value
