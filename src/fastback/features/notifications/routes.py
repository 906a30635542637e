"""`/api/v1/notifications`: where a user wants to be told of things."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.interface import UI_ENABLE_USER_WEBHOOKS
from fastback.features.notifications.targets import EVENTS, InvalidTarget, Target, Targets, masked
from fastback.features.webhooks.sender import Poster
from fastback.kit.http import BadRequest, Forbidden, NotFound, Router

router = Router("/api/v1/notifications")


async def _check(user: User, config: Config, permissions: Permissions) -> None:
    if not config.flag(UI_ENABLE_USER_WEBHOOKS):
        raise NotFound(messages.NOT_FOUND)
    if not user.is_admin and not await permissions.has(user.id, "features.webhooks"):
        raise Forbidden(messages.ACCESS_PROHIBITED)


@router.get("/events")
async def events(user: VerifiedUser, config: Config, permissions: Permissions) -> dict[str, Any]:
    await _check(user, config, permissions)
    return {"events": [dict(zip(("event", "label", "description"), one, strict=True)) for one in EVENTS]}


class TargetForm(msgspec.Struct):
    id: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    enabled: bool | UnsetType | None = UNSET
    events: list[str] | UnsetType | None = UNSET
    delivery: str | UnsetType | None = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET


@router.get("/targets")
async def all_of_mine(
    user: VerifiedUser, known: Targets, config: Config, permissions: Permissions
) -> dict[str, list[Target]]:
    await _check(user, config, permissions)
    try:
        found = await known.load(user.id)
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None
    return {"targets": [masked(one, found.default_id) for one in found.targets]}


@router.post("/targets")
async def create(
    data: TargetForm, user: VerifiedUser, known: Targets, config: Config, permissions: Permissions
) -> Target:
    await _check(user, config, permissions)
    try:
        return await known.create(user.id, msgspec.to_builtins(data))
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None


@router.put("/targets/{target_id}")
async def update(
    target_id: str, data: TargetForm, user: VerifiedUser, known: Targets, config: Config, permissions: Permissions
) -> Target:
    await _check(user, config, permissions)
    try:
        return await known.update(user.id, target_id, msgspec.to_builtins(data))
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None


@router.delete("/targets/{target_id}")
async def delete(
    target_id: str, user: VerifiedUser, known: Targets, config: Config, permissions: Permissions
) -> dict[str, bool]:
    await _check(user, config, permissions)
    if not await known.delete(user.id, target_id):
        raise NotFound(messages.NOT_FOUND)
    return {"ok": True}


@router.put("/targets/{target_id}/default")
async def make_default(
    target_id: str, user: VerifiedUser, known: Targets, config: Config, permissions: Permissions
) -> Target:
    await _check(user, config, permissions)
    try:
        return await known.make_default(user.id, target_id)
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None


@router.post("/targets/{target_id}/test")
async def try_out(
    target_id: str, user: VerifiedUser, known: Targets, poster: Poster, config: Config, permissions: Permissions
) -> dict[str, bool]:
    """Send a message that says that it is one."""
    await _check(user, config, permissions)
    try:
        found = await known.load(user.id)
    except InvalidTarget as error:
        raise BadRequest(str(error)) from None
    place = found.place(target_id)
    if place is None:
        raise BadRequest("Notification target not found")
    url = str(found.targets[place]["config"]["url"])
    data = {"action": "test", "user_id": user.id}
    words = "This is a test notification from Open WebUI."
    if not await poster.post(url, "Test notification", data, words):
        raise BadRequest("Webhook delivery failed")
    return {"ok": True}
