"""After every so many questions a model looks back: what of the conversation should be remembered for other ones?"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.completions.tasks.requests import answered
from fastback.completions.tasks.templates import plain
from fastback.config import Config
from fastback.config.keys.features import (
    MEMORIES_BACKGROUND_REVIEW_ENABLE,
    MEMORIES_ENABLE,
    MEMORIES_REVIEW_INTERVAL_TURNS,
)
from fastback.features.memories import store
from fastback.features.memories.schemas import OperationsForm
from fastback.features.memories.service import MemoryService
from fastback.features.memories.store import Memory
from fastback.kit.http.errors import HttpError
from fastback.providers.client import Provider, ProviderFailed, content_of
from fastback.providers.registry import Model
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.memories")

Message = dict[str, Any]

#: Memories and messages that the model is shown, and characters of a message: its beginning and its end.
MEMORIES, MESSAGES, BEGINNING, END = 80, 16, 1000, 400

_SYSTEM = "You keep a person's long-term memories in order. Answer with JSON alone."
_TASK = """Below are a person's memories and the end of a conversation that they had with an assistant. Decide whether
memories should be added or changed, so that later conversations go better.

There are two types: "user" for lasting facts, preferences and wishes of the person, which every conversation is told
of; "context" for anything else that may matter again. A path such as "work/garden" says where a memory belongs; leave
it out where no place is obvious.

Keep what lasts. Leave out what is over tomorrow (meals, moods, the steps of today's task) unless the person asked to
have it remembered, guesses, and anything secret such as passwords and keys. Where a memory has become wrong, replace,
move or remove it; do not add a second one beside it.

Answer with {"operations": […]}, an empty list where nothing is to be done. An operation is one of
{"action": "add", "type": "user", "path": "…", "content": "…"}
{"action": "replace", "id": "…", "type": "context", "path": "…", "content": "…"}
{"action": "move", "id": "…", "path": "…"}
{"action": "remove", "id": "…"}
"""


class MemoryReview:
    """Looks back after an answer, where the administrator wants it."""

    def __init__(self, config: Config, provider: Provider, memories: MemoryService) -> None:
        self._config = config
        self._provider = provider
        self._memories = memories

    def is_due(self, messages: list[Message]) -> bool:
        """Whether a conversation has come to a question after which one looks back."""
        if not self._config.get_bool(MEMORIES_ENABLE) or not self._config.get_bool(MEMORIES_BACKGROUND_REVIEW_ENABLE):
            return False
        every = max(1, int(self._config.get_number(MEMORIES_REVIEW_INTERVAL_TURNS) or 10))
        asked: int = sum(one.get("role") == "user" for one in messages)
        return asked > 0 and asked % every == 0

    async def run(self, messages: list[Message], model: Model, target: Model, ctx: RequestContext) -> None:
        """Ask the `target` behind the chat's model, and change the memories as it says; failures are logged."""
        if not await self._memories.may_use(ctx.asker):
            return
        known = await store.list_memories(self._memories.db, ctx.asker.id)
        prompt = f"{_TASK}\nMemories:\n{_listed(known)}\n\nConversation:\n{_told(messages)}"
        payload = {
            "model": target.id,
            "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": prompt}],
            "stream": False,
        }
        about = msgspec.structs.replace(ctx, task="memory_review", continues=False)
        try:
            found = answered(content_of(await self._provider.complete(target, payload, about)))
            operations = found.get("operations")
            if not operations:
                return
            given = {"operations": operations, "source": "background_review"}
            form = msgspec.convert(given, OperationsForm)
            await self._memories.apply_operations(ctx, form, model.id)
        except (ProviderFailed, HttpError, msgspec.ValidationError) as error:
            log.warning("memories of %s stay as they are: %s", ctx.asker.id, error)


def _listed(memories: list[Memory]) -> str:
    lines = [f"- id={one.id} type={one.type} path={one.path or ''} content={one.content}" for one in memories]
    return "\n".join(lines[:MEMORIES]) or "(none)"


def _told(messages: list[Message]) -> str:
    told = []
    for one in messages[-MESSAGES:]:
        text = plain(one).strip()
        if one.get("role") not in ("user", "assistant") or not text:
            continue
        if len(text) > BEGINNING + END:
            text = f"{text[:BEGINNING]}\n…\n{text[-END:]}"
        told.append(f"{one['role']}: {text}")
    return "\n\n".join(told)
