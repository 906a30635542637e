"""Tags of chats."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import live, schemas, store, tags
from fastback.features.chats.service import Chats
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Router, Unauthorized
from fastback.kit.tasks import Tasks

router = Router("/api/v1/chats")


@router.get("/all/tags")
async def all_tags(user: VerifiedUser, db: Database) -> list[tags.Tag]:
    return await tags.of_user(db, user.id)


@router.post("/tags")
async def with_tag(data: schemas.TagFilter, user: VerifiedUser, db: Database, tasks: Tasks) -> list[ChatTitle]:
    """Chats with a tag; one that no chat carries is forgotten."""
    tag_id = tags.tag_id(data.name)
    # Zero or nothing stands for all of them.
    found = await store.with_tag(db, user.id, tag_id, skip=data.skip or 0, limit=data.limit or -1)
    if not found:
        await tags.drop_unused(db, user.id, [tag_id])
    return await live.marked(db, found, tasks)


async def _check_owned(chat_id: str, user: User, chats: Chats, refusal: str) -> None:
    head = await store.head(chats.db, chat_id)
    if head is None or head.user_id != user.id:
        raise Unauthorized(refusal)


@router.get("/{chat_id}/tags")
async def tags_of(chat_id: str, user: VerifiedUser, chats: Chats) -> list[tags.Tag]:
    head = await store.head(chats.db, chat_id) if await chats.rights.may(chat_id, user) else None
    if head is None:
        raise Unauthorized(messages.NOT_FOUND)
    return await tags.of_chat(chats.db, chat_id, head.user_id)


@router.post("/{chat_id}/tags")
async def add_tag(chat_id: str, data: schemas.TagForm, user: VerifiedUser, chats: Chats) -> list[tags.Tag]:
    await _check_owned(chat_id, user, chats, messages.default())
    if tags.tag_id(data.name) == "none":
        raise BadRequest(messages.default("Tag name cannot be 'None'"))
    await tags.add(chats.db, chat_id, user.id, data.name)
    await chats.written(chat_id, user.id)
    return await tags.of_chat(chats.db, chat_id, user.id)


@router.delete("/{chat_id}/tags")
async def remove_tag(chat_id: str, data: schemas.TagForm, user: VerifiedUser, chats: Chats) -> list[tags.Tag]:
    await _check_owned(chat_id, user, chats, messages.NOT_FOUND)
    await tags.remove(chats.db, chat_id, user.id, data.name)
    await chats.written(chat_id, user.id)
    return await tags.of_chat(chats.db, chat_id, user.id)
