"""Rows of `note` and `pinned_note`. Times are in nanoseconds."""

from __future__ import annotations

import time
import uuid
from typing import Any

import msgspec

from fastback.access.grants import Grant
from fastback.features.notes.schemas import normalize_data
from fastback.kit.db import Executor
from fastback.kit.storable_text import encode_json


class Note(msgspec.Struct):
    """A note with its normalized data."""

    id: str
    user_id: str
    title: str
    data: Any
    meta: dict[str, Any] | None
    created_at: int
    updated_at: int


class NoteHead(msgspec.Struct):
    """The id and owner of a note."""

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


FIND_NOTE = "SELECT id, user_id, title, data, meta, created_at, updated_at FROM note WHERE id = :id"
LOCK_NOTE = {"sqlite": FIND_NOTE, "postgres": f"{FIND_NOTE} FOR UPDATE"}
FIND_HEAD = "SELECT id, user_id FROM note WHERE id = :id"
INSERT_NOTE = """INSERT INTO note (id, user_id, title, data, meta, created_at, updated_at)
    VALUES (:id, :user_id, :title, :data, :meta, :now, :now)"""
UPDATE_NOTE = "UPDATE note SET title = :title, data = :data, meta = :meta, updated_at = :now WHERE id = :id"
DELETE_NOTE_PINS = "DELETE FROM pinned_note WHERE note_id = :id"
DELETE_NOTE = "DELETE FROM note WHERE id = :id"
IS_PINNED = "SELECT 1 FROM pinned_note WHERE note_id = :note_id AND user_id = :user_id"
DELETE_PIN = "DELETE FROM pinned_note WHERE note_id = :note_id AND user_id = :user_id"
INSERT_PIN = """INSERT INTO pinned_note (id, user_id, note_id, created_at) VALUES (:id, :user_id, :note_id, :now)
    ON CONFLICT (user_id, note_id) DO NOTHING"""


def build_answer(note: Note, grants: list[Grant], *, pinned: bool) -> dict[str, Any]:
    """Return a note as the API returns it."""
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


def _encode_json(value: Any) -> str:
    return encode_json(value)


async def find_note(db: Executor, note_id: str, *, lock: bool = False) -> Note | None:
    """Return a note, or None; with `lock`, keep others from changing it until the transaction ends."""
    if lock:
        row = await db.fetch_first(_NoteRow, "notes.lock", LOCK_NOTE[db.dialect], id=note_id)
    else:
        row = await db.fetch_first(_NoteRow, "notes.find", FIND_NOTE, id=note_id)
    if row is None:
        return None
    data = normalize_data(msgspec.json.decode(row.data)) or {}
    return Note(row.id, row.user_id, row.title or "", data, row.meta, row.created_at, row.updated_at)


async def find_head(db: Executor, note_id: str) -> NoteHead | None:
    """Return the head of a note, or None; the text, which may be long, is not read."""
    return await db.fetch_first(NoteHead, "notes.find_head", FIND_HEAD, id=note_id)


async def insert_note(tx: Executor, user_id: str, title: str, data: Any, meta: dict[str, Any] | None) -> Note:
    """Insert a note, and return it."""
    now = time.time_ns()
    note = Note(str(uuid.uuid4()), user_id, title, data, meta, now, now)
    await tx.execute(
        "notes.insert",
        INSERT_NOTE,
        id=note.id,
        user_id=user_id,
        title=title,
        data=_encode_json(data),
        meta=_encode_json(meta),
        now=now,
    )
    return note


async def update_note(tx: Executor, note: Note) -> None:
    """Write the title, data, meta and time of a note."""
    await tx.execute(
        "notes.update",
        UPDATE_NOTE,
        id=note.id,
        title=note.title,
        data=_encode_json(note.data),
        meta=_encode_json(note.meta),
        now=note.updated_at,
    )


async def delete_note(tx: Executor, note_id: str) -> None:
    """Delete a note and its pins."""
    await tx.execute("notes.delete_pins", DELETE_NOTE_PINS, id=note_id)
    await tx.execute("notes.delete", DELETE_NOTE, id=note_id)


async def is_pinned(db: Executor, note_id: str, user_id: str) -> bool:
    """Return whether a user pinned a note."""
    return bool(await db.fetch_value("notes.is_pinned", IS_PINNED, note_id=note_id, user_id=user_id))


async def toggle_pin(tx: Executor, note_id: str, user_id: str) -> bool:
    """Pin or unpin a note for a user, and return whether it is pinned now."""
    if await tx.execute("notes.delete_pin", DELETE_PIN, note_id=note_id, user_id=user_id):
        return False
    await tx.execute(
        "notes.insert_pin",
        INSERT_PIN,
        id=str(uuid.uuid4()),
        user_id=user_id,
        note_id=note_id,
        now=time.time_ns(),
    )
    return True
