"""Memory review: after every so many questions a model decides what of the conversation to remember for later ones."""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from fastback.completions.tasks.requests import parse_json_object
from fastback.completions.tasks.templates import plain_text
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
from fastback.providers.client import ModelClient
from fastback.providers.model import Model
from fastback.providers.request_context import RequestContext
from fastback.providers.upstream import ProviderRefusal

log = logging.getLogger("fastback.memories")

Message = dict[str, Any]

#: Memories and messages that the model is shown, and characters of a long message: of its beginning and its end.
MAX_MEMORIES, MAX_MESSAGES, BEGINNING, END = 80, 16, 1000, 400

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


class MemoryReviewer:
    """Review memories after an answer, where the administrator has switched it on."""

    def __init__(self, *, config: Config, client: ModelClient, memories: MemoryService) -> None:
        self._config = config
        self._client = client
        self._memories = memories

    def is_due(self, messages: list[Message]) -> bool:
        """Return whether the number of questions in a conversation calls for a review."""
        if not self._config.get_bool(MEMORIES_ENABLE) or not self._config.get_bool(MEMORIES_BACKGROUND_REVIEW_ENABLE):
            return False
        interval = max(1, int(self._config.get_number(MEMORIES_REVIEW_INTERVAL_TURNS) or 10))
        questions: int = sum(message.get("role") == "user" for message in messages)
        return questions > 0 and questions % interval == 0

    async def review(self, messages: list[Message], model: Model, server_model: Model, ctx: RequestContext) -> None:
        """Ask the server model behind the chat's model, and change the memories as it says. A failure is logged."""
        if not await self._memories.may_use(ctx.requester):
            return
        memories = await store.list_memories(self._memories.db, ctx.requester.id)
        prompt = f"{_TASK}\nMemories:\n{_format_memories(memories)}\n\nConversation:\n{_format_conversation(messages)}"
        payload = {
            "model": server_model.id,
            "messages": [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": prompt}],
            "stream": False,
        }
        task_ctx = msgspec.structs.replace(ctx, task="memory_review", continues=False)
        try:
            text = (await self._client.complete(server_model, payload, task_ctx)).text
            operations = parse_json_object(text).get("operations")
            if not operations:
                return
            form = msgspec.convert({"operations": operations, "source": "background_review"}, OperationsForm)
            await self._memories.apply_operations(ctx, form, model.id)
        except (ProviderRefusal, HttpError, msgspec.ValidationError) as error:
            log.warning("reviewing the memories of user %s failed, none is changed: %s", ctx.requester.id, error)


def _format_memories(memories: list[Memory]) -> str:
    lines = [
        f"- id={memory.id} type={memory.type} path={memory.path or ''} content={memory.content}" for memory in memories
    ]
    return "\n".join(lines[:MAX_MEMORIES]) or "(none)"


def _format_conversation(messages: list[Message]) -> str:
    """Return the last messages, each with its role; the middle of a long one is left out."""
    lines = []
    for message in messages[-MAX_MESSAGES:]:
        text = plain_text(message).strip()
        if message.get("role") not in ("user", "assistant") or not text:
            continue
        if len(text) > BEGINNING + END:
            text = f"{text[:BEGINNING]}\n…\n{text[-END:]}"
        lines.append(f"{message['role']}: {text}")
    return "\n\n".join(lines)
