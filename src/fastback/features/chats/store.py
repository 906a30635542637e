"""Rows of `chat`: whole chats, their heads, and changes of single columns; see `lists.store` for lists."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from fastback.features.chats import fragments
from fastback.features.chats.document import EncodedDocument
from fastback.kit.clock import clock
from fastback.kit.db import Database, Executor, Transaction, large_column
from fastback.kit.db.large_column import change_row, fetch_large, fetch_row, write_large
from fastback.kit.large_json import LARGE_SIZE, LargeStruct
from fastback.kit.storable_text import encode_json


class ChatTitle(msgspec.Struct):
    """An entry of a list of chats."""

    id: str
    title: str
    updated_at: int
    created_at: int
    last_read_at: int | None
    snippet: str | None = None
    active: bool = False
    archived: bool = False


class ChatPage(LargeStruct):
    """A whole chat as the API returns it, with the document as the database stores it."""

    id: str
    user_id: str
    title: str
    chat: msgspec.Raw
    updated_at: int
    created_at: int
    share_id: str | None
    archived: bool
    pinned: bool | None
    meta: msgspec.Raw
    variables: msgspec.Raw
    folder_id: str | None
    tasks: msgspec.Raw
    summary: str | None
    current_message_id: str | None
    context_usage: dict[str, Any] | None = None

    large_field: ClassVar[str] = "chat"


class ChatHead(msgspec.Struct):
    """The owner, share, folder and meta of a chat, without its document."""

    id: str
    user_id: str
    share_id: str | None
    folder_id: str | None
    meta: msgspec.Raw


#: As a limit: more than there can be.
NO_LIMIT = 2**62

LIST_ALL_IDS_IN_FOLDERS = "SELECT id FROM chat WHERE folder_id = ANY(:ids) AND user_id = :user_id"
LIST_SUBAGENT_IDS = {
    "sqlite": f"""SELECT id FROM chat WHERE user_id = :user_id AND {fragments.IS_INTERNAL["sqlite"]}
        AND json_extract(meta, '$.parent_chat_id') = :id""",
    "postgres": f"""SELECT id FROM chat WHERE user_id = :user_id AND {fragments.IS_INTERNAL["postgres"]}
        AND meta::readable ->> 'parent_chat_id' = :id""",
}
LIST_ALL_IDS = "SELECT id FROM chat WHERE user_id = :user_id"
FIND_CHAT = {
    dialect: f"SELECT {columns} FROM chat WHERE id = :id" for dialect, columns in fragments.SMALL_CHAT_COLUMNS.items()
}
LOCK_CHAT = {"sqlite": FIND_CHAT["sqlite"], "postgres": f"{FIND_CHAT['postgres']} FOR UPDATE"}
FIND_OWNED_CHAT = {dialect: f"{statement} AND user_id = :user_id" for dialect, statement in FIND_CHAT.items()}
LOAD_CHATS = {
    dialect: f"SELECT {columns} FROM chat WHERE id = ANY(:ids)"
    for dialect, columns in fragments.SMALL_CHAT_COLUMNS.items()
}
FIND_HEAD = "SELECT id, user_id, share_id, folder_id, meta FROM chat WHERE id = :id"
IS_PINNED = "SELECT pinned FROM chat WHERE id = :id"
INSERT_CHAT = """INSERT INTO chat (id, user_id, title, chat, created_at, updated_at, archived, pinned, meta,
        variables, folder_id, current_message_id, last_read_at)
    VALUES (:id, :user_id, :title, :chat, :created_at, :updated_at, :archived, :pinned, :meta,
        :variables, :folder_id, :current_id, :now)"""
UPDATE_DOCUMENT_AND_TITLE = """UPDATE chat SET chat = :chat, title = :title, current_message_id = :current_id,
        updated_at = CASE WHEN :touch THEN :now ELSE updated_at END WHERE id = :id"""
UPDATE_DOCUMENT = """UPDATE chat SET chat = :chat, current_message_id = :current_id,
        updated_at = CASE WHEN :touch THEN :now ELSE updated_at END WHERE id = :id"""
SET_TITLE = "UPDATE chat SET title = :title, chat = :chat WHERE id = :id"
TOGGLE_PINNED = """UPDATE chat SET pinned = NOT COALESCE(pinned, FALSE), updated_at = :now, last_read_at = :now
    WHERE id = :id"""
TOGGLE_ARCHIVED = """UPDATE chat SET archived = NOT COALESCE(archived, FALSE), folder_id = NULL, updated_at = :now,
        last_read_at = :now
    WHERE id = :id"""
ARCHIVE_ALL_CHATS = "UPDATE chat SET archived = TRUE, folder_id = NULL WHERE user_id = :user_id"
UNARCHIVE_ALL_CHATS = "UPDATE chat SET archived = FALSE WHERE user_id = :user_id"
MOVE_CHAT = """UPDATE chat SET folder_id = :folder_id, updated_at = :now, pinned = FALSE,
        archived = CASE WHEN CAST(:folder_id AS TEXT) IS NULL THEN archived ELSE FALSE END,
        last_read_at = CASE WHEN :own THEN :now ELSE last_read_at END
    WHERE id = :id"""
CLEAR_FOLDERS = "UPDATE chat SET folder_id = NULL WHERE folder_id = ANY(:ids)"
SET_VARIABLES = "UPDATE chat SET variables = :variables WHERE id = :id"
MARK_UNREAD = "UPDATE chat SET last_read_at = 0 WHERE id = :id AND user_id = :user_id"
MARK_ALL_READ = {
    dialect: f"""UPDATE chat SET last_read_at = updated_at
        WHERE user_id = :user_id AND archived = FALSE AND {visible}"""
    for dialect, visible in fragments.VISIBLE.items()
}
MARK_FOLDERS_READ = {
    dialect: f"""UPDATE chat SET last_read_at = updated_at
        WHERE user_id = :user_id AND folder_id = ANY(:ids) AND archived = FALSE AND {visible}"""
    for dialect, visible in fragments.VISIBLE.items()
}
CLEAR_AUTOMATION_RUNS = "UPDATE automation_run SET chat_id = NULL WHERE chat_id = ANY(:ids)"
DELETE_MESSAGES = "DELETE FROM chat_message WHERE chat_id = ANY(:ids)"
DELETE_FILE_LINKS = "DELETE FROM chat_file WHERE chat_id = ANY(:ids)"
DELETE_SHARES = "DELETE FROM shared_chat WHERE chat_id = ANY(:ids)"
DELETE_SHARE_GRANTS = "DELETE FROM access_grant WHERE resource_type = 'shared_chat' AND resource_id = ANY(:ids)"
DELETE_CHATS = "DELETE FROM chat WHERE id = ANY(:ids)"


# -- ids ---------------------------------------------------------------------------------------------------------------


async def list_all_ids_in_folders(db: Executor, user_id: str, folder_ids: list[str]) -> list[str]:
    """Return the ids of all chats of a user in these folders: archived, pinned and internal ones too."""
    text = LIST_ALL_IDS_IN_FOLDERS
    return await db.fetch_all(str, "chats.list_all_ids_in_folders", text, user_id=user_id, ids=folder_ids)


async def list_all_ids(db: Executor, user_id: str) -> list[str]:
    """Return the ids of all chats of a user, internal ones too."""
    return await db.fetch_all(str, "chats.list_all_ids", LIST_ALL_IDS, user_id=user_id)


async def list_subagent_ids(db: Executor, user_id: str, chat_id: str) -> list[str]:
    """Return the ids of the chats of subagents that a chat started."""
    text = LIST_SUBAGENT_IDS[db.dialect]
    return await db.fetch_all(str, "chats.list_subagent_ids", text, user_id=user_id, id=chat_id)


# -- single chats -------------------------------------------------------------------------------------------------


async def find_chat(db: Database, chat_id: str) -> ChatPage | None:
    """Return a chat, or None."""
    chat = await fetch_row(db, fragments.DOCUMENT, ChatPage, "chats.find", FIND_CHAT[db.dialect], id=chat_id)
    return await _add_large_document(db, chat)


async def _add_large_document(db: Executor, chat: ChatPage | None) -> ChatPage | None:
    if chat is not None:
        chat.chat = await complete_document(db, chat.id, chat.chat)
    return chat


async def complete_document(db: Executor, chat_id: str, document: msgspec.Raw) -> msgspec.Raw:
    """Return a document, which is NULL where it was too large for the statement that selected it."""
    if len(memoryview(document)) > 4:
        return document
    large = await fetch_large(db, fragments.DOCUMENT, chat_id) if bytes(document) == b"null" else None
    return document if large is None else msgspec.Raw(large)


async def is_large(db: Executor, chat_id: str) -> bool:
    """Return whether a transaction that changes the document of a chat must be a long one."""
    return await large_column.is_large(db, fragments.DOCUMENT, chat_id)


async def lock_chat(tx: Executor, chat_id: str) -> ChatPage | None:
    """Return a chat, or None, and keep others from changing it until the transaction ends."""
    chat = await tx.fetch_first(ChatPage, "chats.lock", LOCK_CHAT[tx.dialect], id=chat_id)
    return await _add_large_document(tx, chat)


async def find_head(db: Database, chat_id: str) -> ChatHead | None:
    """Return the head of a chat, or None."""
    return await fetch_row(db, fragments.DOCUMENT, ChatHead, "chats.find_head", FIND_HEAD, id=chat_id)


async def find_owned_chat(db: Database, chat_id: str, user_id: str) -> ChatPage | None:
    """Return a user's own chat, or None."""
    text = FIND_OWNED_CHAT[db.dialect]
    chat = await fetch_row(db, fragments.DOCUMENT, ChatPage, "chats.find_owned", text, id=chat_id, user_id=user_id)
    return await _add_large_document(db, chat)


