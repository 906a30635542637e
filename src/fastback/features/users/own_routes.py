"""`/api/v1/users/user/*`: one's own settings, info, status and variables."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import UserChanged
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.users import store
from fastback.features.users.interface_fields import INTERFACE_FIELDS
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, Invalid, JsonBytes, Router

router = Router("/api/v1/users/user")


def _decoded(raw: msgspec.Raw | None) -> dict[str, Any] | None:
    found = None if raw is None else msgspec.json.decode(raw)
    return found if isinstance(found, dict) else None


def merged_ui(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The administrator's defaults with one's own settings over them, at every depth."""
    found = dict(defaults)
    for key, value in own.items():
        below = found.get(key)
        found[key] = merged_ui(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return found


@router.get("/settings")
async def settings(user: VerifiedUser, db: Database, config: Config, raw: bool = False) -> JsonBytes | dict[str, Any]:
    stored = await store.json_column(db, user.id, "settings")
    defaults = config.table("ui.default_interface_settings")
    if raw or not defaults:
        return JsonBytes(bytes(stored) if stored is not None else b"null")
    own = _decoded(stored) or {}
    ui = own.get("ui")
    return {**own, "ui": merged_ui(defaults, ui if isinstance(ui, dict) else {})}


async def _allowed(data: dict[str, Any], user_id: str, permissions: Permissions) -> dict[str, Any]:
    """The changes without what the user may not set; what is left out stays as it was."""
    ui = data.get("ui")
    if isinstance(ui, dict):
        ui = dict(ui)
        data["ui"] = ui
        if not await permissions.has(user_id, "settings.interface"):
            for name in INTERFACE_FIELDS:
                ui.pop(name, None)
        controls = await permissions.has(user_id, "chat.controls")
        if not controls or not await permissions.has(user_id, "chat.system_prompt"):
            ui.pop("system", None)
        if not await permissions.has(user_id, "features.direct_tool_servers"):
            ui.pop("toolServers", None)
    if not await permissions.has(user_id, "features.webhooks"):
        data.pop("notifications", None)
        notifications = ui.get("notifications") if isinstance(ui, dict) else None
        if isinstance(notifications, dict) and isinstance(ui, dict):
            ui["notifications"] = {key: one for key, one in notifications.items() if key != "webhook_url"}
    return data


@router.post("/settings/update")
async def update_settings(
    data: dict[str, Any], user: VerifiedUser, db: Database, permissions: Permissions, bus: Bus
) -> dict[str, Any]:
    if data.get("ui") is not None and not isinstance(data.get("ui"), dict):
        raise Invalid.at(["body", "ui"], "Input should be a valid dictionary", kind="dict_type", value=data["ui"])
    if not user.is_admin:
        data = await _allowed(data, user.id, permissions)
    own = _decoded(await store.json_column(db, user.id, "settings")) or {}
    own.update(data)
    await store.update(db, user.id, settings=own)
    await bus.publish(UserChanged(user.id))
    return {"ui": own.get("ui", {}), **{key: value for key, value in own.items() if key != "ui"}}


@router.get("/info")
async def info(user: VerifiedUser, db: Database) -> JsonBytes:
    stored = await store.json_column(db, user.id, "info")
    return JsonBytes(bytes(stored) if stored is not None else b"null")


@router.post("/info/update")
async def update_info(data: dict[str, Any], user: VerifiedUser, db: Database) -> dict[str, Any]:
    own = {**(_decoded(await store.json_column(db, user.id, "info")) or {}), **data}
    await store.update(db, user.id, info=own)
    return own


class Status(msgspec.Struct):
    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None


def _need_status(config: Config) -> None:
    if not config.flag("users.enable_status"):
        raise Forbidden(messages.ACTION_PROHIBITED)


@router.get("/status")
async def status(user: VerifiedUser, db: Database, config: Config) -> store.Listed | None:
    _need_status(config)
    return await store.get(db, user.id)


@router.post("/status/update")
async def update_status(data: Status, user: VerifiedUser, db: Database, config: Config, bus: Bus) -> store.Listed:
    _need_status(config)
    await store.update(
        db,
        user.id,
        status_emoji=data.status_emoji,
        status_message=data.status_message,
        status_expires_at=data.status_expires_at,
    )
    await bus.publish(UserChanged(user.id))
    found = await store.get(db, user.id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return found


class Variables(msgspec.Struct):
    variables: dict[str, Any] = {}


@router.get("/variables")
async def variables(user: VerifiedUser, db: Database) -> Variables:
    return Variables(_decoded(await store.json_column(db, user.id, "variables")) or {})


@router.post("/variables/update")
async def update_variables(data: Variables, user: VerifiedUser, db: Database) -> Variables:
    await store.update(db, user.id, variables=data.variables)
    return data
