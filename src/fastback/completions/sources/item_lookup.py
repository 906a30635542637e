"""Load what items refer to and the user may read, with one statement for each kind of item.

What a user may not read is left out without an error: the answer does without.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.completions.sources import source_store
from fastback.completions.sources.items import (
    NOTE_WITH_FILES,
    Item,
    find_id,
    identify,
    is_full_context,
    list_readable_items,
)
from fastback.completions.sources.source_store import Chat, File, Knowledge, KnowledgeText, Note
from fastback.features.chats.access import ChatAccess
from fastback.features.files.access import FileAccess
from fastback.features.folders.readable_entries import ReadableEntries
from fastback.kit.db import Database

#: Items by type and id.
ItemKeys = set[tuple[str, str]]


class LoadedItems(msgspec.Struct):
    """What items refer to and the user may read, by id. Texts are loaded for items that are read whole."""

    files: dict[str, File] = {}
    texts: dict[str, str] = {}
    knowledge: dict[str, Knowledge] = {}
    knowledge_texts: dict[str, list[KnowledgeText]] = {}
    notes: dict[str, Note] = {}
    chats: dict[str, Chat] = {}


class ItemLookup:
    """Load what items refer to."""

    def __init__(
        self, *, db: Database, grants: Grants, chat_access: ChatAccess, files: FileAccess, folder_files: ReadableEntries
    ) -> None:
        self._db = db
        self._grants = grants
        self._chat_access = chat_access
        self._files = files
        self._folder_files = folder_files

    async def expand(self, items: list[Item], user: User) -> tuple[list[Item], ItemKeys]:
        """Replace folders and notes with files by what they hold.

        Returns the items, and which of them are delegated: what a folder's owner may read, its readers may read too.
        """
        expanded: list[Item] = []
        for item in items:
            if item.get("type") == NOTE_WITH_FILES:
                expanded += await self._expand_note(find_id(item) or "", user)
            elif item.get("type") != "folder":
                expanded.append(item)
        delegated: ItemKeys = set()
        folder_ids = dict.fromkeys(find_id(item) for item in items if item.get("type") == "folder")
        for folder_id in folder_ids:
            entries = await self.list_folder_entries(folder_id, user)
            delegated |= {(entry["type"], entry["id"]) for entry in entries}
            expanded += entries
        return list_readable_items(expanded), delegated

    async def list_folder_entries(self, folder_id: str | None, user: User) -> list[Item]:
        """Return what a folder holds and its owner may read; nothing where the user may not read the folder."""
        if folder_id is None or not await self._chat_access.may_read_folder(folder_id, user):
            return []
        folder = await source_store.find_folder(self._db, folder_id)
        entries = (folder.data or {}).get("files") if folder is not None else None
        if folder is None or not isinstance(entries, list):
            return []
        owner = await source_store.find_owner(self._db, folder.user_id)
        if owner is None:
            return []
        return await self._folder_files.list_readable(entries, User(owner.id, "", "", owner.role))

    async def _expand_note(self, note_id: str, user: User) -> list[Item]:
        """Return a note and the files in it, where the user may read it."""
        note = (await self.load_notes([note_id], user)).get(note_id)
        if note is None:
            return []
        files = await source_store.list_note_files(self._db, note_id)
        return [
            {"type": "note", "id": note.id, "name": note.title},
            *(file for file in files if isinstance(file, dict)),
        ]

    async def load(self, items: list[Item], user: User, delegated: ItemKeys, *, reads_whole: bool) -> LoadedItems:
        """Load what the items refer to. `reads_whole`: every item is read from beginning to end."""
        ids: dict[str, list[str]] = {}
        whole_keys: ItemKeys = set()
        for item in items:
            kind, item_id = identify(item)
            if item_id is not None:
                ids.setdefault(kind, []).append(item_id)
                if reads_whole or is_full_context(item):
                    whole_keys.add((kind, item_id))
        loaded = LoadedItems()
        if file_ids := ids.get("file"):
            loaded.files = await self._load_files(file_ids, user, delegated)
            whole_ids = [file_id for file_id in loaded.files if ("file", file_id) in whole_keys]
            loaded.texts = await source_store.load_file_texts(self._db, whole_ids)
        if knowledge_ids := ids.get("collection"):
            loaded.knowledge = await self._load_knowledge(knowledge_ids, user, delegated)
            whole_ids = [
                knowledge_id for knowledge_id in loaded.knowledge if ("collection", knowledge_id) in whole_keys
            ]
            loaded.knowledge_texts = await source_store.load_knowledge_texts(self._db, whole_ids)
        if note_ids := ids.get("note"):
            loaded.notes = await self.load_notes(note_ids, user)
        for chat_id in dict.fromkeys(ids.get("chat", ())):
            if (chat := await self._load_chat(chat_id, user)) is not None:
                loaded.chats[chat_id] = chat
        return loaded

    async def _load_files(self, ids: list[str], user: User, delegated: ItemKeys) -> dict[str, File]:
        files = await source_store.list_files(self._db, ids)
        foreign_ids = [
            file.id
            for file in files
            if not (user.is_admin or file.user_id == user.id or ("file", file.id) in delegated)
        ]
        closed = set(foreign_ids) - await self._files.list_accessible_ids(user, foreign_ids) if foreign_ids else set()
        return {file.id: file for file in files if file.id not in closed}

    async def _load_knowledge(self, ids: list[str], user: User, delegated: ItemKeys) -> dict[str, Knowledge]:
        rows = await source_store.list_knowledge(self._db, ids)
        foreign_ids = [
            row.id
            for row in rows
            if not (user.is_admin or row.user_id == user.id or ("collection", row.id) in delegated)
        ]
        closed = await self._list_closed_ids("knowledge", foreign_ids, user)
        return {row.id: row for row in rows if row.id not in closed}

    async def load_notes(self, ids: list[str], user: User) -> dict[str, Note]:
        """Return the notes that a user may read, with their texts, by id."""
        notes = await source_store.list_notes(self._db, ids)
        foreign_ids = [note.id for note in notes if not (user.is_admin or note.user_id == user.id)]
        closed = await self._list_closed_ids("note", foreign_ids, user)
        return {note.id: note for note in notes if note.id not in closed}

    async def _list_closed_ids(self, resource: str, foreign_ids: list[str], user: User) -> set[str]:
        """Return which of other people's resources the user has no grant to read."""
        return set(foreign_ids) - set(await self._grants.filter_accessible_ids(user.id, resource, foreign_ids))

    async def _load_chat(self, chat_id: str, user: User) -> Chat | None:
        may_read = await self._chat_access.is_allowed(chat_id, user)
        if not may_read and not await self._grants.has_access(user.id, "shared_chat", chat_id):
            return None
        return await source_store.find_chat(self._db, chat_id)


def list_collection_names(item: Item) -> list[str]:
    """Return the collections that an item names itself."""
    names = item.get("collection_names")
    listed: Iterable[object] = names if isinstance(names, list) else ()
    return [name for name in [item.get("collection_name"), *listed] if isinstance(name, str) and name]
