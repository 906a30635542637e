"""What a model is told of a user's memories: all on the user, those near what is spoken of, in a part of its prompt."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from fastback.config import Config
from fastback.config.key import require_key
from fastback.config.keys.features import MEMORIES_ENABLE, MEMORIES_SYSTEM_CONTEXT_ENABLE
from fastback.features.memories import paths, store
from fastback.features.memories.service import Memories
from fastback.features.memories.store import Memory
from fastback.features.memories.vectors import text_of
from fastback.providers.request_context import RequestContext
from fastback.retrieval.interfaces import Hit, RetrievalError

log = logging.getLogger("fastback.memories")

OPEN, CLOSE = "<memory_context>", "</memory_context>"
#: Questions that are looked back at, their characters together, and memories found by meaning.
QUESTIONS, CHARACTERS, NEAREST = 7, 4000, 8
#: Memories of one place that are told, and the least an administrator can limit a part to (characters).
OF_PLACE, LEAST = 4, 250


class Recall:
    """Remembers for a conversation."""

    def __init__(self, config: Config, memories: Memories) -> None:
        self._config = config
        self._memories = memories

    async def text(self, questions: Sequence[str], ctx: RequestContext) -> str | None:
        """The part of the prompt for a conversation with these questions, oldest first; None: nothing to be told."""
        enabled = self._config.flag(MEMORIES_ENABLE) and self._config.flag(MEMORIES_SYSTEM_CONTEXT_ENABLE)
        if not enabled or not await self._memories.may(ctx.asker):
            return None
        spoken = [one.strip() for one in questions if one.strip()]
        query = "\n\n".join(spoken[-QUESTIONS:])[-CHARACTERS:]
        if not query:
            return None
        known = await store.of_user(self._memories.db, ctx.asker.id)
        if not known:
            return None
        on_user, near, context = self._parts(known, query, await self._nearest(query, ctx))
        first = _part("User Memory", on_user)[: self._limit("user")]
        rest = "\n\n".join(
            part for part in (_part("Memory Neighborhood", near), _part("Relevant Context", context)) if part
        )
        told = f"{first}\n\n{rest[: self._limit('context')]}".strip()
        return f"{OPEN}\n{told}\n{CLOSE}" if told else None

    def _limit(self, kind: str) -> int:
        return max(LEAST, int(self._config.number(require_key(f"memories.{kind}_char_limit")) or 2000))

    async def _nearest(self, query: str, ctx: RequestContext) -> list[Hit]:
        try:
            return await self._memories.vectors.nearest(ctx.asker.id, query, NEAREST, ctx) or []
        except RetrievalError as error:
            log.warning("memories cannot be searched: %s", error)
            return []

    def _parts(
        self, known: Sequence[Memory], query: str, hits: Sequence[Hit]
    ) -> tuple[list[str], list[str], list[str]]:
        """Those on the user; those in places that the conversation speaks of; those near it in meaning. Each once."""
        by_id = {one.id: one for one in known}
        told = {one.id: _label(one) for one in known if one.type == "user"}
        on_user = list(told.values())
        near: list[str] = []
        for place in paths.hints(query, known):
            for one in paths.search(known, path=place, kind="context", limit=OF_PLACE):
                if one.id not in told:
                    near.append(told.setdefault(one.id, _label(one)))
        context: list[str] = []
        for hit in hits:
            memory = by_id.get(hit.id)
            # A vector may be older than its memory, which then counts; of a deleted one nothing is told.
            if memory is not None and hit.id not in told and text_of(memory).strip():
                context.append(told.setdefault(hit.id, _label(memory)))
        return on_user, near, context


def _label(memory: Memory) -> str:
    return f"{memory.path}: {memory.content}" if memory.path else memory.content


def _part(title: str, labels: Sequence[str]) -> str:
    ordered = sorted(labels, key=lambda one: (one.casefold(), one))
    return f"[{title}]\n" + "\n".join(f"- {one}" for one in ordered) if ordered else ""


def without(text: str) -> str:
    """A prompt without what it was told of memories before."""
    start = text.find(OPEN)
    end = text.find(CLOSE, start)
    return text if start == -1 or end == -1 else (text[:start] + text[end + len(CLOSE) :]).strip()
