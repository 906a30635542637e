"""`/api/v1/users/user/*`: the caller's own settings, info, status and variables."""

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
from fastback.config.keys.features import USERS_ENABLE_STATUS
from fastback.config.keys.interface import UI_DEFAULT_INTERFACE_SETTINGS
from fastback.features.users import store
from fastback.features.users.interface_fields import INTERFACE_FIELDS
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, JsonBytes, Router
from fastback.kit.http.validation import CheckedAs

router = Router("/api/v1/users/user")

_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
#: Characters of one value, and of all variables as JSON.
_MAX_VALUE_LENGTH, _MAX_TOTAL_LENGTH = 20_000, 100_000


def _decode_object(raw: msgspec.Raw | None) -> dict[str, Any] | None:
    value = None if raw is None else msgspec.json.decode(raw)
    return value if isinstance(value, dict) else None


def _as_object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def merge_ui(defaults: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return the administrator's defaults overwritten by the user's own settings, at every depth; null is skipped."""
    merged = dict(defaults)
    for key, value in own.items():
        if value is None:
            continue
        default = merged.get(key)
        merged[key] = merge_ui(default, value) if isinstance(value, dict) and isinstance(default, dict) else value
    return merged


@router.get("/settings")
async def get_settings(
    user: VerifiedUser, db: Database, config: Config, raw: bool = False
) -> JsonBytes | dict[str, Any] | None:
    stored = await store.find_json_column(db, user.id, "settings")
    defaults = config.get_object(UI_DEFAULT_INTERFACE_SETTINGS)
    if raw or not defaults:
        if stored is not None and b'"ui"' in bytes(stored):
            return JsonBytes(bytes(stored))
        own = _decode_object(stored)
        return None if own is None else {"ui": {}, **own}
    own = _decode_object(stored) or {}
    return {"ui": merge_ui(defaults, _as_object(own.pop("ui", None))), **own}


class SettingsForm(msgspec.Struct):
    """The declared fields of settings; other fields are stored, too."""

    ui: dict[str, Any] | None = None


async def _drop_forbidden(data: dict[str, Any], user_id: str, permissions: Permissions) -> dict[str, Any]:
    """Return the changes without the settings that the user may not change; their stored values stay."""
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
            ui["notifications"] = {key: value for key, value in notifications.items() if key != "webhook_url"}
    return data


def _patch_ui(ui: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return the `ui` part with changes: an absent field keeps its value, a null field is removed."""
    patched = {**ui, **changes}
    return {key: value for key, value in patched.items() if changes.get(key, value) is not None}


@router.post("/settings/update", takes_content=True)
async def update_settings(
    data: Annotated[dict[str, Any], CheckedAs(SettingsForm)],
    user: VerifiedUser,
    db: Database,
    permissions: Permissions,
    bus: Bus,
) -> dict[str, Any]:
    if not user.is_admin:
        data = await _drop_forbidden(data, user.id, permissions)
    changes = data.pop("ui", None)
    async with db.transaction() as tx:
        stored = _decode_object(await store.find_json_column(tx, user.id, "settings", lock=True)) or {}
        stored_ui = stored.pop("ui", None)
        if changes is not None:
            own = {"ui": _patch_ui(_as_object(stored_ui), changes), **stored, **data}
        else:
            own = {**({} if stored_ui is None else {"ui": stored_ui}), **stored, **data}
        await store.update_user(tx, user.id, settings=own)
    await bus.publish(UserChanged(user.id))
    return {"ui": {}, **own}


@router.get("/info")
async def get_info(user: VerifiedUser, db: Database) -> JsonBytes:
    stored = await store.find_json_column(db, user.id, "info")
    return JsonBytes(bytes(stored) if stored is not None else b"null")


@router.post("/info/update")
async def update_info(data: dict[str, Any], user: VerifiedUser, db: Database) -> dict[str, Any]:
    async with db.transaction() as tx:
        own = {**(_decode_object(await store.find_json_column(tx, user.id, "info", lock=True)) or {}), **data}
        await store.update_user(tx, user.id, info=own)
    return own


class Status(msgspec.Struct):
    """The fields to change; an absent or null field leaves its value unchanged."""

    status_emoji: str | None = None
    status_message: str | None = None
    status_expires_at: int | None = None


def _require_status_enabled(config: Config) -> None:
    if not config.get_bool(USERS_ENABLE_STATUS):
        raise Forbidden(messages.ACTION_PROHIBITED)


@router.get("/status")
async def get_status(user: VerifiedUser, db: Database, config: Config) -> store.UserRecord | None:
    _require_status_enabled(config)
    return await store.find_user(db, user.id)


@router.post("/status/update")
async def update_status(data: Status, user: VerifiedUser, db: Database, config: Config, bus: Bus) -> store.UserRecord:
    _require_status_enabled(config)
    fields = {name: value for name, value in msgspec.structs.asdict(data).items() if value is not None}
    if fields:
        await store.update_user(db, user.id, **fields)
        await bus.publish(UserChanged(user.id))
    record = await store.find_user(db, user.id)
    if record is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    return record


class VariablesForm(msgspec.Struct):
    variables: dict[str, Any] = {}


class Variables(msgspec.Struct):
    variables: dict[str, str]


def _normalise_variables(values: dict[str, Any]) -> dict[str, str]:
    """Return the variables with Unix line ends.

    Raises:
        BadRequest: a name or a value is invalid or too long, or all together are too long.
    """
    if len(json.dumps(values, ensure_ascii=False)) > _MAX_TOTAL_LENGTH:
        raise BadRequest("User variables are too large.")
    normalised: dict[str, str] = {}
    for name, value in values.items():
        if not _VARIABLE_NAME.fullmatch(name):
            raise BadRequest(f"Invalid user variable key: {name}")
        if not isinstance(value, str):
            raise BadRequest(f"User variable must be a string: {name}")
        normalised[name] = value.replace("\r\n", "\n")
        if len(normalised[name]) > _MAX_VALUE_LENGTH:
            raise BadRequest(f"User variable is too long: {name}")
    return normalised


@router.get("/variables")
async def get_variables(user: VerifiedUser, db: Database) -> Variables:
    stored = _decode_object(await store.find_json_column(db, user.id, "variables")) or {}
    return Variables({name: value for name, value in stored.items() if isinstance(value, str)})


@router.post("/variables/update")
async def update_variables(data: VariablesForm, user: VerifiedUser, db: Database) -> Variables:
    variables = _normalise_variables(data.variables)
    await store.update_user(db, user.id, variables=variables)
    return Variables(variables)
