"""What a page may ask for after an answer: the filters of before, and actions."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.completions.service import Completions
from fastback.features.chats.chat_ids import TEMPORARY
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotBuilt, NotFound, Router
from fastback.settings import Settings

router = Router("/api/chat")

Body = dict[str, Any]


async def _check_owner(chat_id: Any, user: User, db: Database, settings: Settings) -> None:
    """Raises: NotFound, where the chat is somebody else's. BadRequest for a channel's."""
    if not isinstance(chat_id, str) or not chat_id or chat_id.startswith(TEMPORARY):
        return
    if chat_id.startswith("channel:"):
        raise BadRequest("Channel chats are not supported on this endpoint")
    if user.is_admin and settings.enable_admin_chat_access:
        return
    if await db.fetch_value("after.owner", "SELECT user_id FROM chat WHERE id = :id", id=chat_id) != user.id:
        raise NotFound(messages.SOMETHING_WRONG)


def _field(data: Body, name: str) -> Any:
    """Raises: BadRequest, naming the field that is missing."""
    if name not in data:
        raise BadRequest(f"'{name}'")
    return data[name]


@router.post("/completed")
async def completed(data: Body, user: VerifiedUser, completions: Completions, db: Database, settings: Settings) -> Body:
    """Filters run inside the turn; a client that still asks gets its messages back as they are."""
    await _check_owner(data.get("chat_id"), user, db, settings)
    data.pop("model_item", None)
    if not data.get("id"):
        raise BadRequest("Missing message id")
    if await completions.registry.find(str(_field(data, "model"))) is None:
        raise BadRequest("Model not found")
    for name in ("chat_id", "session_id"):
        _field(data, name)
    return data


class _Action(msgspec.Struct):
    type: str
    is_active: bool


_ACTION = "SELECT type, COALESCE(is_active, FALSE) FROM function WHERE id = :id"


@router.post("/actions/{action_id}")
async def action(
    action_id: str, data: Body, user: VerifiedUser, completions: Completions, db: Database, settings: Settings
) -> Body:
    """An action of a function; who may not run it is told so, who may that none runs in this release."""
    await _check_owner(data.get("chat_id"), user, db, settings)
    if not settings.enable_functions:
        raise BadRequest("Functions are disabled by ENABLE_PLUGINS or ENABLE_FUNCTIONS")
    name = action_id.partition(".")[0]
    found = await db.fetch_first(_Action, "after.action", _ACTION, id=name)
    if found is None:
        raise BadRequest(f"Action not found: {name}")
    model = await completions.registry.find(str(_field(data, "model")))
    if model is None:
        raise BadRequest("Model not found")
    if found.type != "action" or not found.is_active:
        raise BadRequest(f"Action not available: {name}")
    await completions.model(model.id, user)
    raise NotBuilt("Running actions")
