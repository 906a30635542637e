"""Generations on request of a client: which model may be asked, and how a failure is answered."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.identity import User
from fastback.completions.tasks import requests
from fastback.completions.tasks.task_context import build_task_context
from fastback.config import Config
from fastback.features.prompts.prompt_variables import resolve_variables
from fastback.kit.db import Database
from fastback.kit.http.errors import HttpError, NotFound
from fastback.providers.client import ModelClient
from fastback.providers.model import Model
from fastback.providers.model_resolution import ModelResolver
from fastback.providers.registry import ModelRegistry
from fastback.providers.request_context import RequestContext

#: By task: the status of a failed generation, and whether the response shows the reason.
_FAILURES = {
    "title_generation": (400, False),
    "follow_up_generation": (400, False),
    "tags_generation": (500, False),
    "image_prompt_generation": (400, False),
    "query_generation": (400, True),
    "autocomplete_generation": (500, False),
    "emoji_generation": (400, True),
    "moa_response_generation": (400, True),
}


class TaskForm(msgspec.Struct):
    """The body of every generation request."""

    model: Any = None
    messages: list[dict[str, Any]] | None = None
    prompt: str | None = None
    type: str | None = None
    chat_id: str | None = None
    responses: list[str] = []
    stream: bool = False


def describe_task_error(task: str, reason: str) -> HttpError:
    """Return the error that answers a failed generation."""
    status, shows_reason = _FAILURES[task]
    return HttpError(status, reason if shows_reason else "An internal error has occurred.")


class TaskRequests:
    """Ask models for generations on request of a client."""

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

    async def generate(self, task: str, data: TaskForm, ctx: RequestContext, **variables: str) -> Any:
        """Return the completion of the model for tasks, in OpenAI's form.

        Raises:
            NotFound: the form names no known model.
            HttpError: the generation is not possible, or failed, as `describe_task_error` answers it.
            ProviderRefusal: the server refused.
        """
        user = ctx.requester
        model = await self._require_model(data.model)
        models = await self._registry.get_models()
        task_model = models[requests.choose_task_model_id(self._config, model.id, models)]
        server_model = await self._require_server_model(task, task_model, user)
        payload = requests.build_payload(
            task,
            self._config,
            data.messages or [],
            task_model.id,
            template=await self._resolve_template(task, user),
            prompt=data.prompt,
            params=task_model.entry_info.get("params") or {},
            lists=None,
            **variables,
        )
        ctx = build_task_context(ctx, task, msgspec.to_builtins(data))
        try:
            return msgspec.Raw(await (await self._client.complete(server_model, payload, ctx)).encode())
        except HttpError as error:
            raise describe_task_error(task, f"{error.status}: {error.detail}") from error

    async def build_merge_request(self, data: TaskForm, user: User) -> dict[str, Any]:
        """Return the body of the chat completion that merges the answers of a form.

        Raises:
            NotFound: the form names no known model.
            HttpError: the user may not use the model, or no server has it.
        """
        task = "moa_response_generation"
        model = await self._require_model(data.model)
        await self._require_server_model(task, model, user)
        payload = requests.build_payload(
            task,
            self._config,
            data.messages or [],
            model.id,
            template=await self._resolve_template(task, user),
            prompt=data.prompt,
            responses="\n\n".join(f'"""{response}"""' for response in data.responses),
        )
        return {**payload, "stream": data.stream}

    async def _require_model(self, model_id: Any) -> Model:
        model = await self._registry.find(model_id) if isinstance(model_id, str) and model_id else None
        if model is None:
            raise NotFound(messages.model_not_found())
        return model

    async def _require_server_model(self, task: str, model: Model, user: User) -> Model:
        """Return the model that a server knows.

        Raises:
            HttpError: the user may not use the model, or no server has it.
        """
        try:
            await self._registry.require_access(user, model)
            model = await self._resolver.choose_from_arena(model, user)
        except HttpError as error:
            raise describe_task_error(task, str(error.detail)) from error
        server_model = await self._resolver.find_server_model(model)
        if server_model is None:
            raise describe_task_error(task, "Model not found")
        return server_model

    async def _resolve_template(self, task: str, user: User) -> str:
        return await resolve_variables(self._db, requests.find_template(task, self._config), user)
