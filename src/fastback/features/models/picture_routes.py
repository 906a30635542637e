"""The picture of a model: the most frequent question of all, asked for every model of every page."""

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
from fastback.features.models.service import Workspace
from fastback.features.users.pictures import build_picture_response
from fastback.kit.http import Router
from fastback.settings import Settings

router = Router("/api/v1/models/model")

_DEFAULT = "/static/favicon.png"


def _static(url: str) -> str | None:
    """A path below `/static`, however it is written; None for any other."""
    path = url.split("?", 1)[0].split("#", 1)[0].strip()
    path = unquote(unquote(path))
    if unquote(path) != path or "\0" in path or "\\" in path:
        return None
    path = posixpath.normpath(path)
    return path if path.startswith("/static/") else None


@router.get("/profile/image")
async def picture(id: str, user: VerifiedUser, workspace: Workspace, config: Config, settings: Settings) -> Response:
    """Whoever may not see the model is given the default picture: which models exist is not told."""
    everything = settings.bypass_model_access_control or workspace.sees_all(user)
    url, updated_at = None, None
    face = await store.face(workspace.db, id)
    stored = (face.meta or {}).get("profile_image_url") if face is not None else None
    if (
        face is not None
        and stored
        and (everything or face.user_id == user.id or await workspace.grants.has_access(user.id, "model", id))
    ):
        url, updated_at = stored, face.updated_at
    if not url:
        url = await _of_arena(id, user, workspace, config, everything=everything)
    if not isinstance(url, str) or not url:
        return RedirectResponse(_DEFAULT, 302)
    if not url.startswith(("http", "data:image")):
        return RedirectResponse(_static(url) or _DEFAULT, 302)
    allowed = frozenset(one.strip() for one in settings.profile_image_allowed_mime_types.split(","))
    found = build_picture_response(url, allowed=allowed, forward=settings.enable_profile_image_url_forwarding)
    if found is None:
        return RedirectResponse(_DEFAULT, 302)
    if updated_at and "etag" in found.headers:
        found.headers["etag"] = f'"{updated_at}"'
    return found


async def _of_arena(model_id: str, user: User, workspace: Workspace, config: Config, *, everything: bool) -> Any:
    for arena in config.items(EVALUATION_ARENA_MODELS):
        if not isinstance(arena, dict) or arena.get("id") != model_id:
            continue
        meta = arena.get("meta") or {}
        grants = meta.get("access_grants") or []
        groups = set() if everything else set(await workspace.permissions.list_group_ids(user.id))
        if everything or (not grants and user.is_admin) or _reads(grants, user.id, groups):
            return meta.get("profile_image_url")
        return None
    return None


def _reads(grants: list[Any], user_id: str, groups: set[str]) -> bool:
    for one in grants:
        if isinstance(one, dict) and one.get("permission") == "read":
            kind, principal = one.get("principal_type"), one.get("principal_id")
            if (kind == "user" and principal in ("*", user_id)) or (kind == "group" and principal in groups):
                return True
    return False
