"""`/api/v1/channels/{id}/apps`: the apps that take part in a channel."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.grants import Grants
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.features import APPS_ENABLE, CHANNELS_ENABLE
from fastback.features.apps import store as app_store
from fastback.features.apps.schemas import App, build_response
from fastback.features.channels import store as channel_store
from fastback.features.channels.access import ChannelAccess
from fastback.features.channels.apps import store
from fastback.features.channels.store import Channel
from fastback.kit.db import Database
from fastback.kit.http import Forbidden, NotFound, Router

router = Router("/api/v1/channels/{channel_id}/apps")


class Invitation(msgspec.Struct, forbid_unknown_fields=True):
    """The app to invite."""

    app_id: str


async def _get_channel(
    channel_id: str, user: User, config: Config, db: Database, access: ChannelAccess, *, for_manager: bool
) -> Channel:
    """Return a channel that may have apps, and that a user reads, or manages (`for_manager`).

    Raises:
        NotFound: apps are disabled, or there is no such channel. Forbidden: channels are disabled, or the user may not.
    """
    if not config.get_bool(APPS_ENABLE):
        raise NotFound("Apps are disabled")
    if not config.get_bool(CHANNELS_ENABLE):
        raise Forbidden("Channels are disabled")
    channel = await channel_store.find_channel(db, channel_id)
    if channel is None or channel.type == "dm" or channel.deleted_at or channel.archived_at:
        raise NotFound("Channel unavailable")
    if not user.is_admin:
        check = access.is_manager(channel, user) if for_manager else access.is_allowed(channel, user, "read")
        if not await check:
            raise Forbidden("Channel access denied")
    return channel


async def _get_invited_app(app_id: str, user: User, db: Database, grants: Grants) -> App:
    """Return an app that a user may invite.

    Raises:
        NotFound: there is no such app. Forbidden: it is inactive, or the user may not use it.
    """
    app = await app_store.find_app(db, app_id)
    if app is None:
        raise NotFound("App not found")
    if not app.is_active or not app.api_key or not (app.data.get("manifest") or {}).get("public_key"):
        raise Forbidden("App is inactive")
    if not user.is_admin and not await grants.has_access(user.id, "app", app.id):
        raise Forbidden("App invocation denied")
    return app


def _describe_app(app: App) -> dict[str, Any]:
    """Return an app without its credentials, and without the state of its connection."""
    fields: dict[str, Any] = msgspec.structs.asdict(build_response(app))
    return {name: value for name, value in fields.items() if name not in ("connection_status", "access_grants")}


@router.get("")
async def list_apps(
    channel_id: str, user: VerifiedUser, config: Config, db: Database, access: ChannelAccess
) -> list[dict[str, Any]]:
    """List the apps that take part in a channel."""
    await _get_channel(channel_id, user, config, db, access, for_manager=False)
    apps = [await app_store.find_app(db, app_id) for app_id in await store.list_app_ids(db, channel_id)]
    return [_describe_app(app) for app in apps if app is not None]


@router.post("")
async def invite_app(
    channel_id: str,
    data: Invitation,
    user: VerifiedUser,
    config: Config,
    db: Database,
    access: ChannelAccess,
    grants: Grants,
) -> dict[str, Any]:
    """Let an app take part in a channel."""
    channel = await _get_channel(channel_id, user, config, db, access, for_manager=True)
    app = await _get_invited_app(data.app_id, user, db, grants)
    await store.invite_app(db, channel.id, app.id, user.id)
    return _describe_app(app)


@router.delete("/{app_id}")
async def remove_app(
    channel_id: str, app_id: str, user: VerifiedUser, config: Config, db: Database, access: ChannelAccess
) -> dict[str, bool]:
    """Remove an app from a channel."""
    channel = await _get_channel(channel_id, user, config, db, access, for_manager=True)
    await store.remove_app(db, channel.id, app_id)
    return {"removed": True}
