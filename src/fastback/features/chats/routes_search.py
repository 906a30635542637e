"""`GET /api/v1/chats/search`."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.chats import live, tags
from fastback.features.chats.search.find import ChatSearch
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Database
from fastback.kit.http import Router
from fastback.kit.tasks import Tasks

router = Router("/api/v1/chats")


@router.get("/search")
async def find(
    user: VerifiedUser, search: ChatSearch, db: Database, tasks: Tasks, text: str, page: int | None = 1
) -> list[ChatTitle]:
    found = await search.find(user.id, text, page=page or 1)
    words = text.strip().split(" ")
    if not found and (page or 1) == 1 and len(words) == 1 and words[0].startswith("tag:"):
        await tags.drop_unused(db, user.id, [tags.tag_id(words[0].replace("tag:", ""))])
    return await live.marked(db, found, tasks)
