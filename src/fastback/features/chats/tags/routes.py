"""Tags of chats: list, add and remove them, and list the chats with a tag."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import schemas, store
from fastback.features.chats.lists import store as list_store
from fastback.features.chats.messages import active_answers
from fastback.features.chats.service import ChatService
from fastback.features.chats.store import ChatTitle
from fastback.features.chats.tags import store as tag_store
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router, Unauthorized
from fastback.kit.tasks import Tasks

router = Router("/api/v1/chats")


@router.get("/all/tags")
async def list_all_tags(user: VerifiedUser, db: Database) -> list[tag_store.Tag]:
    """List the user's tags."""
    return await tag_store.list_user_tags(db, user.id)


@router.post("/tags")
async def list_tagged_chats(data: schemas.TagFilter, user: VerifiedUser, db: Database, tasks: Tasks) -> list[ChatTitle]:
    """List the user's chats with a tag; a tag without chats is deleted."""
    tag_id = tag_store.make_tag_id(data.name)
    # A limit of zero or null means no limit.
    chats = await list_store.list_tagged_chats(db, user.id, tag_id, skip=data.skip or 0, limit=data.limit or -1)
    if not chats:
        await tag_store.delete_unused_tags(db, user.id, [tag_id])
    await active_answers.mark_active_chats(db, chats, tasks)
    return chats


async def _require_owned(chat_id: str, user: User, chats: ChatService, refusal: str) -> None:
    head = await store.find_head(chats.db, chat_id)
    if head is None or head.user_id != user.id:
        raise Unauthorized(refusal)


@router.get("/{chat_id}/tags")
async def list_chat_tags(chat_id: str, user: VerifiedUser, chats: ChatService) -> list[tag_store.Tag]:
    """List the tags of a chat."""
    head = await store.find_head(chats.db, chat_id) if await chats.access.is_allowed(chat_id, user) else None
    if head is None:
        raise Unauthorized(messages.NOT_FOUND)
    return await tag_store.list_chat_tags(chats.db, chat_id, head.user_id)


@router.post("/{chat_id}/tags")
async def add_tag(chat_id: str, data: schemas.TagForm, user: VerifiedUser, chats: ChatService) -> list[tag_store.Tag]:
    """Add a tag to a chat."""
    await _require_owned(chat_id, user, chats, messages.wrap_reason())
    if tag_store.make_tag_id(data.name) == "none":
        raise BadRequest(messages.wrap_reason("Tag name cannot be 'None'"))
    await tag_store.add_chat_tag(chats.db, chat_id, user.id, data.name)
    await chats.publish_written(chat_id, user.id)
    return await tag_store.list_chat_tags(chats.db, chat_id, user.id)


@router.delete("/{chat_id}/tags")
async def remove_tag(
    chat_id: str, data: schemas.TagForm, user: VerifiedUser, chats: ChatService
) -> list[tag_store.Tag]:
    """Remove a tag from a chat."""
    await _require_owned(chat_id, user, chats, messages.NOT_FOUND)
    await tag_store.remove_chat_tag(chats.db, chat_id, user.id, data.name)
    await chats.publish_written(chat_id, user.id)
    return await tag_store.list_chat_tags(chats.db, chat_id, user.id)
