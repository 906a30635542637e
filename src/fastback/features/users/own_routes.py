"""`/api/v1/users/user/*`: one's own settings, info, status and variables."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

import msgspec

from fastback import messages
from fastback.access.events import UserChanged
from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.auth import WEBHOOK_URL
from fastback.config.keys.features import USERS_ENABLE_STATUS
from fastback.config.keys.interface import UI_DEFAULT_INTERFACE_SETTINGS
from fastback.features.users import store
from fastback.features.users.interface_fields import INTERFACE_FIELDS
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, JsonBytes, Router
from fastback.kit.http.validation import Like

router = Router("/api/v1/users/user")


def _decoded(raw: msgspec.Raw | None) -> dict[str, Any] | None:
    found = None if raw is None else msgspec.json.decode(raw)
    return found if isinstance(found, dict) else None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def merged_ui(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The administrator's defaults with one's own settings over them, at every depth; null is no setting."""
    found = dict(defaults)
    for key, value in own.items():
        if value is None:
            continue
        below = found.get(key)
        found[key] = merged_ui(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return found


@router.get("/settings")
async def settings(
    user: VerifiedUser, db: Database, config: Config, raw: bool = False
) -> JsonBytes | dict[str, Any] | None:
    stored = await store.find_json_column(db, user.id, "settings")
    defaults = config.table(UI_DEFAULT_INTERFACE_SETTINGS)
    if raw or not defaults:
        if stored is not None and b'"ui"' in bytes(stored):
            return JsonBytes(bytes(stored))
        own = _decoded(stored)
        return None if own is None else {"ui": {}, **own}
    own = _decoded(stored) or {}
    return {"ui": merged_ui(defaults, _object(own.pop("ui", None))), **own}


class SettingsForm(msgspec.Struct):
    """What is declared of settings; everything else is kept, too."""

    ui: dict[str, Any] | None = None


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
            ui["notifications"] = {key: one for key, one in notifications.items() if key != WEBHOOK_URL}
    return data


def _patched(ui: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The page's settings with changes: what is left out stays, what is null goes."""
    found = {**ui, **changes}
    return {key: value for key, value in found.items() if changes.get(key, value) is not None}


@router.post("/settings/update")
async def update_settings(
    data: Annotated[dict[str, Any], Like(SettingsForm)],
    user: VerifiedUser,
    db: Database,
    permissions: Permissions,
    bus: Bus,
) -> dict[str, Any]:
    if not user.is_admin:
        data = await _allowed(data, user.id, permissions)
    changes = data.pop("ui", None)
    async with db.transaction() as tx:
        stored = _decoded(await store.find_json_column(tx, user.id, "settings", lock=True)) or {}
        known = stored.pop("ui", None)
        if changes is not None:
            own = {"ui": _patched(_object(known), changes), **stored, **data}
        else:
            own = {**({} if known is None else {"ui": known}), **stored, **data}
        await store.update_user(tx, user.id, settings=own)
    await bus.publish(UserChanged(user.id))
    return {"ui": {}, **own}


@router.get("/info")
async def info(user: VerifiedUser, db: Database) -> JsonBytes:
    stored = await store.find_json_column(db, user.id, "info")
    return JsonBytes(bytes(stored) if stored is not None else b"null")


@router.post("/info/update")
async def update_info(data: dict[str, Any], user: VerifiedUser, db: Database) -> dict[str, Any]:
    async with db.transaction() as tx:
        own = {**(_decoded(await store.find_json_column(tx, user.id, "info", lock=True)) or {}), **data}
        await store.update_user(tx, user.id, info=own)
    return own


class Status(msgspec.Struct):
    """What is left out, or null, stays as it was."""

    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None


def _need_status(config: Config) -> None:
    if not config.flag(USERS_ENABLE_STATUS):
        raise Forbidden(messages.ACTION_PROHIBITED)


@router.get("/status")
async def status(user: VerifiedUser, db: Database, config: Config) -> store.UserRecord | None:
    _need_status(config)
    return await store.find_user(db, user.id)


@router.post("/status/update")
async def update_status(data: Status, user: VerifiedUser, db: Database, config: Config, bus: Bus) -> store.UserRecord:
    _need_status(config)
    fields = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not None}
    if fields:
        await store.update_user(db, user.id, **fields)
        await bus.publish(UserChanged(user.id))
    found = await store.find_user(db, user.id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return found


class VariablesForm(msgspec.Struct):
    variables: dict[str, Any] = {}


class Variables(msgspec.Struct):
    variables: dict[str, str]


_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Characters of one value, and of all as JSON.
_LONGEST, _LONGEST_IN_ALL = 20_000, 100_000


def _checked(given: dict[str, Any]) -> dict[str, str]:
    """Variables as they are kept. Raises: BadRequest for a name or a value that cannot be one."""
    if len(json.dumps(given, ensure_ascii=False)) > _LONGEST_IN_ALL:
        raise BadRequest("User variables are too large.")
    found: dict[str, str] = {}
    for name, value in given.items():
        if not _NAME.fullmatch(name):
            raise BadRequest(f"Invalid user variable key: {name}")
        if not isinstance(value, str):
            raise BadRequest(f"User variable must be a string: {name}")
        found[name] = value.replace("\r\n", "\n")
        if len(found[name]) > _LONGEST:
            raise BadRequest(f"User variable is too long: {name}")
    return found


@router.get("/variables")
async def variables(user: VerifiedUser, db: Database) -> Variables:
    stored = _decoded(await store.find_json_column(db, user.id, "variables")) or {}
    return Variables({name: value for name, value in stored.items() if isinstance(value, str)})


@router.post("/variables/update")
async def update_variables(data: VariablesForm, user: VerifiedUser, db: Database) -> Variables:
    found = _checked(data.variables)
    await store.update_user(db, user.id, variables=found)
    return Variables(found)
