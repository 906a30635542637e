"""After an answer: a title, tags, and questions that may come next."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from fastback.completions.tasks import requests
from fastback.completions.tasks.templates import plain
from fastback.config import Config
from fastback.config.keys.tasks import TASK_FOLLOW_UP_ENABLE, TASK_TAGS_ENABLE, TASK_TITLE_ENABLE
from fastback.features.chats.messages import turn_store
from fastback.features.chats.tags import store as tag_store
from fastback.features.prompts.prompt_variables import resolve_variables
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.providers import model_resolution
from fastback.providers.client import Provider, ProviderFailed, content_of
from fastback.providers.registry import ModelRegistry
from fastback.providers.request_context import RequestContext

log = logging.getLogger("fastback.completions")

Message = dict[str, Any]
Emit = Callable[[str, Any], Awaitable[None]]


class FollowUps:
    """Does the tasks that a request asked for, each on its own: one that fails keeps no other from its result."""

    def __init__(self, *, db: Database, config: Config, registry: ModelRegistry, provider: Provider) -> None:
        self._db = db
        self._config = config
        self._registry = registry
        self._provider = provider

    async def ask(self, task: str, messages: list[Message], model_id: str, ctx: RequestContext) -> str:
        """What a model answers to a task; empty when it cannot be asked."""
        known = await self._registry.all()
        chosen = known.get(requests.task_model(self._config, model_id, known))
        if chosen is None:
            return ""
        try:
            await self._registry.check_access(ctx.asker, chosen)
            answering = await model_resolution.of_arena(self._registry, chosen, ctx.asker)
        except HttpError as error:
            log.warning("%s is not for %s: %s", chosen.id, ctx.asker.id, error)
            return ""
        target = await model_resolution.at_server(self._registry, answering)
        if target is None:
            return ""
        template = await resolve_variables(self._db, requests.template_of(task, self._config), ctx.asker)
        params = (chosen.entry.get("info") or {}).get("params") or {}
        payload = requests.build(task, self._config, messages, chosen.id, template=template, params=params)
        ctx = msgspec.structs.replace(ctx, task=task, continues=False)
        try:
            return content_of(await self._provider.complete(target, payload, ctx))
        except (ProviderFailed, HttpError) as error:
            log.warning("%s failed: %s", task, error)
            return ""

    async def title(
        self, chat_id: str, messages: list[Message], model_id: str, ctx: RequestContext, emit: Emit, *, ask: bool
    ) -> None:
        """Name the chat, by a model or by its first question."""
        found: str | None = None
        if ask and self._config.get_bool(TASK_TITLE_ENABLE):
            found = requests.title_in(await self.ask("title_generation", messages, model_id, ctx))
        if not found:
            first = next((plain(one) for one in messages if one.get("role") == "user"), "")
            found = first[:100] or "New Chat"
        await turn_store.set_title(self._db, chat_id, found)
        await emit("chat:title", found)

    async def run(
        self,
        wanted: dict[str, Any],
        *,
        chat_id: str,
        message_id: str,
        messages: list[Message],
        model_id: str,
        ctx: RequestContext,
        stored: bool,
        emit: Emit,
    ) -> None:
        """The tasks after an answer, in the order in which the page shows them."""
        if wanted.get("follow_up_generation") and self._config.get_bool(TASK_FOLLOW_UP_ENABLE):
            found = requests.follow_ups_in(await self.ask("follow_up_generation", messages, model_id, ctx))
            await emit("chat:message:follow_ups", {"follow_ups": found})
            if stored:
                await turn_store.save_message(self._db, chat_id, message_id, {"followUps": found}, touch=False)
        if not stored:
            return
        if "title_generation" in wanted:
            await self.title(chat_id, messages, model_id, ctx, emit, ask=bool(wanted["title_generation"]))
        if wanted.get("tags_generation") and self._config.get_bool(TASK_TAGS_ENABLE):
            named = requests.tags_in(await self.ask("tags_generation", messages, model_id, ctx))
            if named:
                await tag_store.replace_chat_tags(self._db, chat_id, ctx.asker.id, named)
                await emit("chat:tags", named)
