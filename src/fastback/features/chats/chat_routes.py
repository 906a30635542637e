"""`/api/v1/chats/{id}`: open, create, import, change, move, archive and delete chats."""

from __future__ import annotations

import asyncio
from types import NoneType
from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.chats import access_store, schemas, store
from fastback.features.chats.document import Document
from fastback.features.chats.events import ChatWritten
from fastback.features.chats.lists import read_state_store
from fastback.features.chats.messages import message_tree, turn_store
from fastback.features.chats.messages.context_usage import ContextUsage
from fastback.features.chats.messages.running_answers import Answers, RunningAnswers
from fastback.features.chats.service import ChatService
from fastback.features.chats.sharing import visibility
from fastback.features.chats.store import ChatPage
from fastback.features.chats.tags import store as tag_store
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, NotFound, Router, Unauthorized
from fastback.kit.large_json import LARGE_SIZE

router = Router("/api/v1/chats")


@router.post("/new", takes_content=True)
async def create_chat(data: schemas.ChatForm, user: VerifiedUser, chats: ChatService) -> ChatPage:
    """Create a chat."""
    if data.folder_id is not None and not await chats.access.may_write_folder(data.folder_id, user):
        raise NotFound(messages.NOT_FOUND)
    _require_valid_document(data.chat)
    message_tree.set_authors(data.chat, user.id, user.name)
    form = schemas.ImportedChat(data.chat, variables=data.variables, folder_id=data.folder_id)
    return await chats.reload_chat(await chats.insert_chat(user, form))


def _require_valid_document(document: dict[str, Any]) -> None:
    """Check the parts of a document that every operation on the chat reads.

    Raises:
        BadRequest: the history or its messages are no object, or the messages no list.
    """
    history = document.get("history")
    tree = history.get("messages") if isinstance(history, dict) else None
    if not (
        isinstance(history, (dict, NoneType))
        and isinstance(tree, (dict, NoneType))
        and isinstance(document.get("messages"), (list, NoneType))
    ):
        raise BadRequest(messages.wrap_reason("Invalid history"))


@router.post("/import", takes_content=True)
async def import_chats(data: schemas.ImportForm, user: VerifiedUser, chats: ChatService) -> list[ChatPage]:
    """Create chats from an export."""
    await chats.require_import_permission(user)
    for form in data.chats:
        _require_valid_document(form.chat)
        message_tree.set_authors(form.chat, user.id, user.name)
    created = []
    for chat_id in await chats.insert_chats(user, data.chats):
        created.append(await chats.reload_chat(chat_id))
        await asyncio.sleep(0)  # an import may contain thousands of chats: let other requests run in between
    await tag_store.ensure_tags(
        chats.db, user.id, list({tag for chat in created for tag in tag_store.decode_tag_ids(chat.meta)})
    )
    return created


@router.get("/{chat_id}")
async def open_chat(
    chat_id: str, user: VerifiedUser, chats: ChatService, context: ContextUsage, running_answers: RunningAnswers
) -> ChatPage:
    """Return a chat as the user may see it; `share_mode` in its document says whether the user may continue it.

    An answer that is being written is shown with all that has come of it.
    """
    running_ids = running_answers.list_message_ids(chat_id)
    chat = await store.find_chat(chats.db, chat_id) if await chats.access.is_allowed(chat_id, user) else None
    if chat is None:
        raise Unauthorized(messages.NOT_FOUND)
    if running_ids - running_answers.list_message_ids(chat_id):
        chat = await chats.reload_chat(chat_id)  # the end of an answer was stored while the chat was read
    others: Answers = {}
    if running_answers.is_written_elsewhere(chat_id):
        others = await running_answers.load_others(chat_id)
        chat = await chats.reload_chat(chat_id)  # an answer that has ended meanwhile is stored
    is_own = chat.user_id == user.id
    mode = "continue" if is_own or await chats.access.is_allowed(chat_id, user, "write") else None
    is_running = running_answers.has_chat(chat_id) or bool(others)
    is_large = len(memoryview(chat.chat)) > LARGE_SIZE
    can_be_as_stored = is_own and not is_running and not context.is_enabled and not is_large
    if can_be_as_stored and visibility.can_show_as_stored(bytes(chat.chat), user):
        chat.chat = _append_share_mode(chat.chat, mode)
        return chat
    document = await Document.load(chats.db, chat.chat)
    await visibility.prepare_document(chats.db, chat, user, document)
    if is_running:
        running_answers.overlay_document(chat_id, document, others)
    chat.context_usage = await document.run(context.measure, document, chat.current_message_id)
    document.set_field("share_mode", mode)
    chat.chat = await document.encode_raw()
    return chat


