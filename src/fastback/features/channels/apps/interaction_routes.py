"""`/api/v1/apps/{id}/interactions`: the buttons of apps' messages."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.features.apps.access import AppAccess
from fastback.features.channels.apps.access import AppChannelAccess
from fastback.features.channels.apps.invocations import AppInvocations
from fastback.features.channels.apps.schemas import InteractionForm
from fastback.features.channels.messages import store
from fastback.features.channels.messages.stored_data import find_object
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound, Router

router = Router("/api/v1/apps/{app_id}")


@router.post("/interactions")
async def press_button(
    app_id: str,
    data: InteractionForm,
    user: VerifiedUser,
    db: Database,
    apps: AppAccess,
    access: AppChannelAccess,
    invocations: AppInvocations,
) -> dict[str, Any]:
    """Tell an app that the current user has pressed a button of one of its messages, and return the app's reply."""
    app = await apps.get_active_app(app_id)
    row = await store.find_message(db, data.message_id)
    if row is None or row.app_id != app.id:
        raise NotFound("App message not found")
    await access.require_invocation(app, row.channel_id or "", user)
    actions = _list_actions(row.data)
    action = next((action for action in actions if action.get("action_id") == data.action_id), None)
    if action is None:
        raise BadRequest("Unknown action")
    return await invocations.press_button(app, user, row, action)


def _list_actions(data: msgspec.Raw) -> list[dict[str, Any]]:
    """Return the buttons of an app's message."""
    content = find_object((find_object(data) or {}).get("app", msgspec.Raw(b"null"))) or {}
    actions = msgspec.json.decode(content.get("actions", msgspec.Raw(b"[]")))
    return [action for action in actions if isinstance(action, dict)] if isinstance(actions, list) else []
