"""Compaction of a chat: a model summarizes older messages, and the summary replaces them from then on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions.tasks import requests
from fastback.completions.tasks.templates import plain_text
from fastback.config import Config
from fastback.config.keys.chat import CHAT_CONTEXT_COMPACTION_MODEL, CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE
from fastback.features.chats.chat_ids import is_stored
from fastback.features.chats.document import Document, Message
from fastback.features.chats.messages import store as message_store
from fastback.features.chats.messages import turn_store
from fastback.features.chats.messages.context_usage import ContextUsage, exceeds_threshold, split_at_summary
from fastback.features.chats.messages.message_tree import walk_to_root
from fastback.features.chats.store import ChatPage
from fastback.features.prompts.prompt_variables import resolve_variables
from fastback.kit.db import Database
from fastback.kit.http.errors import BadRequest, HttpError
from fastback.providers.client import ModelClient
from fastback.providers.model import Model
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry
from fastback.providers.request_context import RequestContext
from fastback.providers.upstream import ProviderRefusal

log = logging.getLogger("fastback.completions")

ShowProgress = Callable[[dict[str, Any]], Awaitable[None]]

TASK = "context_compaction"
#: Characters of one message, and of all, in the excerpts that replace an empty summary.
MAX_EXCERPT, MAX_EXCERPTS = 500, 4000


class CompactionResult(msgspec.Struct, omit_defaults=True):
    """What became of a compaction. `reason` says why nothing was done; the counts are of messages and of characters."""

    ok: bool
    compacted: bool
    reason: str | None = None
    dropped_messages: int | None = None
    kept_messages: int | None = None
    summary_chars: int | None = None


class Compactor:
    """Compact branches of chats: on request of the page, or in a turn whose conversation has become too long."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        registry: ModelRegistry,
        resolver: ModelResolver,
        client: ModelClient,
        context_usage: ContextUsage,
    ) -> None:
        self._db = db
        self._config = config
        self._registry = registry
        self._resolver = resolver
        self._client = client
        self._context_usage = context_usage

    async def compact_chat(
        self, chat: ChatPage, ctx: RequestContext, user: User, model_id: str | None
    ) -> dict[str, Any]:
        """Compact the branch at which a chat opens, all but its last message.

        Raises:
            BadRequest: no model is named, nor used in the chat; or no model is available.
            HttpError: the user may not use the model.
        """
        document = await Document.load(self._db, chat.chat)
        await document.run(document.repair_links)
        last_id = chat.current_message_id or document.opening_message_id
        branch = await self._load_branch(chat, document, last_id)
        model_id = model_id or next((message["model"] for message in reversed(branch) if message.get("model")), None)
        model_id = model_id or next(iter(document.get_field("models") or []), None)
        if not model_id:
            raise BadRequest("No model found for context compaction.")
        result = await self._compact_branch(chat.id, last_id, branch, model_id, ctx, user)
        fields = {key: value for key, value in msgspec.structs.asdict(result).items() if value is not None}
        return {**fields, "context_usage": await self._measure_usage(chat.id)}

    async def compact_for_turn(
        self,
        messages: list[Message],
        *,
        system_prompt: str,
        params: dict[str, Any],
        model_id: str,
        ctx: RequestContext,
        show_progress: ShowProgress,
    ) -> tuple[list[Message], str | None]:
        """Return the messages since the last compaction, and the summary of the earlier ones.

        A conversation that is too long by the `params` of its chat is compacted now. Where no model can summarize it,
        it stays whole. `system_prompt` counts as part of the conversation.
        """
        if not self._context_usage.is_enabled:
            return messages, None
        recent, previous_summary = split_at_summary(messages)
        if not exceeds_threshold(
            recent, [system_prompt, previous_summary or ""], self._context_usage.get_threshold(params)
        ):
            return recent, previous_summary
        boundary = _find_boundary(recent, self._retained_percent())
        if boundary == 0:
            return recent, previous_summary
        older, newer = recent[:boundary], recent[boundary:]
        await show_progress({"action": TASK, "description": "Compacting context", "done": False})
        try:
            task_ctx = msgspec.structs.replace(ctx, task=TASK, continues=False)
            summary = await self._summarize(older, newer, previous_summary, model_id, task_ctx, ctx.requester)
        except HttpError as error:
            log.warning("compacting chat %s failed, the model gets all of it: %s", ctx.chat_id, error)
            failure = {"action": TASK, "description": "Context compaction failed", "done": True, "error": True}
            await show_progress(failure)
            return messages, None
        checkpoint_id = newer[0].get("id")
        if checkpoint_id and is_stored(ctx.chat_id):
            patch = {"contextSummary": summary}
            await turn_store.save_message(self._db, ctx.chat_id, checkpoint_id, patch, touch=False)
        done = {
            "description": "Context compacted",
            "checkpoint_message_id": checkpoint_id,
            "context_summary": summary,
        }
        await show_progress({"action": TASK, **done, "done": True})
        return newer, summary

    def _retained_percent(self) -> int:
        """Return the percentage of a conversation's messages that stay when it is compacted: 10 to 50."""
        percent = self._config.get_number(CHAT_CONTEXT_COMPACTION_RETENTION_PERCENTAGE)
        return min(50, max(10, 40 if percent is None else int(percent)))

    async def _measure_usage(self, chat_id: str) -> dict[str, Any] | None:
        if not self._context_usage.is_enabled:
            return None
        row = await turn_store.find_chat_document(self._db, chat_id)
        if row is None:
            return None
        document = await Document.load(self._db, row.chat)
        return await document.run(self._context_usage.measure, document, None)

    async def _load_branch(self, chat: ChatPage, document: Document, last_id: str | None) -> list[Message]:
        messages = await message_store.load_messages(self._db, chat.id, in_thread=document.is_large)
        messages = messages or await document.run(document.decode_messages)
        return list(walk_to_root(last_id, messages.get))[::-1]

    async def _compact_branch(
        self,
        chat_id: str,
        last_id: str | None,
        branch: list[Message],
        model_id: str,
        ctx: RequestContext,
        user: User,
    ) -> CompactionResult:
        if not self._context_usage.is_enabled:
            return CompactionResult(True, False, "disabled")
        if not last_id:
            return CompactionResult(True, False, "empty")
        branch, previous_summary = split_at_summary(branch)
        older, newer = branch[:-1], branch[-1:]
        if not older or not newer:
            return CompactionResult(True, False, "too_short")
        summary = await self._summarize(older, newer, previous_summary, model_id, ctx, user)
        await turn_store.save_message(self._db, chat_id, last_id, {"contextSummary": summary}, touch=False)
        return CompactionResult(True, True, None, len(older), len(newer), len(summary))

    async def _choose_model(self, model_id: str, user: User) -> tuple[Model, Model]:
        """Return the model that summarizes, the administrator's choice or the chat's, and the one its server knows.

        Raises:
            BadRequest: neither exists, or no server has it.
            HttpError: the user may not use it.
        """
        models = await self._registry.get_models()
        model = models.get(self._config.get_text(CHAT_CONTEXT_COMPACTION_MODEL)) or models.get(model_id)
        if model is None:
            raise BadRequest("No available model for context compaction")
        await self._registry.require_access(user, model)
        answering = await self._resolver.choose_from_arena(model, user)
        server_model = await self._resolver.find_server_model(answering)
        if server_model is None:
            raise BadRequest("No available model for context compaction")
        return model, server_model

    async def _summarize(
        self,
        older: list[Message],
        newer: list[Message],
        previous_summary: str | None,
        model_id: str,
        ctx: RequestContext,
        user: User,
    ) -> str:
        """Return a model's summary of the older messages; excerpts of them where the model's answer is empty."""
        model, server_model = await self._choose_model(model_id, user)
        template = await resolve_variables(self._db, requests.find_template(TASK, self._config), user)
        # There is no bound for the length of a conversation.
        payload = await asyncio.to_thread(
            requests.build_payload,
            TASK,
            self._config,
            [*older, *newer],
            model.id,
            user_name=user.name,
            template=template,
            params=model.entry_info.get("params") or {},
            lists={"COMPACTED_MESSAGES": older, "RECENT_MESSAGES": newer},
            PREVIOUS_SUMMARY=previous_summary or "",
        )
        try:
            summary = (await self._client.complete(server_model, payload, ctx)).text.strip()
        except ProviderRefusal as refusal:
            raise BadRequest(refusal.detail()) from None
        if summary:
            return summary
        excerpts = [previous_summary] if previous_summary else []
        excerpts += [
            f"- {message.get('role', 'unknown')}: {text[:MAX_EXCERPT]}"
            for message in older
            if (text := plain_text(message))
        ]
        return "\n".join(excerpts)[:MAX_EXCERPTS]


def _find_boundary(messages: list[Message], percent: int) -> int:
    """Return the index of the question from which on about `percent` of the messages stay; 0 where no question fits."""
    retained = max(2, len(messages) * percent // 100)
    questions = [index for index, message in enumerate(messages) if message.get("role") == "user"][1:]
    latest = max(1, len(messages) - retained, min(questions, default=0))
    return max((index for index in questions if index <= latest), default=0)
