"""`GET /api/v1/search`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.search import store
from fastback.kit.db import Database
from fastback.kit.http import Invalid, Router

router = Router("/api/v1")

PAGE = 24


class Result(msgspec.Struct):
    id: str
    kind: str
    title: str
    context: str
    snippet: str
    preview: str
    url: str
    updated_at: int
    shared: bool
    pinned: bool


def excerpt(content: str, query: str, length: int = 200) -> str:
    """A piece of a text around the first word of the query in it."""
    lowered = content.lower()
    places = [place for place in (lowered.find(term) for term in store.terms_of(query)) if place >= 0]
    start = max(0, min(places, default=0) - length // 4)
    end = start + length
    return ("…" if start else "") + content[start:end].strip() + ("…" if end < len(content) else "")


async def _kinds(user: User, config: Config, permissions: Permissions) -> list[str]:
    kinds = ["chat"]
    if config.flag("notes.enable") and (user.is_admin or await permissions.has(user.id, "features.notes")):
        kinds.append("note")
    return kinds


@router.get("/search")
async def search(
    user: VerifiedUser,
    db: Database,
    config: Config,
    permissions: Permissions,
    q: str = "",
    kind: Literal["all", "chat", "message", "note"] = "all",
    sharing: Literal["all", "mine", "shared"] = "all",
    scope: str = "",
    page: int = 1,
) -> dict[str, Any]:
    if len(q) > 500:
        raise Invalid.at(["query", "q"], "String should have at most 500 characters", kind="string_too_long", value=q)
    if page < 1:
        raise Invalid.at(["query", "page"], "Input should be greater than or equal to 1", kind="greater_than_equal")
    groups = await permissions.group_ids(user.id)
    folders = await store.folders(db, user.id, groups)
    names = {folder.id: folder.name for folder in folders}
    kinds = await _kinds(user, config, permissions)
    scopes = [{"id": f"folder:{folder.id}", "name": folder.name, "kind": "folder"} for folder in folders]
    folder_id = scope.removeprefix("folder:") if scope.startswith("folder:") else None
    if scope and folder_id not in names:
        return {"items": [], "has_more": False, "scopes": scopes, "kinds": kinds}
    most = page * PAGE + 1
    found: list[tuple[int, int, Result]] = []
    if kind in ("all", "chat"):
        for chat in await store.chats(db, user.id, q, sharing=sharing, folder_id=folder_id, limit=most):
            found.append((chat.rank, -chat.updated_at, await _chat(db, chat, q, names)))
    if kind in ("all", "note") and "note" in kinds and not scope:
        for note in await store.notes(db, user.id, groups, q, sharing=sharing, limit=most):
            found.append((3, -(note.updated_at // 1_000_000_000), _note(note, q)))
    found.sort(key=lambda one: (one[0], one[1], one[2].id))
    start = (page - 1) * PAGE
    items = [one[2] for one in found[start : start + PAGE]]
    return {"items": items, "has_more": len(found) > start + PAGE, "scopes": scopes, "kinds": kinds}


async def _chat(db: Database, chat: store.Found, query: str, names: dict[str, str]) -> Result:
    content, message_id = await store.passage(db, chat.id, query, chat.current_id)
    return Result(
        id=f"chat:{chat.id}",
        kind="chat",
        title=chat.title,
        context=names.get(chat.folder_id or "", "Personal chat"),
        snippet=excerpt(content, query),
        preview=excerpt(content, query, 2000),
        url=f"/c/{chat.id}" + (f"?message={message_id}" if message_id else ""),
        updated_at=chat.updated_at,
        shared=chat.shared,
        pinned=chat.pinned,
    )


def _note(note: store.Note, query: str) -> Result:
    content = str(((note.data or {}).get("content") or {}).get("md") or "")
    return Result(
        id=f"note:{note.id}",
        kind="note",
        title=note.title,
        context="Note",
        snippet=excerpt(content, query),
        preview=excerpt(content, query, 2000),
        url=f"/notes/{note.id}",
        updated_at=note.updated_at // 1_000_000_000,
        shared=note.shared,
        pinned=note.pinned,
    )
