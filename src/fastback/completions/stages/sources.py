"""Sources: passages of files, knowledge, notes, chats and web pages go before the question."""

from __future__ import annotations

from fastback.completions.plugins.turn_metadata import build_base_prompts
from fastback.completions.sources import source_notes
from fastback.completions.sources.items import NOTE_WITH_FILES, Item, list_knowledge_items, list_readable_items
from fastback.completions.sources.passages import Source, format_passages, insert_passages, render_template
from fastback.completions.sources.resolver import SourceResolver
from fastback.completions.tools.builtin.knowledge.attached_items import is_searchable, reads_files
from fastback.completions.turn import Turn
from fastback.config import Config
from fastback.config.keys.retrieval import RAG_TEMPLATE
from fastback.settings import Settings


class SourcesStage:
    """Resolve what the question refers to, and put the passages before it."""

    name = "sources"

    def __init__(self, *, config: Config, settings: Settings, resolver: SourceResolver) -> None:
        self._config = config
        self._resolver = resolver
        self._caches_queries = settings.enable_queries_cache
        self._is_in_system_prompt = settings.rag_system_context
        keys = settings.rag_source_metadata_keys.split(",")
        self._metadata_keys = [key.strip() for key in keys if key.strip()]

    async def run(self, turn: Turn) -> None:
        if turn.is_forwarded:
            return
        if turn.filters:
            turn.metadata |= build_base_prompts(turn)
        items = [*_list_items(turn), *turn.web_items]
        if not items and not turn.tool_sources:
            return
        question = turn.question
        sources = [*turn.tool_sources, *(await self._resolve(turn, items, question) if items else [])]
        passages = format_passages(sources, self._metadata_keys).strip()
        if passages and question:
            text = render_template(self._config.get_text(RAG_TEMPLATE), passages, question)
            turn.messages = insert_passages(turn.messages, text, in_system_prompt=self._is_in_system_prompt)
        turn.sources = [source for source in sources if source.source.get("name") or source.source.get("id")]

    async def _resolve(self, turn: Turn, items: list[Item], question: str) -> list[Source]:
        """Return what the items have on the question; note what could not be read."""
        # A search of a model's own knowledge is shown while it lasts, and hidden afterwards.
        has_model_knowledge = bool(_list_model_items(turn))
        status = {"action": "knowledge_search", "query": question}
        if has_model_knowledge:
            await turn.sink.show_status({**status, "done": False})
        resolved = await self._resolver.resolve(
            items,
            turn.messages,
            question,
            model_id=turn.model.id,
            ctx=turn.ctx,
            show_status=turn.sink.show_status,
            queries=turn.search_queries if self._caches_queries else None,
        )
        if has_model_knowledge:
            await turn.sink.show_status({**status, "done": True, "hidden": True})
        turn.note = source_notes.join_notes(turn.note, source_notes.format_note(resolved.missing))
        return resolved.sources


def _list_model_items(turn: Turn) -> list[Item]:
    """Return the model's knowledge that is read into the prompt: what tools search is left to them."""
    items = list_knowledge_items(turn.model.own_meta.get("knowledge"))
    return [item for item in items if not is_searchable(item)] if _has_tools(turn) else items


def _has_tools(turn: Turn) -> bool:
    return "knowledge" in turn.builtin_categories


def _list_items(turn: Turn) -> list[Item]:
    """Return what the question refers to: its own files, and the note that the chat is about.

    The files of the folder and the knowledge of the model are among them where no tools search these.
    """
    if not reads_files(turn):
        return []
    folder_id, note_id = turn.folder.files_folder_id, turn.location.note_id
    folder_items = [{"type": "folder", "id": folder_id}] if folder_id and not _has_tools(turn) else []
    note_items = [{"type": NOTE_WITH_FILES, "id": note_id}] if note_id else []
    question_items = turn.request.files or []
    return list_readable_items([*folder_items, *note_items, *question_items, *_list_model_items(turn)])
