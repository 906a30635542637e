"""One chat: opening, changing, moving, copying, removing it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import history, live, reading, schemas, store, turns
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.document import Document
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.service import Chats
from fastback.features.chats.store import ChatPage
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound, Router, Unauthorized
from fastback.kit.tasks import Tasks
from fastback.settings import Settings

router = Router("/api/v1/chats")


@router.post("/new")
async def new(data: schemas.ChatForm, user: VerifiedUser, chats: Chats) -> ChatPage:
    await chats.may_keep(user)
    if data.folder_id is not None and not await chats.rights.may_write_folder(data.folder_id, user):
        raise NotFound(messages.NOT_FOUND)
    history.attribute(data.chat, user.id, user.name)
    wanted = schemas.ImportedChat(data.chat, variables=data.variables, folder_id=data.folder_id)
    return await chats.again(await chats.insert(user, wanted))


@router.post("/import")
async def import_chats(data: schemas.ImportForm, user: VerifiedUser, chats: Chats) -> list[ChatPage]:
    await chats.need(user, "chat.import")
    await chats.may_keep(user)
    for one in data.chats:
        history.attribute(one.chat, user.id, user.name)
    made = []
    for one in data.chats:
        made.append(await chats.again(await chats.insert(user, one)))
        await asyncio.sleep(0)  # thousands may come at once; others must not wait for all of them
    return made


@router.get("/{chat_id}")
async def open_chat(chat_id: str, user: VerifiedUser, db: Database, rights: ChatAccess, tasks: Tasks) -> ChatPage:
    chat = await store.get(db, chat_id)
    if chat is None or not await rights.may(chat_id, user):
        raise Unauthorized(messages.NOT_FOUND)
    own = chat.user_id == user.id
    mode = "continue" if own or await rights.may(chat_id, user, "write") else None
    running = bool(tasks.of(chat_id))
    if own and not running and b'"share_mode"' not in bytes(chat.chat):
        chat.chat = _ending(chat.chat, mode)
        return chat
    document = Document(bytes(chat.chat))
    if running:
        await live.overlay(db, chat_id, document)
    if not own:
        _hide(chat, document)
    document.set_field("share_mode", mode)
    chat.chat = msgspec.Raw(document.encode())
    return chat


def _ending(chat: msgspec.Raw, mode: str | None) -> msgspec.Raw:
    """The document with the field `share_mode` at its end, undecoded."""
    content = bytes(chat).rstrip()
    if not content.endswith(b"}") or content == b"{}":
        return msgspec.Raw(msgspec.json.encode({"share_mode": mode}))
    return msgspec.Raw(content[:-1] + b',"share_mode":' + msgspec.json.encode(mode) + b"}")


def _hide(chat: ChatPage, document: Document) -> None:
    """What of a chat is its owner's alone."""
    chat.variables = msgspec.Raw(b"{}")
    for name in ("params", "tool_servers", "tool_ids", "filter_ids", "variables"):
        document.fields.pop(name, None)


@router.post("/{chat_id}")
async def update(chat_id: str, data: schemas.ChatForm, user: VerifiedUser, db: Database, chats: Chats) -> ChatPage:
    chat = await store.get(db, chat_id)
    if chat is None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    if chat.user_id != user.id:
        await _only_title(data, chat, user, db)
    history.attribute(data.chat, user.id, user.name)
    await chats.update(chat_id, user, data.chat)
    if data.variables is not None:
        await store.set_variables(db, chat_id, data.variables)
    return await chats.again(chat_id)


async def _only_title(data: schemas.ChatForm, chat: ChatPage, user: User, db: Database) -> None:
    """The owner of a folder may name the chats in it; nobody else's chat may be changed."""
    text = "SELECT 1 FROM folder WHERE id = :id AND user_id = :user_id"
    theirs = chat.folder_id and await db.scalar("chats.own_folder", text, id=chat.folder_id, user_id=user.id)
    if not theirs or set(data.chat) != {"title"} or data.variables is not None or data.folder_id is not None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    title = data.chat["title"]
    if not isinstance(title, str) or not title.strip():
        raise BadRequest(messages.default("Invalid title"))
    data.chat["title"] = title.strip()


@router.patch("/{chat_id}/params")
async def update_params(chat_id: str, data: dict[str, Any], user: VerifiedUser, chats: Chats) -> dict[str, Any]:
    await chats.owned(chat_id, user)

    def act(document: Document) -> dict[str, Any]:
        params = {**(document.field("params") or {}), **data}
        document.set_field("params", params)
        return params

    return await turns.change(chats.db, chat_id, act, touch=False) or {}


async def _writable(chat_id: str, user: User, chats: Chats, settings: Settings) -> ChatPage:
    chat = await store.get(chats.db, chat_id)
    if chat is None or (chat.user_id != user.id and not (user.is_admin and settings.enable_admin_chat_access)):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    return chat


@router.post("/{chat_id}/messages/{message_id}")
async def update_message(
    chat_id: str, message_id: str, data: schemas.MessageForm, user: VerifiedUser, chats: Chats, settings: Settings
) -> ChatPage:
    await _writable(chat_id, user, chats, settings)
    patch: dict[str, Any] = {}
    if data.content is not None:
        patch["content"] = data.content
    if data.voice is not None:
        if len(msgspec.json.encode(data.voice)) > 100_000:
            raise BadRequest("Voice metadata is too large")
        patch["meta"] = {"voice": data.voice}
    if not patch:
        raise BadRequest("No message changes supplied")
    await chats.save_message(chat_id, message_id, patch, user)
    return await chats.again(chat_id)


