"""`GET /api/v1/chats/search`: the search of chats."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.chats.messages import active_answers
from fastback.features.chats.search.service import ChatSearch
from fastback.features.chats.store import ChatTitle
from fastback.features.chats.tags import store as tag_store
from fastback.kit.db import Database
from fastback.kit.http import Router
from fastback.kit.tasks import Tasks

router = Router("/api/v1/chats")


@router.get("/search")
async def search_chats(
    user: VerifiedUser, search: ChatSearch, db: Database, tasks: Tasks, text: str, page: int | None = 1
) -> list[ChatTitle]:
    """Search the user's chats. A tag that matches no chat is deleted."""
    chats = await search.search(user.id, text, page=page or 1)
    words = text.strip().split(" ")
    if not chats and (page or 1) == 1 and len(words) == 1 and words[0].startswith("tag:"):
        await tag_store.delete_unused_tags(db, user.id, [tag_store.make_tag_id(words[0].replace("tag:", ""))])
    await active_answers.mark_active_chats(db, chats, tasks)
    return chats
