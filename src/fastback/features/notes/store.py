"""Rows of `note` and `pinned_note`. Times are nanoseconds here."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.features.notes.schemas import normalize_data
from fastback.kit.db import Executor


class Note(msgspec.Struct):
    id: str
    user_id: str
    title: str
    data: Any
    meta: dict[str, Any] | None
    created_at: int
    updated_at: int


class NoteHead(msgspec.Struct):
    """Whose a note is."""

    id: str
    user_id: str


class _NoteRow(msgspec.Struct):
    id: str
    user_id: str
    title: str | None
    data: msgspec.Raw
    meta: dict[str, Any] | None
    created_at: int
    updated_at: int


COLUMNS = "n.id, n.user_id, n.title, n.data, n.meta, n.created_at, n.updated_at"


def build_answer(note: Note, grants: list[Grant], *, pinned: bool) -> dict[str, Any]:
    """A note as answers show it."""
    return {
        "id": note.id,
        "user_id": note.user_id,
        "title": note.title,
        "data": note.data,
        "meta": note.meta,
        "is_pinned": pinned,
        "access_grants": grants,
        "created_at": note.created_at,
        "updated_at": note.updated_at,
    }


async def find_note(db: Executor, note_id: str, *, lock: bool = False) -> Note | None:
    """A note, its data put in order; with `lock` nobody else changes it until the transaction ends."""
    locked = " FOR UPDATE" if lock and db.dialect == "postgres" else ""
    row = await db.fetch_first(
        _NoteRow, "notes.get", f"SELECT {COLUMNS} FROM note n WHERE n.id = :id{locked}", id=note_id
    )
    if row is None:
        return None
    data = normalize_data(msgspec.json.decode(row.data)) or {}
    return Note(row.id, row.user_id, row.title or "", data, row.meta, row.created_at, row.updated_at)


async def find_head(db: Executor, note_id: str) -> NoteHead | None:
    """Whose a note is, without its text, which may be long."""
    return await db.fetch_first(NoteHead, "notes.head", "SELECT id, user_id FROM note WHERE id = :id", id=note_id)


async def insert_note(tx: Executor, user_id: str, title: str, data: Any, meta: dict[str, Any] | None) -> Note:
    now = time.time_ns()
    note = Note(str(uuid.uuid4()), user_id, title, data, meta, now, now)
    await tx.execute(
        "notes.insert",
        """INSERT INTO note (id, user_id, title, data, meta, created_at, updated_at)
           VALUES (:id, :user_id, :title, :data, :meta, :now, :now)""",
        id=note.id,
        user_id=user_id,
        title=title,
        data=_encode_json(data),
        meta=_encode_json(meta),
        now=now,
    )
    return note


async def update_note(tx: Executor, note: Note) -> None:
    """Write a note's title, data, meta and time."""
    await tx.execute(
        "notes.update",
        "UPDATE note SET title = :title, data = :data, meta = :meta, updated_at = :now WHERE id = :id",
        id=note.id,
        title=note.title,
        data=_encode_json(note.data),
        meta=_encode_json(note.meta),
        now=note.updated_at,
    )


def _encode_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


async def delete_note(tx: Executor, note_id: str) -> None:
    await tx.execute("notes.delete.pins", "DELETE FROM pinned_note WHERE note_id = :id", id=note_id)
    await tx.execute("notes.delete", "DELETE FROM note WHERE id = :id", id=note_id)


async def is_pinned(db: Executor, note_id: str, user_id: str) -> bool:
    text = "SELECT 1 FROM pinned_note WHERE note_id = :note_id AND user_id = :user_id"
    return bool(await db.fetch_value("notes.is_pinned", text, note_id=note_id, user_id=user_id))


async def toggle_pin(tx: Executor, note_id: str, user_id: str) -> bool:
    """Pin a note for a user, or no longer; whether it is pinned now."""
    gone = await tx.execute(
        "notes.unpin",
        "DELETE FROM pinned_note WHERE note_id = :note_id AND user_id = :user_id",
        note_id=note_id,
        user_id=user_id,
    )
    if gone:
        return False
    await tx.execute(
        "notes.pin",
        """INSERT INTO pinned_note (id, user_id, note_id, created_at) VALUES (:id, :user_id, :note_id, :now)
           ON CONFLICT (user_id, note_id) DO NOTHING""",
        id=str(uuid.uuid4()),
        user_id=user_id,
        note_id=note_id,
        now=time.time_ns(),
    )
    return True
