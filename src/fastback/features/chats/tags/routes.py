"""Tags of chats."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import schemas, store
from fastback.features.chats.messages import active_answers
from fastback.features.chats.service import Chats
from fastback.features.chats.store import ChatTitle
from fastback.features.chats.tags import store as tag_store
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router, Unauthorized
from fastback.kit.tasks import Tasks

router = Router("/api/v1/chats")


@router.get("/all/tags")
async def all_tags(user: VerifiedUser, db: Database) -> list[tag_store.Tag]:
    return await tag_store.of_user(db, user.id)


@router.post("/tags")
async def with_tag(data: schemas.TagFilter, user: VerifiedUser, db: Database, tasks: Tasks) -> list[ChatTitle]:
    """Chats with a tag; one that no chat carries is forgotten."""
    tag_id = tag_store.tag_id(data.name)
    # Zero or nothing stands for all of them.
    found = await store.with_tag(db, user.id, tag_id, skip=data.skip or 0, limit=data.limit or -1)
    if not found:
        await tag_store.drop_unused(db, user.id, [tag_id])
    return await active_answers.marked(db, found, tasks)


async def _check_owned(chat_id: str, user: User, chats: Chats, refusal: str) -> None:
    head = await store.head(chats.db, chat_id)
    if head is None or head.user_id != user.id:
        raise Unauthorized(refusal)


@router.get("/{chat_id}/tags")
async def tags_of(chat_id: str, user: VerifiedUser, chats: Chats) -> list[tag_store.Tag]:
    head = await store.head(chats.db, chat_id) if await chats.rights.may(chat_id, user) else None
    if head is None:
        raise Unauthorized(messages.NOT_FOUND)
    return await tag_store.of_chat(chats.db, chat_id, head.user_id)


@router.post("/{chat_id}/tags")
async def add_tag(chat_id: str, data: schemas.TagForm, user: VerifiedUser, chats: Chats) -> list[tag_store.Tag]:
    await _check_owned(chat_id, user, chats, messages.default())
    if tag_store.tag_id(data.name) == "none":
        raise BadRequest(messages.default("Tag name cannot be 'None'"))
    await tag_store.add(chats.db, chat_id, user.id, data.name)
    await chats.written(chat_id, user.id)
    return await tag_store.of_chat(chats.db, chat_id, user.id)


@router.delete("/{chat_id}/tags")
async def remove_tag(chat_id: str, data: schemas.TagForm, user: VerifiedUser, chats: Chats) -> list[tag_store.Tag]:
    await _check_owned(chat_id, user, chats, messages.NOT_FOUND)
    await tag_store.remove(chats.db, chat_id, user.id, data.name)
    await chats.written(chat_id, user.id)
    return await tag_store.of_chat(chats.db, chat_id, user.id)
