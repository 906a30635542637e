"""Files of a chat, for models that do not get them in their prompt: list, search, query and read them."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.sources import source_store
from fastback.completions.sources.items import Item, is_full_context, parse_id
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinGroup, BuiltinTool, integer, text
from fastback.completions.tools.builtin.conditions import OfferConditions
from fastback.completions.tools.builtin.knowledge import file_search
from fastback.completions.tools.builtin.knowledge.attached_items import reads_files
from fastback.completions.tools.builtin.knowledge.file_search import SearchedFile
from fastback.completions.tools.builtin.knowledge.file_tools import FileTools
from fastback.completions.tools.builtin.knowledge.overview_tools import read_optional_id
from fastback.completions.tools.builtin.knowledge.query_tools import PassageSearch, list_passage_sources
from fastback.completions.tools.builtin.knowledge.readable_knowledge import ReadableKnowledge
from fastback.completions.tools.builtin.knowledge.text_matcher import TextMatcher
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_FULL_CONTEXT, RAG_TOP_K
from fastback.features.files import store
from fastback.features.files.store import FileSummary
from fastback.settings import Settings

Json = dict[str, Any]

_FOREIGN_ADDRESSES = ("http://", "https://", "data:")


class ChatFile(msgspec.Struct):
    """A file of a chat: what the page says of it, and its row."""

    item: Item
    row: FileSummary


class ChatFileTools(BuiltinGroup):
    """`list_chat_files`, `query_chat_files`, `grep_chat_files` and `view_file`."""

    category = "files"
    has_fixed_tools = True

    def __init__(
        self,
        *,
        config: Config,
        knowledge: ReadableKnowledge,
        passages: PassageSearch,
        files: FileTools,
        settings: Settings,
    ) -> None:
        self._db = knowledge.db
        self._config = config
        self._knowledge = knowledge
        self._passages = passages
        self._files = files
        self._max_matches = settings.knowledge_grep_max_matches

    async def is_available(self, turn: Turn, conditions: OfferConditions) -> bool:
        return (
            not reads_files(turn)
            and conditions.has_capability("file_upload")
            and bool(_list_items(turn))
            and await conditions.has_permission("chat.file_upload")
        )

    async def list_tools(self, turn: Turn, conditions: OfferConditions) -> list[BuiltinTool]:
        return [
            BuiltinTool("list_chat_files", "List the files of this chat, with type and size.", [], self._list_files),
            BuiltinTool(
                "query_chat_files",
                "Search the files of this chat by meaning. Return the passages that fit best, with their source.",
                [
                    text("query", "What to search for"),
                    text("file_id", "Id of the only file to search; by default all files of the chat", None),
                    integer("count", "Passages to return at most; the server has a limit of its own", None),
                ],
                self._query,
                list_sources=list_passage_sources,
            ),
            BuiltinTool(
                "grep_chat_files",
                "Find exact text in the files of this chat, or what a regular expression matches. Return the matching "
                "lines with file id, file name and line number.",
                file_search.build_parameters("of the chat"),
                self._grep,
            ),
            self._files.build_view_file(),
        ]

    async def _list_files(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        return [_describe_file(file) for file in await self._load_files(context.turn, _list_items(context.turn))]

    async def _grep(self, arguments: Arguments, context: ToolCallContext) -> str:
        pattern = arguments.text("pattern")
        matcher = TextMatcher(pattern, ignores_case=arguments.flag("case_insensitive"))
        files = [
            SearchedFile(file.row.id, file.row.filename) for file in await self._select_files(arguments, context.turn)
        ]
        return await file_search.describe_matches(
            self._db, files, pattern, matcher, limit=self._max_matches, counts_only=arguments.flag("count_only")
        )

    async def _query(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        files = await self._select_files(arguments, context.turn)
        limit = max(int(self._config.get_number(RAG_TOP_K) or 5), 1)
        requested = arguments.optional_integer("count")
        count = limit if requested is None else max(1, min(requested, limit))
        reads_all = self._config.get_bool(RAG_FULL_CONTEXT)
        whole_ids = [file.row.id for file in files if reads_all or is_full_context(file.item)]
        texts = await source_store.load_file_texts(self._db, whole_ids)
        chunks: list[Json] = [
            {"content": texts[file.row.id], "source": file.row.filename, "file_id": file.row.id}
            for file in files
            if file.row.id in texts
        ]
        collections = [f"file-{file.row.id}" for file in files if file.row.id not in texts]
        if collections and len(chunks) < count:
            chunks += await self._passages.search(collections, arguments.text("query"), count, context.turn.ctx)
        return chunks[:count]

    async def _select_files(self, arguments: Arguments, turn: Turn) -> list[ChatFile]:
        """Return the files that a call searches.

        Raises:
            ToolError: there is no such file, or the user may read no file of the chat.
        """
        items, file_id = _list_items(turn), read_optional_id(arguments, "file_id")
        if not items:
            raise ToolError("No files are attached to this chat")
        if file_id:
            items = [item for item in items if item["id"] == file_id]
            if not items:
                raise ToolError("File not found")
        files = await self._load_files(turn, items)
        if not files:
            raise ToolError("No accessible files found")
        return files

    async def _load_files(self, turn: Turn, items: list[Item]) -> list[ChatFile]:
        """Return the files that the user may read, in the order of the items."""
        rows = await store.list_files(self._db, [item["id"] for item in items])
        readable = {row.id: row for row in await self._knowledge.filter_files(rows, turn.user)}
        return [ChatFile(item, readable[item["id"]]) for item in items if item["id"] in readable]


def _list_items(turn: Turn) -> list[Item]:
    """Return the stored files of the question, each once, with their ids."""
    items: dict[str, Item] = {}
    for item in turn.request.files or []:
        if isinstance(item, dict) and item.get("type", "file") == "file":
            file_id = parse_id(item.get("id") or item.get("url"))
            if file_id is not None and not file_id.startswith(_FOREIGN_ADDRESSES):
                items.setdefault(file_id, {**item, "id": file_id})
    return list(items.values())


def _describe_file(file: ChatFile) -> Json:
    row, item, meta = file.row, file.item, file.row.meta or {}
    described: Json = {
        "id": row.id,
        "filename": row.filename,
        "name": item.get("name") or item.get("filename") or row.filename,
        "type": "file",
        "updated_at": row.updated_at,
    }
    for name in ("content_type", "size"):
        if value := item.get(name) or meta.get(name):
            described[name] = value
    return described