@router.delete("/{chat_id}/messages/{message_id}")
async def delete_message(
    chat_id: str, message_id: str, user: VerifiedUser, chats: Chats, settings: Settings
) -> ChatPage:
    await _writable(chat_id, user, chats, settings)
    await chats.remove_message(chat_id, message_id, user)
    return await chats.again(chat_id)


@router.delete("/")
async def delete_all(user: VerifiedUser, chats: Chats, tasks: Tasks) -> bool:
    await chats.need(user, "chat.delete")
    ids = await store.ids_of(chats.db, user.id)
    for chat_id in ids:
        for task_id in tasks.of(chat_id):
            await tasks.stop(task_id)
    await store.delete(chats.db, ids)
    return True


@router.delete("/{chat_id}")
async def delete(chat_id: str, user: VerifiedUser, chats: Chats, settings: Settings) -> bool:
    await chats.need(user, "chat.delete")
    chat = await store.get(chats.db, chat_id)
    if chat is None or (chat.user_id != user.id and not (user.is_admin and settings.enable_admin_chat_access)):
        raise NotFound(messages.NOT_FOUND)
    await chats.delete(chat)
    return True


async def _owned(chat_id: str, user: User, db: Database) -> ChatPage:
    chat = await store.owned(db, chat_id, user.id)
    if chat is None:
        raise Unauthorized(messages.default())
    return chat


@router.get("/{chat_id}/pinned")
async def is_pinned(chat_id: str, user: VerifiedUser, db: Database) -> bool | None:
    return (await _owned(chat_id, user, db)).pinned


@router.post("/{chat_id}/pin")
async def pin(chat_id: str, user: VerifiedUser, db: Database, chats: Chats) -> ChatPage:
    await _owned(chat_id, user, db)
    await store.toggle(db, chat_id, "pinned")
    return await chats.again(chat_id)


@router.post("/{chat_id}/archive")
async def archive(chat_id: str, user: VerifiedUser, db: Database, chats: Chats, tasks: Tasks) -> ChatPage:
    await _owned(chat_id, user, db)
    await store.toggle(db, chat_id, "archived")
    chat = await chats.again(chat_id)
    if chat.archived:
        for task_id in tasks.of(chat_id):
            await tasks.stop(task_id)
    return chat


@router.post("/archive/all")
async def archive_all(user: VerifiedUser, db: Database) -> bool:
    await store.set_archived(db, user.id, True)
    return True


@router.post("/unarchive/all")
async def unarchive_all(user: VerifiedUser, db: Database) -> bool:
    await store.set_archived(db, user.id, False)
    return True


@router.post("/{chat_id}/clone")
async def clone(chat_id: str, data: schemas.CloneForm, user: VerifiedUser, db: Database, chats: Chats) -> ChatPage:
    await chats.need(user, "chat.import")
    chat = await _owned(chat_id, user, db)
    document = msgspec.json.decode(chat.chat) or {}
    document |= {
        "originalChatId": chat.id,
        "branchPointMessageId": (document.get("history") or {}).get("currentId"),
        "title": data.title or f"Clone of {chat.title}",
    }
    wanted = schemas.ImportedChat(
        document,
        variables=msgspec.json.decode(chat.variables),
        meta=msgspec.json.decode(chat.meta),
        pinned=chat.pinned,
        folder_id=chat.folder_id,
    )
    return await chats.again(await chats.insert(user, wanted))


@router.post("/{chat_id}/fork")
async def fork(chat_id: str, user: VerifiedUser, chats: Chats, data: schemas.ForkForm | None = None) -> ChatPage:
    await chats.need(user, "chat.import")
    chat = await store.get(chats.db, chat_id)
    if chat is None or not await chats.rights.may(chat_id, user):
        raise Unauthorized(messages.NOT_FOUND)
    return await chats.again(await chats.fork(chat, user, data.message_id if data else None))


@router.post("/{chat_id}/unread")
async def unread(chat_id: str, user: VerifiedUser, db: Database) -> dict[str, Any]:
    mark = await store.mark_unread(db, chat_id, user.id)
    if mark is None:
        raise NotFound(messages.NOT_FOUND)
    head = await turns.head(db, chat_id)
    return {
        "chat_id": chat_id,
        "last_read_at": mark,
        "folder_id": head.folder_id if head else None,
        "folder_unread_counts": await reading.unread_by_folder(db, user.id),
    }


@router.post("/{chat_id}/folder")
async def move(chat_id: str, data: schemas.FolderForm, user: VerifiedUser, db: Database, chats: Chats) -> ChatPage:
    chat = await store.get(db, chat_id)
    if chat is None or chat.user_id != user.id:
        raise Unauthorized(messages.default())
    if data.folder_id is not None and not await chats.rights.may_write_folder(data.folder_id, user):
        raise NotFound(messages.NOT_FOUND)
    await store.move(db, chat_id, data.folder_id)
    await chats.bus.publish(ChatWritten(chat_id, user.id))
    return await chats.again(chat_id)
