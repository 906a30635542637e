"""The memories in a model's prompt: all about the user, and those related to the conversation."""

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
#: The last questions that form the query, their characters together, and memories found by vectors.
MAX_QUESTIONS, MAX_QUERY_CHARACTERS, MAX_NEAREST = 7, 4000, 8
#: Memories of one path in a prompt, and the smallest limit of a section that administrators can set (characters).
MAX_PER_PATH, MIN_SECTION_CHARACTERS = 4, 250


class MemoryRecall:
    """Builds the section of the prompt that contains a user's memories."""

    def __init__(self, config: Config, memories: MemoryService) -> None:
        self._config = config
        self._memories = memories

    async def build_prompt_section(self, questions: Sequence[str], ctx: RequestContext) -> str | None:
        """Return the section for a conversation with these questions (oldest first); None if it is empty."""
        enabled = self._config.get_bool(MEMORIES_ENABLE) and self._config.get_bool(MEMORIES_SYSTEM_CONTEXT_ENABLE)
        if not enabled or not await self._memories.may_use(ctx.requester):
            return None
        asked_questions = [question.strip() for question in questions if question.strip()]
        query = "\n\n".join(asked_questions[-MAX_QUESTIONS:])[-MAX_QUERY_CHARACTERS:]
        if not query:
            return None
        memories = await store.list_memories(self._memories.db, ctx.requester.id)
        if not memories:
            return None
        user_labels, path_labels, context_labels = self._select_memories(
            memories, query, await self._find_nearest(query, ctx)
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
        return max(
            MIN_SECTION_CHARACTERS, int(self._config.get_number(require_key(f"memories.{kind}_char_limit")) or 2000)
        )

    async def _find_nearest(self, query: str, ctx: RequestContext) -> list[Hit]:
        try:
            return await self._memories.vectors.find_nearest(ctx.requester.id, query, MAX_NEAREST, ctx) or []
        except RetrievalError as error:
            log.warning("searching memories failed, using those found by path: %s", error)
            return []

    def _select_memories(
        self, memories: Sequence[Memory], query: str, hits: Sequence[Hit]
    ) -> tuple[list[str], list[str], list[str]]:
        """Return labels of memories, each once: about the user, of paths in the query, near its meaning."""
        by_id = {memory.id: memory for memory in memories}
        labels_by_id = {memory.id: _format_memory(memory) for memory in memories if memory.type == "user"}
        user_labels = list(labels_by_id.values())
        path_labels: list[str] = []
        for path in paths.list_mentioned_paths(query, memories):
            for memory in paths.search_memories(memories, path=path, memory_type="context", limit=MAX_PER_PATH):
                if memory.id not in labels_by_id:
                    path_labels.append(labels_by_id.setdefault(memory.id, _format_memory(memory)))
        context_labels: list[str] = []
        for hit in hits:
            hit_memory = by_id.get(hit.id)
            # A vector may be older than its memory, whose current text is used; deleted memories are skipped.
            if hit_memory is not None and hit.id not in labels_by_id and build_text(hit_memory).strip():
                context_labels.append(labels_by_id.setdefault(hit.id, _format_memory(hit_memory)))
        return user_labels, path_labels, context_labels


def _format_memory(memory: Memory) -> str:
    return f"{memory.path}: {memory.content}" if memory.path else memory.content


def _format_section(title: str, labels: Sequence[str]) -> str:
    ordered = sorted(labels, key=lambda label: (label.casefold(), label))
    return f"[{title}]\n" + "\n".join(f"- {label}" for label in ordered) if ordered else ""


def remove_prompt_section(text: str) -> str:
    """Return a prompt without the section that an earlier turn added."""
    start = text.find(OPEN)
    end = text.find(CLOSE, start)
    return text if start == -1 or end == -1 else (text[:start] + text[end + len(CLOSE) :]).strip()
