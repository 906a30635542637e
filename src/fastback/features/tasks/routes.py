"""`/api/v1/tasks`: settings of the small tasks, and asking for one."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.completions.prompt import resolve
from fastback.completions.provider import ProviderFailed
from fastback.completions.routes import complete, refusal
from fastback.completions.service import Completions
from fastback.config import Config
from fastback.features.configs import pages
from fastback.features.configs.schemas import TasksForm
from fastback.features.tasks import requests
from fastback.kit.http import BadRequest, Json, NotFound, Router
from fastback.providers.registry import Model

router = Router("/api/v1/tasks")

Answer = dict[str, Any]


@router.get("/config")
async def settings(user: VerifiedUser, config: Config) -> Answer:
    return pages.current(config, pages.TASKS)


@router.post("/config/update")
async def save(data: TasksForm, user: AdminUser, config: Config) -> Answer:
    if data.AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH is None:
        data.AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH = config.default("task.autocomplete.input_max_length")
    return await pages.save(config, pages.TASKS, data)


class TaskForm(msgspec.Struct):
    model: str
    messages: list[dict[str, Any]] | None = None
    prompt: str | None = None
    type: str | None = None
    chat_id: str | None = None
    responses: list[str] = []
    stream: bool = False


def _disabled(what: str) -> Json:
    """Tasks after a chat that are switched off answer 200: the page asks for them without looking."""
    return Json({"detail": messages.feature_disabled(what)}, 200)


async def _known(model_id: str, user: User, completions: Completions) -> Model:
    model = await completions.registry.find(model_id) if model_id else None
    if model is None:
        raise NotFound(messages.model_not_found())
    await completions.registry.check_access(user, model)
    return model


def _server_of(model_id: str, everything: dict[str, Model]) -> Model:
    """The model that has a connection: a workspace model's own, however many stand between."""
    model, seen = everything[model_id], {model_id}
    while model.connection is None and model.base_model_id and model.base_model_id not in seen:
        seen.add(model.base_model_id)
        base = everything.get(model.base_model_id)
        if base is None:
            break
        model = base
    if model.connection is None:
        raise NotFound(messages.model_not_found())
    return model


async def _ask(task: str, data: TaskForm, user: User, completions: Completions, config: Config, **more: str) -> Any:
    """Ask the model that does tasks; its answer in OpenAI's form, as the page reads it."""
    asked = await _known(data.model, user, completions)
    everything = await completions.registry.all()
    chosen_id = requests.task_model(config, asked.id, everything)
    payload = requests.build(
        task,
        config,
        data.messages or [],
        chosen_id,
        template=await _template(task, user, completions, config),
        prompt=data.prompt,
        params=(everything[chosen_id].entry.get("info") or {}).get("params") or {},
        lists=None,
        **more,
    )
    try:
        return await completions.services.provider.complete(_server_of(chosen_id, everything), payload, user)
    except ProviderFailed as error:
        return refusal(error)


async def _template(task: str, user: User, completions: Completions, config: Config) -> str:
    return await resolve(completions.services.db, requests.template_of(task, config), user)


@router.post("/title/completions")
async def title(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    if not config.flag("task.title.enable"):
        return _disabled("Title generation")
    if not data.model:
        raise BadRequest("No model specified for title generation. Please ensure a model is selected for this chat.")
    return await _ask("title_generation", data, user, completions, config)


@router.post("/follow_up/completions")
async def follow_ups(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    if not config.flag("task.follow_up.enable"):
        return _disabled("Follow-up generation")
    return await _ask("follow_up_generation", data, user, completions, config)


@router.post("/tags/completions")
async def tags(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    if not config.flag("task.tags.enable"):
        return _disabled("Tags generation")
    return await _ask("tags_generation", data, user, completions, config)


@router.post("/image_prompt/completions")
async def image_prompt(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _ask("image_prompt_generation", data, user, completions, config)


@router.post("/queries/completions")
async def queries(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    if data.type == "web_search" and not config.flag("task.query.search.enable"):
        raise BadRequest(messages.feature_disabled("Search query generation"))
    if data.type == "retrieval" and not config.flag("task.query.retrieval.enable"):
        raise BadRequest(messages.feature_disabled("Query generation"))
    return await _ask("query_generation", data, user, completions, config)


@router.post("/auto/completions")
async def autocomplete(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    if not config.flag("task.autocomplete.enable"):
        raise BadRequest(messages.feature_disabled("Autocompletion generation"))
    most = config.number("task.autocomplete.input_max_length")
    if most is not None and 0 < most < len(data.prompt or ""):
        raise BadRequest(f"Input prompt exceeds maximum length of {int(most)}")
    return await _ask("autocomplete_generation", data, user, completions, config, TYPE=data.type or "")


@router.post("/emoji/completions")
async def emoji(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _ask("emoji_generation", data, user, completions, config)


@router.post("/moa/completions")
async def merge(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    """One answer out of several: an answer like any other of this model's, streamed where that is asked for."""
    model = await _known(data.model, user, completions)
    payload = requests.build(
        "moa_response_generation",
        config,
        data.messages or [],
        model.id,
        template=await _template("moa_response_generation", user, completions, config),
        prompt=data.prompt,
        responses="\n\n".join(f'"""{one}"""' for one in data.responses),
    )
    return await complete({**payload, "stream": data.stream}, user, completions)
