"""`/api/v1/users`: what anybody may know of a user; what administrators do comes with their pages."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.users import admin_routes, own_routes, store
from fastback.features.users.pictures import DefaultPictures, allowed_types, stored_picture
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router
from fastback.settings import Settings

router = Router("/api/v1/users")


@router.get("/permissions")
async def permissions(user: VerifiedUser, permissions: Permissions) -> dict[str, Any]:
    return await permissions.of(user.id)


@router.get("/default/permissions")
async def default_permissions(user: AdminUser, permissions: Permissions) -> dict[str, Any]:
    return permissions.defaults()


@router.post("/default/permissions")
async def save_default_permissions(data: dict[str, Any], user: AdminUser, config: Config) -> dict[str, Any]:
    await config.set("user.permissions", data)
    return data


@router.get("/{user_id}/profile/image")
async def picture(
    user_id: str, user: VerifiedUser, db: Database, settings: Settings, pictures: DefaultPictures
) -> Response:
    found = await store.picture(db, user_id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    stored = stored_picture(
        found.profile_image_url,
        allowed=allowed_types(settings),
        forward=settings.enable_profile_image_url_forwarding,
    )
    return stored or pictures.response("user.png")


@router.get("/{user_id}/active")
async def active(user_id: str, user: VerifiedUser, db: Database) -> dict[str, bool]:
    return {"active": await store.is_active(db, user_id)}


routers = [own_routes.router, admin_routes.router, router]
