"""`/api/v1/tasks`: the settings of generations, and generations on request."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.completions.doors.relayed_completion import relay_completion
from fastback.completions.sinks.refusals import build_refusal_response
from fastback.completions.tasks.task_requests import TaskForm, TaskRequests, describe_task_error
from fastback.completions.turn_pipeline import TurnPipeline
from fastback.config import Config
from fastback.config.keys.tasks import (
    TASK_AUTOCOMPLETE_ENABLE,
    TASK_AUTOCOMPLETE_INPUT_MAX_LENGTH,
    TASK_FOLLOW_UP_ENABLE,
    TASK_QUERY_RETRIEVAL_ENABLE,
    TASK_QUERY_SEARCH_ENABLE,
    TASK_TAGS_ENABLE,
    TASK_TITLE_ENABLE,
)
from fastback.features.configs import settings_pages
from fastback.features.configs.schemas import TasksForm
from fastback.kit.http import BadRequest, HttpError, Json, Router
from fastback.kit.http.disconnect import run_while_connected
from fastback.providers.request_context import build_request_context
from fastback.providers.upstream import ProviderRefusal

router = Router("/api/v1/tasks", takes_content=True)


@router.get("/config")
async def get_settings(user: VerifiedUser, config: Config) -> dict[str, Any]:
    """Return the settings of generations."""
    return settings_pages.read_page(config, settings_pages.TASKS)


@router.post("/config/update")
async def update_settings(data: TasksForm, user: AdminUser, config: Config) -> dict[str, Any]:
    """Change the settings of generations."""
    if data.AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH is None:
        data.AUTOCOMPLETE_GENERATION_INPUT_MAX_LENGTH = config.get_default(TASK_AUTOCOMPLETE_INPUT_MAX_LENGTH)
    return await settings_pages.save_page(config, settings_pages.TASKS, data)


def _build_disabled_response(feature: str) -> Json:
    """Return 200 with the reason: the page asks for generations after a chat without looking at the settings."""
    return Json({"detail": messages.feature_disabled(feature)}, 200)


async def _generate(
    task: str, data: TaskForm, request: Request, user: User, task_requests: TaskRequests, **variables: str
) -> Any:
    """Return the completion of a generation in OpenAI's form, as the page reads it."""
    generating = task_requests.generate(
        task, data, build_request_context(request, user, chat_id=data.chat_id or "", task=task), **variables
    )
    try:
        return await run_while_connected(request.receive, generating)
    except ProviderRefusal as refusal:
        return build_refusal_response(refusal)


@router.post("/title/completions")
async def generate_title(
    data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests, config: Config
) -> Any:
    if not config.get_bool(TASK_TITLE_ENABLE):
        return _build_disabled_response("Title generation")
    if not data.model:
        raise BadRequest("No model specified for title generation. Please ensure a model is selected for this chat.")
    return await _generate("title_generation", data, request, user, task_requests)


@router.post("/follow_up/completions")
async def generate_follow_ups(
    data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests, config: Config
) -> Any:
    if not config.get_bool(TASK_FOLLOW_UP_ENABLE):
        return _build_disabled_response("Follow-up generation")
    return await _generate("follow_up_generation", data, request, user, task_requests)


@router.post("/tags/completions")
async def generate_tags(
    data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests, config: Config
) -> Any:
    if not config.get_bool(TASK_TAGS_ENABLE):
        return _build_disabled_response("Tags generation")
    return await _generate("tags_generation", data, request, user, task_requests)


@router.post("/image_prompt/completions")
async def generate_image_prompt(
    data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests
) -> Any:
    return await _generate("image_prompt_generation", data, request, user, task_requests)


@router.post("/queries/completions")
async def generate_queries(
    data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests, config: Config
) -> Any:
    if data.type == "web_search" and not config.get_bool(TASK_QUERY_SEARCH_ENABLE):
        raise BadRequest(messages.feature_disabled("Search query generation"))
    if data.type == "retrieval" and not config.get_bool(TASK_QUERY_RETRIEVAL_ENABLE):
        raise BadRequest(messages.feature_disabled("Query generation"))
    return await _generate("query_generation", data, request, user, task_requests)


@router.post("/auto/completions")
async def complete_text(
    data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests, config: Config
) -> Any:
    """Suggest how a text continues while the user is typing it."""
    if not config.get_bool(TASK_AUTOCOMPLETE_ENABLE):
        raise BadRequest(messages.feature_disabled("Autocompletion generation"))
    max_length = config.get_number(TASK_AUTOCOMPLETE_INPUT_MAX_LENGTH)
    if max_length is not None and 0 < max_length < len(data.prompt or ""):
        raise BadRequest(f"Input prompt exceeds maximum length of {int(max_length)}")
    return await _generate("autocomplete_generation", data, request, user, task_requests, TYPE=data.type or "")


@router.post("/emoji/completions")
async def generate_emoji(data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests) -> Any:
    return await _generate("emoji_generation", data, request, user, task_requests)


@router.post("/moa/completions")
async def merge_answers(
    data: TaskForm, request: Request, user: VerifiedUser, task_requests: TaskRequests, pipeline: TurnPipeline
) -> Any:
    """Merge several models' answers into one: a turn like any other of the model, streamed where the form says so."""
    body = await task_requests.build_merge_request(data, user)
    ctx = build_request_context(request, user, chat_id=data.chat_id or "", task="moa_response_generation")
    try:
        return await relay_completion(pipeline, body, ctx, request, is_forwarded=True)
    except HttpError as error:
        raise describe_task_error("moa_response_generation", f"{error.status}: {error.detail}") from error
