"""`/api/v1/channels/{id}/apps`: the apps that take part in a channel."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.features.apps import store as app_store
from fastback.features.apps.access import AppAccess
from fastback.features.apps.schemas import App, build_response
from fastback.features.channels.apps import store
from fastback.features.channels.apps.access import AppChannelAccess
from fastback.features.channels.apps.schemas import Invitation
from fastback.kit.db import Database
from fastback.kit.http import Router

router = Router("/api/v1/channels/{channel_id}/apps")


def _describe_app(app: App) -> dict[str, Any]:
    """Return an app without its credentials, and without the state of its connection."""
    fields: dict[str, Any] = msgspec.structs.asdict(build_response(app))
    return {name: value for name, value in fields.items() if name not in ("connection_status", "access_grants")}


@router.get("")
async def list_apps(
    channel_id: str, user: VerifiedUser, db: Database, access: AppChannelAccess
) -> list[dict[str, Any]]:
    """List the apps that take part in a channel."""
    await access.get_readable_channel(channel_id, user)
    apps = [await app_store.find_app(db, app_id) for app_id in await store.list_app_ids(db, channel_id)]
    return [_describe_app(app) for app in apps if app is not None]


@router.post("")
async def invite_app(
    channel_id: str, data: Invitation, user: VerifiedUser, db: Database, access: AppChannelAccess, apps: AppAccess
) -> dict[str, Any]:
    """Let an app take part in a channel."""
    channel = await access.get_managed_channel(channel_id, user)
    app = await apps.get_active_app(data.app_id)
    await apps.require_access(app, user)
    await store.invite_app(db, channel.id, app.id, user.id)
    return _describe_app(app)


@router.delete("/{app_id}")
async def remove_app(
    channel_id: str, app_id: str, user: VerifiedUser, db: Database, access: AppChannelAccess
) -> dict[str, bool]:
    """Remove an app from a channel."""
    channel = await access.get_managed_channel(channel_id, user)
    await store.remove_app(db, channel.id, app_id)
    return {"removed": True}
