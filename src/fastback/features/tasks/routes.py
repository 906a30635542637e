"""`/api/v1/tasks`: settings of the small tasks, and asking for one."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.completions.provider import ProviderFailed
from fastback.completions.routes import refusal
from fastback.completions.service import Completions
from fastback.config import Config
from fastback.features.configs import pages
from fastback.features.configs.schemas import TasksForm
from fastback.features.tasks import requests
from fastback.kit.http import BadRequest, Json, Router
from fastback.providers.relay import RelayResponse

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
    messages: list[dict[str, Any]] = []
    prompt: str = ""
    type: str | None = None
    chat_id: str | None = None
    responses: list[str] = []
    stream: bool = False


async def _done(
    task: str,
    data: TaskForm,
    user: User,
    completions: Completions,
    config: Config,
    *,
    off: str | None = None,
    **more: str,
) -> Any:
    """Ask the model that does tasks; its answer in OpenAI's form, as the page reads it."""
    if off is not None and not config.flag(off):
        return Json({"detail": f"{task.replace('_', ' ').capitalize()} is disabled"}, 200)
    asked = await completions.model(data.model, user)
    known = await completions.registry.all()
    chosen = known[requests.task_model(config, asked.id, known)]
    seen: set[str] = set()
    while chosen.connection is None and chosen.base_model_id and chosen.id not in seen:
        seen.add(chosen.id)
        base = known.get(chosen.base_model_id)
        if base is None:
            raise BadRequest("Model not found")
        chosen = base
    messages = data.messages or ([{"role": "user", "content": data.prompt}] if data.prompt else [])
    payload = requests.build(task, config, messages, chosen.id, user_name=user.name, **more)
    try:
        if data.stream:
            upstream = await completions.services.provider.open(chosen, {**payload, "stream": True}, user)
            return RelayResponse(upstream.response)
        return await completions.services.provider.complete(chosen, payload, user)
    except ProviderFailed as error:
        return refusal(error)


@router.post("/title/completions")
async def title(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _done("title_generation", data, user, completions, config, off="task.title.enable")


@router.post("/follow_up/completions")
async def follow_ups(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _done("follow_up_generation", data, user, completions, config, off="task.follow_up.enable")


@router.post("/tags/completions")
async def tags(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _done("tags_generation", data, user, completions, config, off="task.tags.enable")


@router.post("/image_prompt/completions")
async def image_prompt(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _done("image_prompt_generation", data, user, completions, config)


@router.post("/queries/completions")
async def queries(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    key = "task.query.search.enable" if data.type == "web_search" else "task.query.retrieval.enable"
    return await _done("query_generation", data, user, completions, config, off=key)


@router.post("/auto/completions")
async def autocomplete(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    most = config.get("task.autocomplete.input_max_length")
    if isinstance(most, int) and 0 < most < len(data.prompt):
        raise BadRequest(f"Input prompt exceeds maximum length of {most}")
    more = {"PROMPT": data.prompt, "TYPE": data.type or "general"}
    return await _done(
        "autocomplete_generation", data, user, completions, config, off="task.autocomplete.enable", **more
    )


@router.post("/emoji/completions")
async def emoji(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _done("emoji_generation", data, user, completions, config)


@router.post("/moa/completions")
async def merge(data: TaskForm, user: VerifiedUser, completions: Completions, config: Config) -> Any:
    return await _done(
        "moa_response_generation", data, user, completions, config, responses="\n\n---\n\n".join(data.responses)
    )
