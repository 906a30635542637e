"""`GET /api/v1/search`: the workspace search."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.config.keys.features import NOTES_ENABLE
from fastback.features.channels.search import MessageSearch, SearchedChannel
from fastback.features.chats.search.service import ChatSearch
from fastback.features.search import store
from fastback.features.search.query import WorkspaceQuery, list_descendant_ids
from fastback.features.search.service import WorkspaceSearch
from fastback.features.search.store import Folder
from fastback.kit.db import Database
from fastback.kit.http import Router

router = Router("/api/v1")


async def _list_kinds(user: User, config: Config, permissions: Permissions, messages: MessageSearch) -> list[str]:
    kinds = ["chat"]
    if await messages.may_search(user):
        kinds.append("message")
    if config.get_bool(NOTES_ENABLE) and (user.is_admin or await permissions.has(user.id, "features.notes")):
        kinds.append("note")
    return kinds


def _list_scopes(folders: list[Folder], channels: list[SearchedChannel]) -> list[dict[str, str]]:
    """Return the places that can be searched alone, by kind and name."""
    scopes = [{"id": f"folder:{folder.id}", "name": folder.name, "kind": "folder"} for folder in folders]
    scopes += [{"id": f"channel:{channel.id}", "name": channel.name, "kind": "channel"} for channel in channels]
    return sorted(scopes, key=lambda entry: (entry["kind"], entry["name"].lower(), entry["id"]))


@router.get("/search")
async def search_workspace(
    user: VerifiedUser,
    db: Database,
    config: Config,
    permissions: Permissions,
    chats: ChatSearch,
    messages: MessageSearch,
    q: Annotated[str, Meta(max_length=500)] = "",
    kind: Literal["all", "chat", "message", "note"] = "all",
    sharing: Literal["all", "mine", "shared"] = "all",
    scope: Annotated[str, Meta(max_length=200)] = "",
    page: Annotated[int, Meta(ge=1, le=100_000)] = 1,
) -> dict[str, Any]:
    """Search chats, messages of channels, and notes.

    `scope` is `folder:` or `channel:` and an id, or empty for all places.
    """
    group_ids = await permissions.list_group_ids(user.id)
    folders = await store.list_folders(db, user.id, group_ids)
    kinds = await _list_kinds(user, config, permissions, messages)
    channels = await messages.list_channels(user) if "message" in kinds else []
    scopes = _list_scopes(folders, channels)
    if scope and scope not in {entry["id"] for entry in scopes}:
        return {"items": [], "has_more": False, "scopes": scopes, "kinds": kinds}
    query = WorkspaceQuery(user, group_ids, folders, q.strip(), sharing, channels=channels)
    scope_kind, _, scope_id = scope.partition(":")
    if scope_kind == "folder":
        query.scope = list(list_descendant_ids(folders, {scope_id}))
    elif scope_kind == "channel":
        query.channels = [channel for channel in channels if channel.id == scope_id]
        query.in_channel = True
    searched_kinds = kinds if kind == "all" else [str(name) for name in kinds if name == kind]
    items, has_more = await WorkspaceSearch(db, chats, messages).search(query, searched_kinds, page)
    return {"items": items, "has_more": has_more, "scopes": scopes, "kinds": kinds}