def _append_share_mode(chat: msgspec.Raw, mode: str | None) -> msgspec.Raw:
    """Append the field `share_mode` to a document, without decoding it."""
    content = bytes(chat).rstrip()
    if not content.endswith(b"}") or content == b"{}":
        return msgspec.Raw(msgspec.json.encode({"share_mode": mode}))
    return msgspec.Raw(content[:-1] + b',"share_mode":' + msgspec.json.encode(mode) + b"}")


@router.post("/{chat_id}", takes_content=True)
async def update_chat(
    chat_id: str, data: schemas.ChatForm, user: VerifiedUser, db: Database, chats: ChatService
) -> ChatPage:
    """Change fields of a chat's document. Owners of its folder who do not own the chat may change the title only."""
    chat = await store.find_head(db, chat_id)
    if chat is None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    if chat.user_id != user.id:
        await _require_title_only(data, chat, user, db)
    _require_valid_document(data.chat)
    message_tree.set_authors(data.chat, user.id, user.name)
    await chats.update_chat(chat_id, user, data.chat)
    if data.variables is not None:
        await store.set_variables(db, chat_id, data.variables)
    return await _reload_for_user(chat_id, user, chats)


async def _reload_for_user(chat_id: str, user: User, chats: ChatService) -> ChatPage:
    """Return a chat after a change, as the user who changed it may see it."""
    chat = await chats.reload_chat(chat_id)
    if chat.user_id != user.id:
        document = await Document.load(chats.db, chat.chat)
        if await visibility.prepare_document(chats.db, chat, user, document):
            chat.chat = await document.encode_raw()
    return chat


async def _require_title_only(data: schemas.ChatForm, chat: store.ChatHead, user: User, db: Database) -> None:
    """Check that the change is a rename by the owner of the chat's folder, and normalize the title.

    Raises:
        Unauthorized: it is any other change. BadRequest: the title is empty.
    """
    owns_folder = chat.folder_id and await access_store.is_own_folder(db, chat.folder_id, user.id)
    if not owns_folder or set(data.chat) != {"title"} or data.variables is not None or data.folder_id is not None:
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    title = data.chat["title"]
    if not isinstance(title, str) or not title.strip():
        raise BadRequest(messages.wrap_reason("Invalid title"))
    data.chat["title"] = title.strip()


@router.patch("/{chat_id}/params")
async def update_chat_params(
    chat_id: str, data: dict[str, Any], user: VerifiedUser, chats: ChatService
) -> dict[str, Any]:
    """Merge parameters into those of a chat."""
    head = await store.find_head(chats.db, chat_id)
    if head is None or head.user_id != user.id:
        raise Unauthorized(messages.ACCESS_PROHIBITED)

    def act(document: Document) -> dict[str, Any]:
        stored = document.get_field("params")
        params = {**(stored if isinstance(stored, dict) else {}), **data}
        document.set_field("params", params)
        return params

    return await turn_store.change_document(chats.db, chat_id, act, touch=False) or {}


@router.delete("/")
async def delete_all_chats(user: VerifiedUser, chats: ChatService) -> bool:
    """Delete all chats of the user."""
    await chats.require_permission(user, "chat.delete")
    await chats.delete_all_chats(user)
    return True


