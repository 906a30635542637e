"""Tools that search by meaning: passages of files, and knowledge bases by their description."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.completions.sources import source_store
from fastback.completions.sources.external_sources import ExternalKnowledge, ExternalSources
from fastback.completions.sources.item_lookup import ItemLookup
from fastback.completions.sources.items import parse_id
from fastback.completions.sources.passages import Source
from fastback.completions.tools.builtin.builtin_tool import Arguments, BuiltinTool, array, integer, text
from fastback.completions.tools.builtin.knowledge.attached_items import list_ids
from fastback.completions.tools.builtin.knowledge.file_tools import decode_result
from fastback.completions.tools.builtin.knowledge.overview_tools import read_count
from fastback.completions.tools.builtin.knowledge.readable_knowledge import ReadableKnowledge
from fastback.completions.tools.offered_tool import ToolCallContext, ToolError
from fastback.completions.turn import Turn
from fastback.features.files import store as file_store
from fastback.features.knowledge import store
from fastback.features.knowledge.descriptions import COLLECTION
from fastback.features.knowledge.store import Knowledge
from fastback.kit.db import Database
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Hit, RetrievalError
from fastback.retrieval.search.retriever import Retriever

Json = dict[str, Any]

#: Knowledge bases that a search without a choice considers.
_MAX_KNOWLEDGE = 50


class PassageSearch:
    """Searches collections of passages, and describes the passages for models."""

    def __init__(self, *, db: Database, retriever: Retriever, metadata_keys: str) -> None:
        self._db = db
        self._retriever = retriever
        self._metadata_keys = [key for part in metadata_keys.split(",") if (key := part.strip())]

    async def search(self, collections: list[str], query: str, count: int, ctx: RequestContext) -> list[Json]:
        """Return the passages that answer a query best.

        Raises:
            ToolError: the embedding engine failed.
        """
        options = msgspec.structs.replace(self._retriever.get_configured_options(), limit=count)
        try:
            hits = await self._retriever.search(collections, [query], options, ctx=ctx)
        except RetrievalError as error:
            raise ToolError(str(error)) from None
        names = await self._load_names(hits)
        return [self._describe_hit(hit, names) for hit in hits]

    async def _load_names(self, hits: list[Hit]) -> dict[str, str]:
        """Return the present names of the files: passages carry those of the time of indexing."""
        ids = {file_id for hit in hits if (file_id := parse_id(hit.metadata.get("file_id"))) is not None}
        return await source_store.load_file_names(self._db, list(ids)) if ids else {}

    def _describe_hit(self, hit: Hit, names: dict[str, str]) -> Json:
        metadata = dict(hit.metadata)
        if name := names.get(parse_id(metadata.get("file_id")) or ""):
            if metadata.get("source") == metadata.get("name"):
                metadata["source"] = name
            metadata["name"] = name
        return {
            **self.select_metadata(metadata),
            "content": hit.text,
            "source": metadata.get("source", metadata.get("name", "Unknown")),
            "file_id": metadata.get("file_id", ""),
            "distance": hit.score,
        }

    def select_metadata(self, metadata: Json) -> Json:
        """Return the metadata that models receive."""
        return {key: metadata[key] for key in self._metadata_keys if metadata.get(key) is not None}

    def describe_source(self, source: Source, fallback: str, **fields: Any) -> list[Json]:
        """Return the passages of an external source; `fields` are added to each."""
        chunks: list[Json] = []
        for index, (content, metadata) in enumerate(zip(source.document, source.metadata, strict=False)):
            name = metadata.get("source", metadata.get("name", fallback))
            chunk = {**self.select_metadata(metadata), "content": content, "source": name, **fields}
            if source.distances is not None and index < len(source.distances):
                chunk["distance"] = source.distances[index]
            chunks.append(chunk)
        return chunks


class QueryTools:
    """The tools that search knowledge by meaning."""

    def __init__(
        self,
        *,
        knowledge: ReadableKnowledge,
        passages: PassageSearch,
        retriever: Retriever,
        lookup: ItemLookup,
        external_sources: ExternalSources,
    ) -> None:
        self._db = knowledge.db
        self._knowledge = knowledge
        self._passages = passages
        self._retriever = retriever
        self._lookup = lookup
        self._external_sources = external_sources

    def build_query_knowledge_files(self) -> BuiltinTool:
        return BuiltinTool(
            "query_knowledge_files",
            "Search the contents of knowledge bases, files and notes by meaning. Return the passages that fit best, "
            "with their source. A model with attached knowledge searches only that.",
            [
                text("query", "What to search for"),
                array("knowledge_ids", "Ids of the only knowledge bases to search", {"type": "string"}, None),
                integer("count", "Passages to return at most", 5),
            ],
            self._query_files,
            list_sources=list_passage_sources,
        )

    def build_query_knowledge_bases(self) -> BuiltinTool:
        return BuiltinTool(
            "query_knowledge_bases",
            "Find the knowledge bases whose name and description fit a question best, to search them next.",
            [text("query", "What the knowledge is about"), integer("count", "Knowledge bases to return at most", 5)],
            self._query_bases,
        )

    async def _query_files(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        turn, query, count = context.turn, arguments.text("query"), read_count(arguments)
        rows = await self._list_knowledge(turn, _read_ids(arguments))
        external = [row for row in rows if row.is_external]
        collections = [row.id for row in rows if not row.is_external]
        attached_ids = list_ids(turn.attached_knowledge, "file")
        if attached_ids:
            existing_ids = set(await file_store.filter_file_ids(self._db, attached_ids))
            collections += [f"file-{file_id}" for file_id in attached_ids if file_id in existing_ids]
        chunks = await self._read_notes(turn)
        if collections and len(chunks) < count:
            chunks += await self._passages.search(collections, query, count, turn.ctx)
        for row in external:
            if len(chunks) < count:
                chunks += await self._search_external(row, query, count, turn.ctx)
        return chunks[:count]

    async def _list_knowledge(self, turn: Turn, ids: list[str]) -> list[Knowledge]:
        """Return the knowledge to search: what is attached, what the call names, or whatever the user may read."""
        if turn.attached_knowledge:
            return await self._knowledge.list_attached(turn)
        if ids:
            return await self._knowledge.list_by_id(ids, turn.user)
        return list(await self._knowledge.list_page(turn.user, limit=_MAX_KNOWLEDGE))

    async def _read_notes(self, turn: Turn) -> list[Json]:
        """Return the attached notes: they have no passages, so that each is read as a text."""
        ids = list_ids(turn.attached_knowledge, "note")
        notes = await self._lookup.load_notes(ids, turn.user) if ids else {}
        return [
            {"content": note.text or "", "source": note.title, "note_id": note.id, "type": "note"}
            for note_id in ids
            if (note := notes.get(note_id)) is not None
        ]

    async def _search_external(self, row: Knowledge, query: str, count: int, ctx: RequestContext) -> list[Json]:
        target = ExternalKnowledge(row.id, row.name, row.details)
        source = await self._external_sources.search_knowledge({"id": row.id}, target, [query], count, ctx)
        if source is None:
            return []
        return self._passages.describe_source(source, row.name, type="external", knowledge_id=row.id)

    async def _query_bases(self, arguments: Arguments, context: ToolCallContext) -> list[Json]:
        ids = await self._knowledge.list_readable_ids(context.turn.user)
        if not ids:
            return []
        try:
            hits = await self._retriever.find_nearest(
                COLLECTION,
                arguments.text("query"),
                read_count(arguments),
                where={"knowledge_base_id": {"$in": ids}},
                ctx=context.turn.ctx,
            )
        except RetrievalError as error:
            raise ToolError(str(error)) from None
        rows = {row.id: row for row in await store.list_knowledge_by_id(self._db, [hit.id for hit in hits])}
        return [
            {"id": row.id, "name": row.name, "description": row.description or "", "similarity": round(hit.score, 4)}
            for hit in hits
            if (row := rows.get(hit.id)) is not None
        ]


def _read_ids(arguments: Arguments) -> list[str]:
    """Return the ids that a call names; models write "null", one id, or a list as JSON text, too."""
    value = arguments.value("knowledge_ids")
    if isinstance(value, str):
        decoded = decode_result(value)
        if value.lower() in ("none", "null", "") or (decoded is None and value.startswith("[")):
            return []
        value = decoded if isinstance(decoded, list) else [value]
    return [item for item in value if parse_id(item) is not None] if isinstance(value, list) else []


def list_passage_sources(arguments: Json, content: str) -> list[Json]:
    """Return the passages of a result as sources of the answer, those of one file together."""
    chunks = decode_result(content)
    sources: dict[str, Json] = {}
    for chunk in chunks if isinstance(chunks, list) else []:
        name = chunk.get("source", "Unknown")
        file_id, note_id = chunk.get("file_id", ""), chunk.get("note_id", "")
        source = sources.setdefault(
            file_id or note_id or name,
            {
                "source": {"id": file_id or note_id, "name": name, "type": chunk.get("type", "file")},
                "document": [],
                "metadata": [],
                "distances": [],
            },
        )
        source["document"].append(chunk.get("content", ""))
        metadata = {"file_id": file_id, "name": name, "source": name}
        source["metadata"].append({**metadata, "note_id": note_id} if note_id else metadata)
        if "distance" in chunk:
            source["distances"].append(chunk["distance"])
    return list(sources.values())
