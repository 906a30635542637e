"""SQL of the sources of a question: files, knowledge, notes, chats and folders, the columns that an answer needs.

The tables belong to the features of the same names. What the user may read is decided by `item_lookup`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.kit.db import Database, Executor

LIST_FILES = "SELECT id, user_id, filename FROM file WHERE id = ANY(:ids)"
LIST_FILE_TEXTS = "SELECT id, data ->> 'content' FROM file WHERE id = ANY(:ids)"
LIST_FILE_NAMES = "SELECT id, meta::readable ->> 'name' FROM file WHERE id = ANY(:ids)"
LIST_KNOWLEDGE = "SELECT id, user_id, name, meta FROM knowledge WHERE id = ANY(:ids)"
LIST_KNOWLEDGE_TEXTS = """
    SELECT kf.knowledge_id, f.id, f.filename, f.data ->> 'content'
    FROM knowledge_file kf JOIN file f ON f.id = kf.file_id WHERE kf.knowledge_id = ANY(:ids)
    ORDER BY kf.created_at, f.id"""
LIST_FILE_IDS_OF_KNOWLEDGE = "SELECT file_id FROM knowledge_file WHERE knowledge_id = :id"
LIST_NOTES = "SELECT id, user_id, title, data::readable -> 'content' ->> 'md' FROM note WHERE id = ANY(:ids)"
FIND_NOTE_FILES = "SELECT data::readable -> 'files' FROM note WHERE id = :id"
FIND_CHAT = "SELECT id, title, chat FROM chat WHERE id = :id"
FIND_FOLDER = "SELECT user_id, data FROM folder WHERE id = :id"
FIND_OWNER = 'SELECT id, role FROM "user" WHERE id = :id'


class File(msgspec.Struct):
    id: str
    user_id: str | None
    filename: str | None


class FileText(msgspec.Struct):
    id: str
    text: str | None


class FileName(msgspec.Struct):
    id: str
    name: str | None


class Knowledge(msgspec.Struct):
    id: str
    user_id: str
    name: str
    meta: dict[str, Any] | None


class KnowledgeText(msgspec.Struct):
    """The text of a file of a knowledge."""

    knowledge_id: str
    id: str
    filename: str | None
    text: str | None


class Note(msgspec.Struct):
    id: str
    user_id: str | None
    title: str | None
    text: str | None


class NoteFiles(msgspec.Struct):
    files: list[Any] | dict[str, Any] | str | int | float | bool | None


class Chat(msgspec.Struct):
    id: str
    title: str
    chat: msgspec.Raw


class Folder(msgspec.Struct):
    user_id: str
    data: dict[str, Any] | None


class Owner(msgspec.Struct):
    id: str
    role: str


async def list_files(db: Executor, ids: list[str]) -> list[File]:
    """Return the files that exist."""
    return await db.fetch_all(File, "sources.files", LIST_FILES, ids=ids)


async def load_file_texts(db: Database, ids: list[str]) -> dict[str, str]:
    """Return the texts of files, by id."""
    if not ids:
        return {}
    rows = await db.fetch_all_in_thread(FileText, "sources.texts", LIST_FILE_TEXTS, ids=ids)
    return {row.id: row.text or "" for row in rows}


async def load_file_names(db: Executor, ids: list[str]) -> dict[str, str]:
    """Return the current names of files, by id; files without a name are left out."""
    rows = await db.fetch_all(FileName, "sources.names", LIST_FILE_NAMES, ids=ids)
    return {row.id: row.name for row in rows if row.name}


async def list_knowledge(db: Executor, ids: list[str]) -> list[Knowledge]:
    """Return the knowledge that exists."""
    return await db.fetch_all(Knowledge, "sources.knowledge", LIST_KNOWLEDGE, ids=ids)


async def load_knowledge_texts(db: Database, ids: list[str]) -> dict[str, list[KnowledgeText]]:
    """Return the texts of the files of each knowledge, by its id, in the order in which they were added."""
    if not ids:
        return {}
    texts: dict[str, list[KnowledgeText]] = {}
    for row in await db.fetch_all_in_thread(KnowledgeText, "sources.contents", LIST_KNOWLEDGE_TEXTS, ids=ids):
        texts.setdefault(row.knowledge_id, []).append(row)
    return texts


async def list_file_ids(db: Executor, knowledge_id: str) -> list[str]:
    """Return the ids of a knowledge's files."""
    return await db.fetch_all(str, "sources.files_of", LIST_FILE_IDS_OF_KNOWLEDGE, id=knowledge_id)


async def list_notes(db: Database, ids: list[str]) -> list[Note]:
    """Return the notes that exist."""
    return await db.fetch_all_in_thread(Note, "sources.notes", LIST_NOTES, ids=ids)


async def list_note_files(db: Executor, note_id: str) -> list[Any]:
    """Return the entries of the files in a note."""
    row = await db.fetch_first(NoteFiles, "sources.files_of_note", FIND_NOTE_FILES, id=note_id)
    return row.files if row is not None and isinstance(row.files, list) else []


async def find_chat(db: Database, chat_id: str) -> Chat | None:
    """Return a chat with its document."""
    rows = await db.fetch_all_in_thread(Chat, "sources.chat", FIND_CHAT, id=chat_id)
    return rows[0] if rows else None


async def find_folder(db: Executor, folder_id: str) -> Folder | None:
    """Return a folder with its data."""
    return await db.fetch_first(Folder, "sources.folder", FIND_FOLDER, id=folder_id)


async def find_owner(db: Executor, user_id: str) -> Owner | None:
    """Return the owner of a folder."""
    return await db.fetch_first(Owner, "sources.owner", FIND_OWNER, id=user_id)
