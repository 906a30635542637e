"""Rows that decide who may read a chat: its owner, folder and share, and the folders above it."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.fragments import DOCUMENT
from fastback.kit.db import Database, Executor
from fastback.kit.db.large_column import fetch_row
from fastback.kit.large_json import LARGE_SIZE


class ChatLocation(msgspec.Struct):
    """The owner, folder and meta of a chat."""

    user_id: str
    folder_id: str | None
    meta: dict[str, Any] | None


class OwnedRow(msgspec.Struct):
    """The id and owner of a chat or a folder."""

    id: str
    user_id: str


FIND_LOCATION = "SELECT user_id, folder_id, meta FROM chat WHERE id = :id"
LIST_OWNERS = "SELECT id, user_id FROM chat WHERE id = ANY(:ids)"
FIND_SHARE_MODE = """
    SELECT chat::readable ->> 'share_mode' FROM shared_chat WHERE chat_id = :id ORDER BY updated_at DESC LIMIT 1"""
MEASURE_SNAPSHOTS_SQLITE = "SELECT max(octet_length(chat)) FROM shared_chat WHERE chat_id = :id"
FIND_FOLDER_MODE = "SELECT data::readable ->> 'share_mode' FROM folder WHERE id = :id"
IS_OWN_FOLDER = "SELECT 1 FROM folder WHERE id = :id AND user_id = :user_id"
#: A folder and the folders above it, the folder itself first.
LIST_FOLDERS_ABOVE = """
    WITH RECURSIVE up(id, parent_id, user_id, depth) AS (
        SELECT id, parent_id, user_id, 0 FROM folder WHERE id = :folder_id
        UNION ALL
        SELECT f.id, f.parent_id, f.user_id, up.depth + 1 FROM folder f JOIN up ON f.id = up.parent_id
        WHERE up.depth < 50
    )
    SELECT id, user_id FROM up ORDER BY depth"""

LIST_FOLDER_IDS_BELOW = """
    WITH RECURSIVE down(id) AS (
        SELECT id FROM folder WHERE id = :folder_id AND user_id = :user_id
        UNION
        SELECT f.id FROM folder f JOIN down d ON f.parent_id = d.id WHERE f.user_id = :user_id
    )
    SELECT id FROM down"""


async def find_location(db: Database, chat_id: str) -> ChatLocation | None:
    """Return the owner, folder and meta of a chat, or None."""
    return await fetch_row(db, DOCUMENT, ChatLocation, "chats.find_location", FIND_LOCATION, id=chat_id)


async def list_owners(db: Executor, chat_ids: list[str]) -> list[OwnedRow]:
    """Return the ids and owners of these chats, in no order."""
    return await db.fetch_all(OwnedRow, "chats.list_owners", LIST_OWNERS, ids=chat_ids)


async def find_share_mode(db: Database, chat_id: str) -> str | None:
    """Return the mode of a chat's latest share, or None: `continue` lets readers write the chat."""
    if db.dialect == "sqlite":
        size: int | None = await db.fetch_value("chats.measure_snapshots", MEASURE_SNAPSHOTS_SQLITE, id=chat_id)
        if size is None:
            return None
        if size > LARGE_SIZE:  # reading the mode reads all of a snapshot
            modes = await db.fetch_all_in_thread(str, "chats.find_share_mode", FIND_SHARE_MODE, id=chat_id)
            return modes[0] if modes else None
    mode: str | None = await db.fetch_value("chats.find_share_mode", FIND_SHARE_MODE, id=chat_id)
    return mode


async def find_folder_mode(db: Executor, folder_id: str) -> str | None:
    """Return the share mode of a folder, or None: `continue` lets readers write its chats."""
    mode: str | None = await db.fetch_value("chats.find_folder_mode", FIND_FOLDER_MODE, id=folder_id)
    return mode


async def is_own_folder(db: Executor, folder_id: str, user_id: str) -> bool:
    """Return whether a user owns a folder."""
    return bool(await db.fetch_value("chats.is_own_folder", IS_OWN_FOLDER, id=folder_id, user_id=user_id))


async def list_folders_above(db: Executor, folder_id: str) -> list[OwnedRow]:
    """Return a folder and the folders above it, at most 51, the folder itself first."""
    return await db.fetch_all(OwnedRow, "chats.list_folders_above", LIST_FOLDERS_ABOVE, folder_id=folder_id)


async def list_folder_ids_below(db: Executor, folder_id: str, user_id: str) -> list[str]:
    """Return the ids of a user's folder and of all folders below it."""
    return await db.fetch_all(
        str, "chats.list_folder_ids_below", LIST_FOLDER_IDS_BELOW, folder_id=folder_id, user_id=user_id
    )
