"""`/api/v1/users`: what anybody may know of a user, and one's own groups."""

from __future__ import annotations

from starlette.responses import Response

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.groups.store import Group
from fastback.features.users import admin_routes, own_routes, permission_routes, store, usage_routes
from fastback.features.users.admin_routes import JoinedGroup, joined_groups
from fastback.features.users.pictures import build_picture_response, list_allowed_types
from fastback.frontend.default_pictures import DefaultPictures
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotBuilt, Router
from fastback.settings import Settings

router = Router("/api/v1/users")


@router.get("/groups")
async def my_groups(
    user: VerifiedUser, db: Database, include_inherited: bool = False
) -> list[Group] | list[JoinedGroup]:
    return await joined_groups(db, user.id, include_inherited=include_inherited)


@router.get("/{user_id}/oauth/sessions")
async def oauth_sessions(user_id: str, user: AdminUser, db: Database) -> None:
    """Sessions come of signing in through others, which is not built; those the reference has left are encrypted."""
    if await store.has_oauth_session(db, user_id):
        raise NotBuilt("Reading sessions of other providers")
    raise BadRequest(messages.USER_NOT_FOUND)


@router.get("/{user_id}/profile/image")
async def picture(
    user_id: str, user: VerifiedUser, db: Database, settings: Settings, pictures: DefaultPictures
) -> Response:
    found = await store.find_picture(db, user_id)
    if found is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    stored = build_picture_response(
        found.profile_image_url,
        allowed=list_allowed_types(settings),
        forward=settings.enable_profile_image_url_forwarding,
    )
    return stored or pictures.response("user.png")


@router.get("/{user_id}/active")
async def active(user_id: str, user: VerifiedUser, db: Database) -> dict[str, bool]:
    return {"active": await store.is_active(db, user_id)}


routers = [own_routes.router, permission_routes.router, usage_routes.router, admin_routes.router, router]
