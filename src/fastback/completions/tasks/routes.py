"""`/api/v1/tasks`: settings of the small tasks, and asking for one."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.completions.doors.chat_routes import complete
from fastback.completions.doors.provider_errors import refusal
from fastback.completions.service import Completions
from fastback.completions.tasks import requests
from fastback.config import Config
from fastback.config.keys import tasks as tasks_keys
from fastback.features.configs import settings_pages
from fastback.features.configs.schemas import TasksForm
from fastback.features.prompts.prompt_variables import resolve_variables
from fastback.kit.http import BadRequest, HttpError, Json, NotFound, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers import model_resolution
from fastback.providers.client import ProviderFailed
from fastback.providers.registry import Model
from fastback.providers.request_context import build_request_context

router = Router("/api/v1/tasks")

Answer = dict[str, Any]


@router.get("/config")
async def settings(user: VerifiedUser, config: Config) -> Answer:
    return settings_pages.read_page(config, settings_pages.TASKS)


@router.post("/config/update")
async def save(data: TasksForm, user: AdminUser, config: Config) -> Answer:
    if data.AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH is None:
        data.AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH = config.get_default(
            tasks_keys.TASK_AUTOCOMPLETE_INPUT_MAX_LENGTH
        )
    return await settings_pages.save_page(config, settings_pages.TASKS, data)


class TaskForm(msgspec.Struct):
    model: Any = None
    messages: list[dict[str, Any]] | None = None
    prompt: str | None = None
    type: str | None = None
    chat_id: str | None = None
    responses: list[str] = []
    stream: bool = False


class Caller(msgspec.Struct, frozen=True):
    """Who asks for a task, and what it is done with."""

    request: Request
    user: User
    completions: Completions
    config: Config


def _disabled(what: str) -> Json:
    """Tasks after a chat that are switched off answer 200: the page asks for them without looking."""
    return Json({"detail": messages.feature_disabled(what)}, 200)


async def _known(model_id: Any, completions: Completions) -> Model:
    model = await completions.registry.find(model_id) if isinstance(model_id, str) and model_id else None
    if model is None:
        raise NotFound(messages.model_not_found())
    return model


#: What is answered when a task cannot be done: a status, and whether in the words of what went wrong.
_FAILED = {
    "title_generation": (400, False),
    "follow_up_generation": (400, False),
    "tags_generation": (500, False),
    "image_prompt_generation": (400, False),
    "query_generation": (400, True),
    "autocomplete_generation": (500, False),
    "emoji_generation": (400, True),
    "moa_response_generation": (400, True),
}


def _failed(task: str, words: str) -> HttpError:
    status, told = _FAILED[task]
    return HttpError(status, words if told else "An internal error has occurred.")


async def _ask(task: str, data: TaskForm, caller: Caller, **more: str) -> Any:
    """Ask the model that does tasks; its answer in OpenAI's form, as the page reads it."""
    completions, config = caller.completions, caller.config
    asked = await _known(data.model, completions)
    everything = await completions.registry.all()
    chosen = everything[requests.task_model(config, asked.id, everything)]
    target = await _allowed(task, chosen, caller)
    payload = requests.build(
        task,
        config,
        data.messages or [],
        chosen.id,
        template=await _template(task, caller),
        prompt=data.prompt,
        params=(chosen.entry.get("info") or {}).get("params") or {},
        lists=None,
        **more,
    )
    ctx = build_request_context(caller.request, caller.user, chat_id=data.chat_id or "", task=task)
    try:
        asking_it = completions.services.provider.complete(target, payload, ctx)
        return await run_while_connected(caller.request, asking_it)
    except ProviderFailed as error:
        return refusal(error)
    except HttpError as error:
        raise _failed(task, f"{error.status}: {error.detail}") from error


async def _allowed(task: str, model: Model, caller: Caller) -> Model:
    """The model that a server knows.

    Raises:
        HttpError: the user may not use the model, or no server has it.
    """
    registry = caller.completions.registry
    try:
        await registry.check_access(caller.user, model)
        model = await model_resolution.of_arena(registry, model, caller.user)
    except HttpError as error:
        raise _failed(task, str(error.detail)) from error
    target = await model_resolution.at_server(registry, model)
    if target is None:
        raise _failed(task, "Model not found")
    return target


async def _template(task: str, caller: Caller) -> str:
    return await resolve_variables(
        caller.completions.services.db, requests.template_of(task, caller.config), caller.user
    )


@router.post("/title/completions")
async def title(data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    if not config.get_bool(tasks_keys.TASK_TITLE_ENABLE):
        return _disabled("Title generation")
    if not data.model:
        raise BadRequest("No model specified for title generation. Please ensure a model is selected for this chat.")
    return await _ask("title_generation", data, Caller(request, user, completions, config))


@router.post("/follow_up/completions")
async def follow_ups(
    data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config
) -> Any:
    if not config.get_bool(tasks_keys.TASK_FOLLOW_UP_ENABLE):
        return _disabled("Follow-up generation")
    return await _ask("follow_up_generation", data, Caller(request, user, completions, config))


@router.post("/tags/completions")
async def tags(data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    if not config.get_bool(tasks_keys.TASK_TAGS_ENABLE):
        return _disabled("Tags generation")
    return await _ask("tags_generation", data, Caller(request, user, completions, config))


@router.post("/image_prompt/completions")
async def image_prompt(
    data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config
) -> Any:
    return await _ask("image_prompt_generation", data, Caller(request, user, completions, config))


@router.post("/queries/completions")
async def queries(
    data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config
) -> Any:
    if data.type == "web_search" and not config.get_bool(tasks_keys.TASK_QUERY_SEARCH_ENABLE):
        raise BadRequest(messages.feature_disabled("Search query generation"))
    if data.type == "retrieval" and not config.get_bool(tasks_keys.TASK_QUERY_RETRIEVAL_ENABLE):
        raise BadRequest(messages.feature_disabled("Query generation"))
    return await _ask("query_generation", data, Caller(request, user, completions, config))


@router.post("/auto/completions")
async def autocomplete(
    data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config
) -> Any:
    if not config.get_bool(tasks_keys.TASK_AUTOCOMPLETE_ENABLE):
        raise BadRequest(messages.feature_disabled("Autocompletion generation"))
    most = config.get_number(tasks_keys.TASK_AUTOCOMPLETE_INPUT_MAX_LENGTH)
    if most is not None and 0 < most < len(data.prompt or ""):
        raise BadRequest(f"Input prompt exceeds maximum length of {int(most)}")
    return await _ask("autocomplete_generation", data, Caller(request, user, completions, config), TYPE=data.type or "")


@router.post("/emoji/completions")
async def emoji(data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _ask("emoji_generation", data, Caller(request, user, completions, config))


@router.post("/moa/completions")
async def merge(data: TaskForm, request: Request, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    """One answer out of several: an answer like any other of this model's, streamed where that is asked for."""
    caller = Caller(request, user, completions, config)
    model = await _known(data.model, completions)
    await _allowed("moa_response_generation", model, caller)
    payload = requests.build(
        "moa_response_generation",
        config,
        data.messages or [],
        model.id,
        template=await _template("moa_response_generation", caller),
        prompt=data.prompt,
        responses="\n\n".join(f'"""{one}"""' for one in data.responses),
    )
    ctx = build_request_context(request, user, chat_id=data.chat_id or "", task="moa_response_generation")
    try:
        return await complete({**payload, "stream": data.stream}, ctx, request, completions, reads=False)
    except HttpError as error:
        raise _failed("moa_response_generation", f"{error.status}: {error.detail}") from error
