"""`GET /api/v1/search`: the workspace search."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import NOTES_ENABLE
from fastback.features.chats.search.service import ChatSearch
from fastback.features.search import store
from fastback.features.search.service import WorkspaceQuery, WorkspaceSearch, list_descendant_ids
from fastback.kit.db import Database
from fastback.kit.http import Router

router = Router("/api/v1")


async def _list_kinds(user: User, config: Config, permissions: Permissions) -> list[str]:
    kinds = ["chat"]
    if config.get_bool(NOTES_ENABLE) and (user.is_admin or await permissions.has(user.id, "features.notes")):
        kinds.append("note")
    return kinds


@router.get("/search")
async def search_workspace(
    user: VerifiedUser,
    db: Database,
    config: Config,
    permissions: Permissions,
    chats: ChatSearch,
    q: Annotated[str, Meta(max_length=500)] = "",
    kind: Literal["all", "chat", "message", "note"] = "all",
    sharing: Literal["all", "mine", "shared"] = "all",
    scope: Annotated[str, Meta(max_length=200)] = "",
    page: Annotated[int, Meta(ge=1, le=100_000)] = 1,
) -> dict[str, Any]:
    """Search chats and notes; `scope` is `folder:` and a folder's id, or empty for all places."""
    group_ids = await permissions.list_group_ids(user.id)
    folders = await store.list_folders(db, user.id, group_ids)
    kinds = await _list_kinds(user, config, permissions)
    scopes = [{"id": f"folder:{folder.id}", "name": folder.name, "kind": "folder"} for folder in folders]
    scopes.sort(key=lambda entry: (entry["name"].lower(), entry["id"]))
    folder_id = scope.removeprefix("folder:") if scope.startswith("folder:") else None
    if scope and folder_id not in {folder.id for folder in folders}:
        return {"items": [], "has_more": False, "scopes": scopes, "kinds": kinds}
    query = WorkspaceQuery(user, group_ids, folders, q.strip(), sharing)
    if folder_id is not None:
        query.scope = list(list_descendant_ids(folders, {folder_id}))
    searched_kinds = kinds if kind == "all" else [str(name) for name in kinds if name == kind]
    items, has_more = await WorkspaceSearch(db, chats).search(query, searched_kinds, page)
    return {"items": items, "has_more": has_more, "scopes": scopes, "kinds": kinds}
