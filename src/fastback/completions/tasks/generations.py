"""Generations by a model: a title, tags and follow-up questions after an answer, search queries before one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

from fastback.completions.tasks import requests
from fastback.completions.tasks.task_context import build_task_context
from fastback.completions.tasks.templates import plain_text
from fastback.config import Config
from fastback.config.keys.tasks import TASK_FOLLOW_UP_ENABLE, TASK_TAGS_ENABLE, TASK_TITLE_ENABLE
from fastback.features.chats.messages import turn_store
from fastback.features.chats.tags import store as tag_store
from fastback.features.prompts.prompt_variables import resolve_variables
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError
from fastback.providers.client import ModelClient
from fastback.providers.model import Model
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry
from fastback.providers.request_context import RequestContext
from fastback.providers.upstream import ProviderRefusal

log = logging.getLogger("fastback.completions")

Message = dict[str, Any]
Emit = Callable[[str, Any], Awaitable[None]]


class Generations:
    """Generate what a request asked for. The generations are independent: a failure is logged, the others go on."""

    def __init__(
        self,
        *,
        db: Database,
        config: Config,
        registry: ModelRegistry,
        resolver: ModelResolver,
        client: ModelClient,
    ) -> None:
        self._db = db
        self._config = config
        self._registry = registry
        self._resolver = resolver
        self._client = client

    async def generate(self, task: str, messages: list[Message], model_id: str, ctx: RequestContext) -> str:
        """Return the text that a model generates for a task; empty where no model can be asked, or it fails."""
        model = await self._choose_model(task, model_id, ctx)
        if model is None:
            return ""
        template = await resolve_variables(self._db, requests.find_template(task, self._config), ctx.requester)
        params = model.entry_info.get("params") or {}
        payload = requests.build_payload(task, self._config, messages, model.id, template=template, params=params)
        body = {"model": model_id, "messages": messages, "chat_id": ctx.chat_id or None}
        return await self._complete(task, model, payload, build_task_context(ctx, task, body))

    async def ask(self, task: str, messages: list[Message], model_id: str, ctx: RequestContext) -> str:
        """Return what the model for tasks answers to messages as they are; empty where it cannot be asked, or fails."""
        model = await self._choose_model(task, model_id, ctx)
        if model is None:
            return ""
        payload = {"model": model.id, "messages": messages, "stream": False}
        return await self._complete(task, model, payload, build_task_context(ctx, task, payload))

    async def _choose_model(self, task: str, model_id: str, ctx: RequestContext) -> Model | None:
        """Return the model for a task; None where it does not exist, or the user may not use it."""
        models = await self._registry.get_models()
        model = models.get(requests.choose_task_model_id(self._config, model_id, models))
        if model is None:
            return None
        try:
            await self._registry.require_access(ctx.requester, model)
        except HttpError as error:
            log.warning("%s skipped, user %s may not use model %s: %s", task, ctx.requester.id, model.id, error)
            return None
        return model

    async def _complete(self, task: str, model: Model, payload: requests.Payload, ctx: RequestContext) -> str:
        """Return the text of a completion; empty where no server has the model, or it fails."""
        try:
            answering = await self._resolver.choose_from_arena(model, ctx.requester)
            server_model = await self._resolver.find_server_model(answering)
            if server_model is None:
                return ""
            return (await self._client.complete(server_model, payload, ctx)).text
        except (ProviderRefusal, HttpError) as error:
            log.warning("%s failed: %s", task, error)
            return ""

    async def generate_title(
        self, chat_id: str, messages: list[Message], model_id: str, ctx: RequestContext, emit: Emit, *, asks_model: bool
    ) -> None:
        """Name a chat, by a model where `asks_model` and the settings allow it, else by its first question."""
        title: str | None = None
        if asks_model and self._config.get_bool(TASK_TITLE_ENABLE):
            title = requests.parse_title(await self.generate("title_generation", messages, model_id, ctx))
        if not title:
            questions = (plain_text(message) for message in messages if message.get("role") == "user")
            title = next(questions, "")[:100] or "New Chat"
        await turn_store.set_title(self._db, chat_id, title)
        await emit("chat:title", title)

    async def generate_after_answer(
        self,
        tasks: dict[str, Any],
        *,
        chat_id: str,
        message_id: str,
        messages: list[Message],
        model_id: str,
        ctx: RequestContext,
        is_stored: bool,
        emit: Emit,
    ) -> None:
        """Generate what `tasks` names, in the order in which the page shows it; store it where the chat is stored."""
        if tasks.get("follow_up_generation") and self._config.get_bool(TASK_FOLLOW_UP_ENABLE):
            text = await self.generate("follow_up_generation", messages, model_id, ctx)
            follow_ups = requests.parse_follow_ups(text)
            await emit("chat:message:follow_ups", {"follow_ups": follow_ups})
            if is_stored:
                patch = {"followUps": follow_ups}
                await turn_store.save_message(self._db, chat_id, message_id, patch, touch=False)
        if not is_stored:
            return
        if "title_generation" in tasks:
            asks_model = bool(tasks["title_generation"])
            await self.generate_title(chat_id, messages, model_id, ctx, emit, asks_model=asks_model)
        if tasks.get("tags_generation") and self._config.get_bool(TASK_TAGS_ENABLE):
            tags = requests.parse_tags(await self.generate("tags_generation", messages, model_id, ctx))
            if tags:
                await tag_store.replace_chat_tags(self._db, chat_id, ctx.requester.id, tags)
                await emit("chat:tags", tags)