@router.delete("/{chat_id}")
async def delete_chat(chat_id: str, user: VerifiedUser, chats: ChatService) -> bool:
    """Delete a chat."""
    await chats.require_permission(user, "chat.delete")
    head = await store.find_head(chats.db, chat_id)
    if head is None or not chats.access.has_owner_rights(head.user_id, user):
        raise NotFound(messages.NOT_FOUND)
    await chats.delete_chat(head)
    return True


async def _require_owned(chat_id: str, user: User, db: Database) -> None:
    """Check that the user owns the chat.

    Raises:
        Unauthorized: there is no such chat, or another user owns it.
    """
    head = await store.find_head(db, chat_id)
    if head is None or head.user_id != user.id:
        raise Unauthorized(messages.wrap_reason())


@router.get("/{chat_id}/pinned")
async def is_chat_pinned(chat_id: str, user: VerifiedUser, db: Database) -> bool | None:
    """Return whether a chat is pinned."""
    await _require_owned(chat_id, user, db)
    return await store.is_pinned(db, chat_id)


@router.post("/{chat_id}/pin")
async def toggle_chat_pin(chat_id: str, user: VerifiedUser, db: Database, chats: ChatService) -> ChatPage:
    """Pin or unpin a chat."""
    await _require_owned(chat_id, user, db)
    await store.toggle_pinned(db, chat_id)
    return await chats.reload_chat(chat_id)


@router.post("/{chat_id}/archive")
async def toggle_chat_archived(chat_id: str, user: VerifiedUser, db: Database, chats: ChatService) -> ChatPage:
    """Archive or unarchive a chat."""
    await _require_owned(chat_id, user, db)
    await store.toggle_archived(db, chat_id)
    chat = await chats.reload_chat(chat_id)
    if chat.archived:
        await chats.stop_tasks(chat_id)
    else:
        await tag_store.ensure_tags(db, user.id, tag_store.decode_tag_ids(chat.meta))
    return chat


@router.post("/archive/all")
async def archive_all_chats(user: VerifiedUser, db: Database) -> bool:
    """Archive all chats of the user."""
    await store.archive_all_chats(db, user.id)
    return True


@router.post("/unarchive/all")
async def unarchive_all_chats(user: VerifiedUser, db: Database) -> bool:
    """Unarchive all chats of the user, and recreate their tags."""
    tag_ids = await tag_store.list_archived_tag_ids(db, user.id)
    await store.unarchive_all_chats(db, user.id)
    await tag_store.ensure_tags(db, user.id, tag_ids)
    return True


@router.post("/{chat_id}/unread")
async def mark_chat_unread(chat_id: str, user: VerifiedUser, db: Database) -> dict[str, Any]:
    """Mark a chat as unread."""
    if not await store.mark_unread(db, chat_id, user.id):
        raise NotFound(messages.NOT_FOUND)
    head = await store.find_head(db, chat_id)
    return {
        "chat_id": chat_id,
        "last_read_at": 0,
        "folder_id": head.folder_id if head else None,
        "folder_unread_counts": await read_state_store.count_unread_by_folder(db, user.id),
    }


@router.post("/{chat_id}/folder")
async def move_chat(
    chat_id: str, data: schemas.FolderForm, user: VerifiedUser, db: Database, chats: ChatService
) -> ChatPage:
    """Move a chat into a folder, or out of any folder."""
    head = await store.find_head(db, chat_id)
    is_own = head is not None and head.user_id == user.id
    if head is None or not (is_own or await chats.access.may_move_chat(head.folder_id, data.folder_id, user)):
        raise Unauthorized(messages.wrap_reason())
    if data.folder_id is not None and not await chats.access.may_write_folder(data.folder_id, user):
        raise NotFound(messages.NOT_FOUND)
    await store.move_chat(db, chat_id, data.folder_id, own=is_own)
    await chats.bus.publish(ChatWritten(chat_id, head.user_id))
    await chats.bus.publish(GrantsChanged("chat", chat_id))
    return await _reload_for_user(chat_id, user, chats)
