"""Compacting a chat: a model sums up what was said, and from then on the summary stands for it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions.tasks import requests
from fastback.completions.tasks.templates import plain
from fastback.config import Config
from fastback.config.keys.chat import CHAT_CONTEXT_COMPACTION_MODEL, CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.context_usage import ContextUsage, exceeds_threshold, split_at_summary
from fastback.features.chats.store import ChatPage
from fastback.features.prompts.prompt_variables import resolve_variables
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, HttpError
from fastback.providers import model_resolution
from fastback.providers.client import Provider, ProviderFailed, content_of
from fastback.providers.registry import Model, ModelRegistry
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")

Tell = Callable[[dict[str, Any]], Awaitable[None]]

TASK = "context_compaction"
#: Characters of a message, and of all, where a model summed up nothing.
EXCERPT, EXCERPTS = 500, 4000


class Compacted(msgspec.Struct, omit_defaults=True):
    """What became of it: `reason` says why nothing did; the counts are of messages, and of characters."""

    ok: bool
    compacted: bool
    reason: str | None = None
    dropped_messages: int | None = None
    kept_messages: int | None = None
    summary_chars: int | None = None


class Compactor:
    """Compacts branches of chats."""

    def __init__(
        self, *, db: Database, config: Config, registry: ModelRegistry, provider: Provider, context: ContextUsage
    ) -> None:
        self._db = db
        self._config = config
        self._registry = registry
        self._provider = provider
        self._context = context

    async def compact(self, chat: ChatPage, ctx: RequestContext, user: User, model_id: str | None) -> dict[str, Any]:
        """Compact the branch at which a chat opens, all but its last message.

        Raises:
            BadRequest: no model is named, nor used in the chat; or there is none that could do it.
            HttpError: the user may not use it.
        """
        document = Document(bytes(chat.chat))
        document.repair_links()
        current_id = chat.current_message_id or document.opening_message_id
        branch = await self._branch(chat, document, current_id)
        model_id = model_id or next((one["model"] for one in reversed(branch) if one.get("model")), None)
        model_id = model_id or next(iter(document.get_field("models") or []), None)
        if not model_id:
            raise BadRequest("No model found for context compaction.")
        result = await self._compacted(chat.id, current_id, branch, model_id, ctx, user)
        answer = {key: value for key, value in msgspec.structs.asdict(result).items() if value is not None}
        return {**answer, "context_usage": await self._usage(chat.id)}

    async def for_turn(
        self,
        messages: list[Message],
        system: str,
        params: dict[str, Any],
        model_id: str,
        ctx: RequestContext,
        tell: Tell,
    ) -> tuple[list[Message], str | None]:
        """A conversation as a model is to be shown it: since it was compacted last, and the summary of what was before.

        One that is too long by the `params` of its chat is compacted now; `tell` hears how far that is. Where no model
        can sum it up, it stays whole. `system` is what the model is told besides.
        """
        if not self._context.is_enabled:
            return messages, None
        recent, previous = split_at_summary(messages)
        if not exceeds_threshold(recent, [system, previous or ""], self._context.get_threshold(params)):
            return recent, previous
        place = _boundary(recent, self._retained())
        if place == 0:
            return recent, previous
        dropped, kept = recent[:place], recent[place:]
        await tell({"action": TASK, "description": "Compacting context", "done": False})
        try:
            about = msgspec.structs.replace(ctx, task=TASK, continues=False)
            summary = await self._summary(dropped, kept, previous, model_id, about, ctx.asker)
        except HttpError as error:
            log.warning("chat %s stays as long as it is: %s", ctx.chat_id, error)
            await tell({"action": TASK, "description": "Context compaction failed", "done": True, "error": True})
            return messages, None
        checkpoint = kept[0].get("id")
        if checkpoint and is_stored(ctx.chat_id):
            await turn_store.save_message(self._db, ctx.chat_id, checkpoint, {"contextSummary": summary}, touch=False)
        told = {"description": "Context compacted", "checkpoint_message_id": checkpoint, "context_summary": summary}
        await tell({"action": TASK, **told, "done": True})
        return kept, summary

    def _retained(self) -> int:
        """Percent of a conversation that stay when it is compacted."""
        found = self._config.get_number(CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE)
        return min(50, max(10, 40 if found is None else int(found)))

    async def _usage(self, chat_id: str) -> dict[str, Any] | None:
        if not self._context.is_enabled:
            return None
        text = "SELECT chat FROM chat WHERE id = :id"
        content = await self._db.fetch_value("compaction.document", text, id=chat_id)
        return None if content is None else self._context.measure(Document(content.encode()), None)

    async def _branch(self, chat: ChatPage, document: Document, current_id: str | None) -> list[Message]:
        known = await message_store.load_messages(self._db, chat.id) or document.decode_messages()
        found: list[Message] = []
        seen: set[Any] = set()
        current: Any = current_id
        while current in known and current not in seen:
            seen.add(current)
            found.append(known[current])
            current = known[current].get("parentId")
        return found[::-1]

    async def _compacted(
        self,
        chat_id: str,
        current_id: str | None,
        branch: list[Message],
        model_id: str,
        ctx: RequestContext,
        user: User,
    ) -> Compacted:
        if not self._context.is_enabled:
            return Compacted(True, False, "disabled")
        if not current_id:
            return Compacted(True, False, "empty")
        branch, previous = split_at_summary(branch)
        dropped, kept = branch[:-1], branch[-1:]
        if not dropped or not kept:
            return Compacted(True, False, "too_short")
        summary = await self._summary(dropped, kept, previous, model_id, ctx, user)
        await turn_store.save_message(self._db, chat_id, current_id, {"contextSummary": summary}, touch=False)
        return Compacted(True, True, None, len(dropped), len(kept), len(summary))

    async def _model(self, model_id: str, user: User) -> tuple[Model, Model]:
        """The model that is asked, and the one behind it that has a connection."""
        known = await self._registry.all()
        chosen = self._config.get_text(CHAT_CONTEXT_COMPACTION_MODEL)
        model = known.get(chosen) or known.get(model_id)
        if model is None:
            raise BadRequest("No available model for context compaction")
        await self._registry.check_access(user, model)
        target = await model_resolution.at_server(
            self._registry, await model_resolution.of_arena(self._registry, model, user)
        )
        if target is None:
            raise BadRequest("No available model for context compaction")
        return model, target

    async def _summary(
        self,
        dropped: list[Message],
        kept: list[Message],
        previous: str | None,
        model_id: str,
        ctx: RequestContext,
        user: User,
    ) -> str:
        """The summary by a model; the beginnings of the messages where it says nothing."""
        model, target = await self._model(model_id, user)
        payload = requests.build(
            TASK,
            self._config,
            [*dropped, *kept],
            model.id,
            user_name=user.name,
            template=await resolve_variables(self._db, requests.template_of(TASK, self._config), user),
            params=(model.entry.get("info") or {}).get("params") or {},
            lists={"COMPACTED_MESSAGES": dropped, "RECENT_MESSAGES": kept},
            PREVIOUS_SUMMARY=previous or "",
        )
        try:
            summary = content_of(await self._provider.complete(target, payload, ctx)).strip()
        except ProviderFailed as error:
            raise BadRequest(error.detail()) from None
        if summary:
            return summary
        parts = [previous] if previous else []
        parts += [f"- {one.get('role', 'unknown')}: {plain(one)[:EXCERPT]}" for one in dropped if plain(one)]
        return "\n".join(parts)[:EXCERPTS]


def _boundary(messages: list[Message], percent: int) -> int:
    """The question at which what stays begins, so that about so much of the messages does; 0 where there is none."""
    kept = max(2, len(messages) * percent // 100)
    questions = [place for place, one in enumerate(messages) if one.get("role") == "user"][1:]
    latest = max(1, len(messages) - kept, min(questions, default=0))
    return max((place for place in questions if place <= latest), default=0)
