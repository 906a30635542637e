"""Operations of the page after an answer: filters of older clients, and actions."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.completions.doors import action_store
from fastback.completions.plugins.actions import Actions
from fastback.completions.plugins.completed_answers import CompletedAnswers
from fastback.completions.plugins.plugin_events import EventTarget
from fastback.completions.stages.admission import Admission
from fastback.features.chats.chat_ids import TEMPORARY
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.providers.registry import ModelRegistry
from fastback.providers.request_context import build_request_context
from fastback.settings import Settings

router = Router("/api/chat", takes_content=True)

Body = dict[str, Any]


async def _require_own_chat(chat_id: Any, user: User, db: Database, settings: Settings) -> None:
    """Check that a chat is the user's own, or temporary.

    Raises:
        NotFound: the chat is not there, or belongs to another user.
        BadRequest: it is the chat of a channel.
    """
    if not isinstance(chat_id, str) or not chat_id or chat_id.startswith(TEMPORARY):
        return
    if chat_id.startswith("channel:"):
        raise BadRequest("Channel chats are not supported on this endpoint")
    if user.is_admin and settings.enable_admin_chat_access:
        return
    if await action_store.find_chat_owner_id(db, chat_id) != user.id:
        raise NotFound(messages.SOMETHING_WRONG)


def _get_field(data: Body, name: str) -> Any:
    """Return a field of the body.

    Raises:
        BadRequest: it is missing.
    """
    if name not in data:
        raise BadRequest(f"'{name}'")
    return data[name]


def _build_target(data: Body, user: User) -> EventTarget:
    """Return where events go: to the message that the body names.

    Raises:
        BadRequest: a field is missing.
    """
    chat_id, message_id, session_id = (_get_field(data, name) for name in ("chat_id", "id", "session_id"))
    return EventTarget(
        user_id=user.id,
        chat_id=chat_id if isinstance(chat_id, str) else "",
        message_id=message_id if isinstance(message_id, str) else None,
        session_id=session_id if isinstance(session_id, str) else None,
    )


@router.post("/completed")
async def complete_chat(
    request: Request,
    data: Body,
    user: VerifiedUser,
    registry: ModelRegistry,
    filters: CompletedAnswers,
    db: Database,
    settings: Settings,
) -> Any:
    """Run the outlet filters on an answer that an older client sends; newer ones run inside the turn."""
    await _require_own_chat(data.get("chat_id"), user, db, settings)
    data.pop("model_item", None)
    if not data.get("id"):
        raise BadRequest("Missing message id")
    model = await registry.find(str(_get_field(data, "model")))
    if model is None:
        raise BadRequest("Model not found")
    for name in ("chat_id", "session_id"):
        _get_field(data, name)
    target = _build_target(data, user)
    ctx = build_request_context(request, user, chat_id=target.chat_id, message_id=target.message_id or "")
    return await filters.run(data, model, target, ctx)


@router.post("/actions/{action_id}")
async def run_action(
    request: Request,
    action_id: str,
    data: Body,
    user: VerifiedUser,
    registry: ModelRegistry,
    admission: Admission,
    actions: Actions,
    db: Database,
    settings: Settings,
) -> Any:
    """Run an action on a message: `function`, or `function.button` for one with several buttons."""
    await _require_own_chat(data.get("chat_id"), user, db, settings)
    data.pop("model_item", None)
    if not settings.enable_functions:
        raise BadRequest("Functions are disabled by ENABLE_PLUGINS or ENABLE_FUNCTIONS")
    function_id, _, button_id = action_id.partition(".")
    function = await action_store.find_function(db, function_id)
    if function is None:
        raise BadRequest(f"Action not found: {function_id}")
    model = await registry.find(str(_get_field(data, "model")))
    if model is None:
        raise BadRequest("Model not found")
    if function.type != "action" or not function.is_active:
        raise BadRequest(f"Action not available: {function_id}")
    await admission.require_model(model.id, user)
    visible_ids = {str(item.get("id")).partition(".")[0] for item in model.entry.get("actions") or []}
    if not user.is_admin and function_id not in visible_ids:
        raise BadRequest(f"Action not available: {function_id}")
    target = _build_target(data, user)
    ctx = build_request_context(request, user, chat_id=target.chat_id, message_id=target.message_id or "")
    return await actions.run(function_id, button_id or function_id, data, model, target, ctx)