async def load_chats(db: Database, ids: list[str]) -> list[ChatPage]:
    """Return these chats, in no order; their documents have to be completed (see `complete_document`)."""
    return await db.fetch_all_in_thread(ChatPage, "chats.load", LOAD_CHATS[db.dialect], ids=ids)


async def is_pinned(db: Database, chat_id: str) -> bool | None:
    """Return whether a chat is pinned; None if the column is NULL or there is no such chat."""
    return await fetch_row(db, fragments.DOCUMENT, bool, "chats.is_pinned", IS_PINNED, id=chat_id)


# -- changes ------------------------------------------------------------------------------------------------------


async def insert_chat(tx: Transaction, *, document: EncodedDocument, **values: Any) -> None:
    """Insert a chat; `values` are the other parameters of `INSERT_CHAT`."""
    await tx.execute("chats.insert", INSERT_CHAT, chat=_get_small_text(document), **values)
    await _write_large_document(tx, values["id"], document)


async def update_document(
    tx: Transaction, chat_id: str, *, document: EncodedDocument, current_id: str | None, touch: bool
) -> None:
    """Replace the document of a chat; `touch` sets `updated_at`, which moves the chat to the top of the lists."""
    await tx.execute(
        "chats.update_document",
        UPDATE_DOCUMENT,
        id=chat_id,
        chat=_get_small_text(document),
        current_id=current_id,
        touch=touch,
        now=int(clock.time()),
    )
    await _write_large_document(tx, chat_id, document)


