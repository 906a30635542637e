"""Statements that decide who may reach a file: through knowledge, channels, chats, notes and models."""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection
from typing import Any

import msgspec

from fastback.access.grants import build_grant_condition
from fastback.access.identity import User
from fastback.kit.db import Database


class Requester(msgspec.Struct):
    """The user whose access is checked: the parameters that all statements share."""

    user_id: str
    group_ids: list[str]
    permission: str


class _Document(msgspec.Struct):
    json: msgspec.Raw


_IN_KNOWLEDGE = f"""EXISTS (
    SELECT 1 FROM knowledge_file kf JOIN knowledge k ON k.id = kf.knowledge_id
    WHERE kf.file_id = f.id AND (k.user_id = :user_id OR {build_grant_condition("knowledge", "k.id")}) {{more}})"""
_CHANNEL_IS_OPEN = f"""c.deleted_at IS NULL AND c.archived_at IS NULL AND (
        (c.type IN ('group', 'dm') AND EXISTS (
            SELECT 1 FROM channel_member m
            WHERE m.channel_id = c.id AND m.user_id = :user_id AND m.is_active = TRUE))
        OR (COALESCE(c.type, '') NOT IN ('group', 'dm')
            AND (c.user_id = :user_id OR {build_grant_condition("channel", "c.id")})))"""
_IN_CHANNEL = f"""EXISTS (
    SELECT 1 FROM channel_file cf JOIN channel c ON c.id = cf.channel_id
    WHERE cf.file_id = f.id AND {_CHANNEL_IS_OPEN})"""

ADD_TO_CHANNEL = f"""
    INSERT INTO channel_file (id, channel_id, file_id, user_id, created_at, updated_at)
    SELECT :id, c.id, :file_id, :user_id, :now, :now FROM channel c WHERE c.id = :channel_id AND {_CHANNEL_IS_OPEN}
    ON CONFLICT (channel_id, file_id) DO NOTHING"""
LIST_READABLE = f"""
    SELECT f.id FROM file f WHERE f.id = ANY(:ids)
    AND (f.user_id = :user_id OR {_IN_KNOWLEDGE.format(more="")} OR {_IN_CHANNEL})"""
LIST_WRITABLE = f"""
    SELECT f.id FROM file f WHERE f.id = ANY(:ids)
    AND (f.user_id = :user_id OR {_IN_KNOWLEDGE.format(more="AND k.user_id = f.user_id")})"""
LIST_SHARED_CHATS = """
    SELECT c.id FROM chat_file cf JOIN chat c ON c.id = cf.chat_id
    WHERE cf.file_id = :id AND (c.share_id IS NOT NULL OR c.folder_id IS NOT NULL)"""
# Notes and models name files in JSON that users wrote: LIKE only narrows the rows, the caller reads the JSON.
LIST_NOTES = f"""
    SELECT n.data FROM note n JOIN file f ON f.id = :id
    WHERE n.user_id = f.user_id AND CAST(n.data AS TEXT) LIKE :like AND {build_grant_condition("note", "n.id")}"""
LIST_MODELS = f"""
    SELECT m.meta FROM model m
    WHERE CAST(m.meta AS TEXT) LIKE :like AND (m.user_id = :user_id OR {build_grant_condition("model", "m.id")})"""
LIST_MODELS_OF_OWNER = f"""
    SELECT m.meta FROM model m JOIN file f ON f.id = :id
    WHERE m.base_model_id IS NOT NULL AND m.user_id = f.user_id AND CAST(m.meta AS TEXT) LIKE :like
    AND {build_grant_condition("model", "m.id")}"""


async def list_directly_accessible(db: Database, file_ids: Collection[str], requester: Requester) -> list[str]:
    """List the files that the requester owns, or reaches through knowledge or (to read) through a channel."""
    params = {"ids": list(file_ids), **msgspec.structs.asdict(requester)}
    if requester.permission == "read":
        return await db.fetch_all(str, "files.readable", LIST_READABLE, **params)
    return await db.fetch_all(str, "files.writable", LIST_WRITABLE, **params)


async def list_shared_chat_ids(db: Database, file_id: str) -> list[str]:
    """List the chats with this file that are shared or in a folder."""
    return await db.fetch_all(str, "files.shared_chats", LIST_SHARED_CHATS, id=file_id)


async def list_notes(db: Database, file_id: str, requester: Requester) -> list[Any]:
    """List the `data` of granted notes of the file's owner whose text contains the file's id."""
    params = msgspec.structs.asdict(requester)
    rows = await db.fetch_all_in_thread(_Document, "files.notes", LIST_NOTES, id=file_id, like=f"%{file_id}%", **params)
    return [msgspec.json.decode(row.json) for row in rows]


async def list_models(db: Database, file_id: str, requester: Requester) -> list[Any]:
    """List the `meta` of accessible models whose text contains the file's id; to write, only models of its owner."""
    params = {"like": f"%{file_id}%", **msgspec.structs.asdict(requester)}
    if requester.permission == "read":
        rows = await db.fetch_all_in_thread(_Document, "files.models", LIST_MODELS, **params)
    else:
        rows = await db.fetch_all_in_thread(
            _Document, "files.models_of_owner", LIST_MODELS_OF_OWNER, id=file_id, **params
        )
    return [msgspec.json.decode(row.json) for row in rows]


async def add_to_channel(db: Database, channel_id: str, file_id: str, user: User, group_ids: list[str]) -> None:
    """Link a file to a channel if the user may read the channel; do nothing otherwise."""
    await db.execute(
        "files.add_to_channel",
        ADD_TO_CHANNEL,
        id=str(uuid.uuid4()),
        channel_id=channel_id,
        file_id=file_id,
        user_id=user.id,
        group_ids=group_ids,
        permission="read",
        now=int(time.time()),
    )
