"""`/api/v1/users`: the fields of a user that every user may see, and the caller's own groups."""

from __future__ import annotations

from starlette.responses import Response

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.groups.store import Group
from fastback.features.oauth_sessions.service import OAuthSession, OAuthSessions
from fastback.features.users import admin_routes, own_routes, permission_routes, store, usage_routes
from fastback.features.users.admin_routes import JoinedGroup, list_joined_groups
from fastback.features.users.pictures import build_picture_response, list_allowed_types
from fastback.frontend.default_pictures import DefaultPictures
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router
from fastback.settings import Settings

router = Router("/api/v1/users")


@router.get("/groups")
async def list_own_groups(
    user: VerifiedUser, db: Database, include_inherited: bool = False
) -> list[Group] | list[JoinedGroup]:
    return await list_joined_groups(db, user.id, include_inherited=include_inherited)


@router.get("/{user_id}/oauth/sessions")
async def list_oauth_sessions(user_id: str, user: AdminUser, sessions: OAuthSessions) -> list[OAuthSession]:
    rows = await sessions.list_of_user(user_id)
    if not rows:
        raise BadRequest(messages.USER_NOT_FOUND)
    return rows


@router.get("/{user_id}/profile/image")
async def get_picture(
    user_id: str, user: VerifiedUser, db: Database, settings: Settings, pictures: DefaultPictures
) -> Response:
    picture = await store.find_picture(db, user_id)
    if picture is None:
        raise BadRequest(messages.USER_NOT_FOUND)
    response = build_picture_response(
        picture.profile_image_url,
        allowed=list_allowed_types(settings),
        forward=settings.enable_profile_image_url_forwarding,
    )
    return response or pictures.build_response("user.png")


@router.get("/{user_id}/active")
async def get_active_state(user_id: str, user: VerifiedUser, db: Database) -> dict[str, bool]:
    return {"active": await store.is_active(db, user_id)}


routers = [own_routes.router, permission_routes.router, usage_routes.router, admin_routes.router, router]
