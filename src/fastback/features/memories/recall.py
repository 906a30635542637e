"""What a model is told of a user's memories: all on the user, those near what is spoken of, in a part of its prompt."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fastback.config import Config
from fastback.config.key import require_key
from fastback.config.keys.features import MEMORIES_ENABLE, MEMORIES_SYSTEM_CONTEXT_ENABLE
from fastback.features.memories import paths, store
from fastback.features.memories.service import MemoryService
from fastback.features.memories.store import Memory
from fastback.features.memories.vectors import build_text
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Hit, RetrievalError

log = logging.getLogger("fastback.memories")

OPEN, CLOSE = "<memory_context>", "</memory_context>"
#: Questions that are looked back at, their characters together, and memories found by meaning.
MAX_QUESTIONS, MAX_QUERY_CHARACTERS, MAX_NEAREST = 7, 4000, 8
#: Memories of one place that are told, and the least an administrator can limit a part to (characters).
MAX_PER_PATH, MIN_SECTION_CHARACTERS = 4, 250


class MemoryRecall:
    """Remembers for a conversation."""

    def __init__(self, config: Config, memories: MemoryService) -> None:
        self._config = config
        self._memories = memories

    async def build_prompt_section(self, questions: Sequence[str], ctx: RequestContext) -> str | None:
        """The part of the prompt for a conversation with these questions, oldest first; None: nothing to be told."""
        enabled = self._config.flag(MEMORIES_ENABLE) and self._config.flag(MEMORIES_SYSTEM_CONTEXT_ENABLE)
        if not enabled or not await self._memories.may_use(ctx.asker):
            return None
        asked_questions = [question.strip() for question in questions if question.strip()]
        query = "\n\n".join(asked_questions[-MAX_QUESTIONS:])[-MAX_QUERY_CHARACTERS:]
        if not query:
            return None
        known = await store.list_memories(self._memories.db, ctx.asker.id)
        if not known:
            return None
        user_labels, path_labels, context_labels = self._select_memories(
            known, query, await self._find_nearest(query, ctx)
        )
        user_section = _format_section("User Memory", user_labels)[: self._get_limit("user")]
        context_sections = "\n\n".join(
            section
            for section in (
                _format_section("Memory Neighborhood", path_labels),
                _format_section("Relevant Context", context_labels),
            )
            if section
        )
        content = f"{user_section}\n\n{context_sections[: self._get_limit('context')]}".strip()
        return f"{OPEN}\n{content}\n{CLOSE}" if content else None

    def _get_limit(self, kind: str) -> int:
        return max(MIN_SECTION_CHARACTERS, int(self._config.number(require_key(f"memories.{kind}_char_limit")) or 2000))

    async def _find_nearest(self, query: str, ctx: RequestContext) -> list[Hit]:
        try:
            return await self._memories.vectors.find_nearest(ctx.asker.id, query, MAX_NEAREST, ctx) or []
        except RetrievalError as error:
            log.warning("memories cannot be searched: %s", error)
            return []

    def _select_memories(
        self, known: Sequence[Memory], query: str, hits: Sequence[Hit]
    ) -> tuple[list[str], list[str], list[str]]:
        """Those on the user; those in places that the conversation speaks of; those near it in meaning. Each once."""
        by_id = {one.id: one for one in known}
        labels_by_id = {one.id: _format_memory(one) for one in known if one.type == "user"}
        user_labels = list(labels_by_id.values())
        path_labels: list[str] = []
        for path in paths.list_mentioned_paths(query, known):
            for one in paths.search_memories(known, path=path, memory_type="context", limit=MAX_PER_PATH):
                if one.id not in labels_by_id:
                    path_labels.append(labels_by_id.setdefault(one.id, _format_memory(one)))
        context_labels: list[str] = []
        for hit in hits:
            memory = by_id.get(hit.id)
            # A vector may be older than its memory, which then counts; of a deleted one nothing is told.
            if memory is not None and hit.id not in labels_by_id and build_text(memory).strip():
                context_labels.append(labels_by_id.setdefault(hit.id, _format_memory(memory)))
        return user_labels, path_labels, context_labels


def _format_memory(memory: Memory) -> str:
    return f"{memory.path}: {memory.content}" if memory.path else memory.content


def _format_section(title: str, labels: Sequence[str]) -> str:
    ordered = sorted(labels, key=lambda label: (label.casefold(), label))
    return f"[{title}]\n" + "\n".join(f"- {label}" for label in ordered) if ordered else ""


def remove_prompt_section(text: str) -> str:
    """A prompt without what it was told of memories before."""
    start = text.find(OPEN)
    end = text.find(CLOSE, start)
    return text if start == -1 or end == -1 else (text[:start] + text[end + len(CLOSE) :]).strip()