def _get_small_text(document: EncodedDocument) -> str:
    """Return the text of a small document; a large one is written apart."""
    if not isinstance(document, msgspec.Raw):
        return "{}"
    view = memoryview(document)
    return "{}" if len(view) > LARGE_SIZE else str(view, "utf-8")


async def _write_large_document(tx: Transaction, chat_id: str, document: EncodedDocument) -> None:
    if not isinstance(document, msgspec.Raw):
        await write_large(tx, fragments.DOCUMENT, chat_id, document)
    elif len(memoryview(document)) > LARGE_SIZE:
        await write_large(tx, fragments.DOCUMENT, chat_id, [document])


async def update_document_and_title(
    tx: Transaction, chat_id: str, *, document: EncodedDocument, title: str, current_id: str | None, touch: bool
) -> None:
    """Like `update_document`, with a new title."""
    await tx.execute(
        "chats.update_document_and_title",
        UPDATE_DOCUMENT_AND_TITLE,
        id=chat_id,
        chat=_get_small_text(document),
        title=title,
        current_id=current_id,
        touch=touch,
        now=int(clock.time()),
    )
    await _write_large_document(tx, chat_id, document)


async def set_title(tx: Transaction, chat_id: str, *, document: EncodedDocument, title: str) -> None:
    """Replace the title of a chat and its document, without moving the chat in the lists."""
    await tx.execute("chats.set_title", SET_TITLE, id=chat_id, chat=_get_small_text(document), title=title)
    await _write_large_document(tx, chat_id, document)


