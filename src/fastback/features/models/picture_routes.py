"""The route for the picture of a model.

It is the most frequent request of all: pages send it for every model that they show.
"""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

from starlette.responses import RedirectResponse, Response

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.config import Config
from fastback.config.keys.features import EVALUATION_ARENA_MODELS
from fastback.features.models import store
from fastback.features.models.service import WorkspaceModels
from fastback.features.users.pictures import build_picture_response
from fastback.kit.http import Router
from fastback.settings import Settings

router = Router("/api/v1/models/model")

_DEFAULT_PICTURE = "/static/favicon.png"


def _find_static_path(url: str) -> str | None:
    """Return the normalised path of a URL below `/static`, however it is escaped; None for any other URL."""
    path = url.split("?", 1)[0].split("#", 1)[0].strip()
    path = unquote(unquote(path))
    if unquote(path) != path or "\0" in path or "\\" in path:
        return None
    path = posixpath.normpath(path)
    return path if path.startswith("/static/") else None


@router.get("/profile/image")
async def get_model_picture(
    id: str, user: VerifiedUser, workspace: WorkspaceModels, config: Config, settings: Settings
) -> Response:
    """Return the picture of a model.

    A user who may not read the model receives the default picture, so that the response does not tell whether the
    model exists.
    """
    may_see_all = settings.bypass_model_access_control or workspace.can_see_all(user)
    url, updated_at = None, None
    profile = await store.find_profile(workspace.db, id)
    stored_url = (profile.meta or {}).get("profile_image_url") if profile is not None else None
    if (
        profile is not None
        and stored_url
        and (may_see_all or profile.user_id == user.id or await workspace.grants.has_access(user.id, "model", id))
    ):
        url, updated_at = stored_url, profile.updated_at
    if not url:
        url = await _find_arena_picture(id, user, workspace, config, may_see_all=may_see_all)
    if not isinstance(url, str) or not url:
        return RedirectResponse(_DEFAULT_PICTURE, 302)
    if not url.startswith(("http", "data:image")):
        return RedirectResponse(_find_static_path(url) or _DEFAULT_PICTURE, 302)
    allowed = frozenset(media_type.strip() for media_type in settings.profile_image_allowed_mime_types.split(","))
    response = build_picture_response(url, allowed=allowed, forward=settings.enable_profile_image_url_forwarding)
    if response is None:
        return RedirectResponse(_DEFAULT_PICTURE, 302)
    if updated_at and "etag" in response.headers:
        response.headers["etag"] = f'"{updated_at}"'
    return response


async def _find_arena_picture(
    model_id: str, user: User, workspace: WorkspaceModels, config: Config, *, may_see_all: bool
) -> Any:
    """Return the picture of an arena model that the user may use, or None."""
    for arena in config.get_list(EVALUATION_ARENA_MODELS):
        if not isinstance(arena, dict) or arena.get("id") != model_id:
            continue
        meta = arena.get("meta") or {}
        grants = meta.get("access_grants") or []
        groups = set() if may_see_all else set(await workspace.permissions.list_group_ids(user.id))
        if may_see_all or (not grants and user.is_admin) or _can_read(grants, user.id, groups):
            return meta.get("profile_image_url")
        return None
    return None


def _can_read(grants: list[Any], user_id: str, groups: set[str]) -> bool:
    """Return whether one of the grants lets the user or one of the groups read."""
    for grant in grants:
        if isinstance(grant, dict) and grant.get("permission") == "read":
            kind, principal = grant.get("principal_type"), grant.get("principal_id")
            if (kind == "user" and principal in ("*", user_id)) or (kind == "group" and principal in groups):
                return True
    return False