async def toggle_pinned(db: Database, chat_id: str) -> None:
    """Pin or unpin a chat, and mark it as read."""
    await change_row(db, fragments.DOCUMENT, "chats.toggle_pinned", TOGGLE_PINNED, id=chat_id, now=int(clock.time()))


async def toggle_archived(db: Database, chat_id: str) -> None:
    """Archive or unarchive a chat; either way it leaves its folder."""
    await change_row(
        db, fragments.DOCUMENT, "chats.toggle_archived", TOGGLE_ARCHIVED, id=chat_id, now=int(clock.time())
    )


async def archive_all_chats(db: Database, user_id: str) -> None:
    """Archive all chats of a user, and take them out of their folders."""
    await db.execute_in_thread("chats.archive_all", ARCHIVE_ALL_CHATS, user_id=user_id)


async def unarchive_all_chats(db: Database, user_id: str) -> None:
    """Unarchive all chats of a user."""
    await db.execute_in_thread("chats.unarchive_all", UNARCHIVE_ALL_CHATS, user_id=user_id)


async def move_chat(db: Database, chat_id: str, folder_id: str | None, *, own: bool) -> None:
    """Move a chat into a folder, which also unarchives it, or out of any folder; `own`: its owner moves it."""
    params = {"folder_id": folder_id, "own": own, "now": int(clock.time())}
    await change_row(db, fragments.DOCUMENT, "chats.move", MOVE_CHAT, id=chat_id, **params)


async def clear_folders(tx: Executor, folder_ids: list[str]) -> None:
    """Take all chats out of these folders."""
    await tx.execute("chats.clear_folders", CLEAR_FOLDERS, ids=folder_ids)


async def set_variables(db: Database, chat_id: str, variables: dict[str, object]) -> None:
    """Replace the variables of a chat."""
    encoded = encode_json(variables)
    await change_row(db, fragments.DOCUMENT, "chats.set_variables", SET_VARIABLES, id=chat_id, variables=encoded)


async def set_variables_in(tx: Transaction, chat_id: str, variables: dict[str, object]) -> None:
    """Like `set_variables`, in a transaction, which must be a long one where the chat is large."""
    await tx.execute("chats.set_variables", SET_VARIABLES, id=chat_id, variables=encode_json(variables))


async def mark_unread(db: Database, chat_id: str, user_id: str) -> bool:
    """Mark a chat as never read. Return False if the user does not own it."""
    params = {"id": chat_id, "user_id": user_id}
    return await change_row(db, fragments.DOCUMENT, "chats.mark_unread", MARK_UNREAD, **params) > 0


async def mark_all_read(db: Database, user_id: str) -> int:
    """Mark a user's chats as read up to their last change, and return their number."""
    return await db.execute_in_thread("chats.mark_all_read", MARK_ALL_READ[db.dialect], user_id=user_id)


async def mark_folders_read(db: Database, user_id: str, folder_ids: list[str]) -> int:
    """Mark a user's chats in these folders as read up to their last change, and return their number."""
    text = MARK_FOLDERS_READ[db.dialect]
    return await db.execute_in_thread("chats.mark_folders_read", text, user_id=user_id, ids=folder_ids)


async def delete_chats(db: Database, chat_ids: list[str]) -> None:
    """Delete chats with their messages, file links, shares and grants; keep the automation runs without their chat."""
    is_long = len(chat_ids) > 1 or await is_large(db, chat_ids[0]) if chat_ids else False
    async with db.transaction(long=is_long) as tx:
        await tx.execute("chats.clear_automation_runs", CLEAR_AUTOMATION_RUNS, ids=chat_ids)
        await tx.execute("chats.delete_messages", DELETE_MESSAGES, ids=chat_ids)
        await tx.execute("chats.delete_file_links", DELETE_FILE_LINKS, ids=chat_ids)
        await tx.execute("chats.delete_shares", DELETE_SHARES, ids=chat_ids)
        await tx.execute("chats.delete_share_grants", DELETE_SHARE_GRANTS, ids=chat_ids)
        await tx.execute("chats.delete", DELETE_CHATS, ids=chat_ids)
