"""What of the items an asker may read, and how: a text from beginning to end, or collections to be searched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from fastback.access.grants import Grants
from fastback.access.identity import User
from fastback.completions.sources.external import ForeignKnowledge
from fastback.completions.sources.items import NOTE_WITH_FILES, Item, inner, is_whole, named, readable, text_id
from fastback.completions.tasks.templates import plain
from fastback.features.chats.access import ChatAccess
from fastback.features.chats.messages import message_tree
from fastback.features.files.access import FileAccess
from fastback.features.folders.readable_entries import ReadableEntries
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.kit.db import Database
from fastback.settings import Settings

Metadata = dict[str, Any]


class Reading(msgspec.Struct):
    """How one item is read.

    Attributes:
        texts: from beginning to end, with `metadata` beside them; None: by one of the others.
        collections: by searching them.
        page: by looking up the address.
        foreign: by asking a foreign database.
    """

    item: Item
    texts: list[str] | None = None
    metadata: list[Metadata] = []
    collections: list[str] = []
    page: str = ""
    foreign: ForeignKnowledge | None = None

    @property
    def says_something(self) -> bool:
        return bool(self.texts or self.collections or self.page or self.foreign)


class _File(msgspec.Struct):
    id: str
    user_id: str | None
    filename: str | None


class _Text(msgspec.Struct):
    id: str
    text: str | None


class _Content(msgspec.Struct):
    knowledge: str
    id: str
    filename: str | None
    text: str | None


class _Knowledge(msgspec.Struct):
    id: str
    user_id: str
    name: str
    meta: dict[str, Any] | None


class _Note(msgspec.Struct):
    id: str
    user_id: str | None
    title: str | None
    text: str | None


class _Files(msgspec.Struct):
    files: list[Any] | dict[str, Any] | str | int | float | bool | None


class _Chat(msgspec.Struct):
    id: str
    title: str
    chat: msgspec.Raw


class _Folder(msgspec.Struct):
    user_id: str
    data: dict[str, Any] | None


class _Owner(msgspec.Struct):
    id: str
    role: str


class Reader:
    """Decides for all items of a question at once; what an asker may not read is left out in silence."""

    def __init__(
        self,
        *,
        db: Database,
        grants: Grants,
        chats: ChatAccess,
        files: FileAccess,
        folders: ReadableEntries,
        collections: CollectionAccess,
        settings: Settings,
    ) -> None:
        self._db = db
        self._grants = grants
        self._chats = chats
        self._files = files
        self._folders = folders
        self._collections = collections
        self._open = settings.bypass_retrieval_access_control

    async def plan(self, items: list[Item], user: User, *, whole: bool) -> list[Reading]:
        """How each item is read; `whole`: nothing is searched, everything is read from beginning to end."""
        items, delegated = await self._expanded(items, user)
        known = await self._known(items, user, delegated, whole=whole)
        plan = [await self._reading(item, user, known, whole=whole) for item in items]
        await self._close(plan, user, delegated)
        return [one for one in plan if one.says_something]

    async def _expanded(self, items: list[Item], user: User) -> tuple[list[Item], set[tuple[str, str]]]:
        """The items, and behind them those of their folders: what a folder's owner may read its readers may, too."""
        found: list[Item] = []
        for item in items:
            if item.get("type") == NOTE_WITH_FILES:
                found += await self._of_note(text_id(item) or "", user)
            elif item.get("type") != "folder":
                found.append(item)
        delegated: set[tuple[str, str]] = set()
        folders = dict.fromkeys(text_id(item) for item in items if item.get("type") == "folder")
        for folder_id in folders:
            if folder_id is None or not await self._chats.may_read_folder(folder_id, user):
                continue
            folder = await self._db.fetch_first(
                _Folder, "sources.folder", "SELECT user_id, data FROM folder WHERE id = :id", id=folder_id
            )
            entries = (folder.data or {}).get("files") if folder is not None else None
            if folder is None or not isinstance(entries, list):
                continue
            owner = await self._owner(folder.user_id)
            own = await self._folders.list_readable(entries, owner) if owner is not None else []
            delegated |= {(entry["type"], entry["id"]) for entry in own}
            found += own
        return readable(found), delegated

    async def _of_note(self, note_id: str, user: User) -> list[Item]:
        """A note and the files in it, where the asker may read it."""
        note = (await self._known_notes([note_id], user)).get(note_id)
        if note is None:
            return []
        text = "SELECT data -> 'files' FROM note WHERE id = :id"
        row = await self._db.fetch_first(_Files, "sources.files_of_note", text, id=note_id)
        files = row.files if row is not None and isinstance(row.files, list) else []
        return [{"type": "note", "id": note.id, "name": note.title}, *(one for one in files if isinstance(one, dict))]

    async def _owner(self, user_id: str) -> User | None:
        row = await self._db.fetch_first(
            _Owner, "sources.owner", 'SELECT id, role FROM "user" WHERE id = :id', id=user_id
        )
        return User(row.id, "", "", row.role) if row is not None else None

    async def _known(self, items: list[Item], user: User, delegated: set[tuple[str, str]], *, whole: bool) -> _Known:
        """Everything that the items name and the asker may read, a statement for each kind."""
        ids: dict[str, list[str]] = {}
        full: set[tuple[str, str]] = set()
        for item in items:
            kind, item_id = named(item)
            if item_id is not None:
                ids.setdefault(kind, []).append(item_id)
                if whole or is_whole(item):
                    full.add((kind, item_id))
        known = _Known()
        if files := ids.get("file"):
            known.files = await self._known_files(files, user, delegated)
            known.texts = await self._texts([one for one in known.files if ("file", one) in full])
        if knowledge := ids.get("collection"):
            known.knowledge = await self._known_knowledge(knowledge, user, delegated)
            known.contents = await self._contents([one for one in known.knowledge if ("collection", one) in full])
        if notes := ids.get("note"):
            known.notes = await self._known_notes(notes, user)
        for chat_id in dict.fromkeys(ids.get("chat", ())):
            if (chat := await self._chat(chat_id, user)) is not None:
                known.chats[chat_id] = chat
        return known

    async def _known_files(self, ids: list[str], user: User, delegated: set[tuple[str, str]]) -> dict[str, _File]:
        rows = await self._db.fetch_all(
            _File, "sources.files", "SELECT id, user_id, filename FROM file WHERE id = ANY(:ids)", ids=ids
        )
        foreign = [
            row.id for row in rows if not (user.is_admin or row.user_id == user.id or ("file", row.id) in delegated)
        ]
        closed = set(foreign) - await self._files.list_accessible_ids(user, foreign) if foreign else set()
        return {row.id: row for row in rows if row.id not in closed}

    async def _texts(self, ids: list[str]) -> dict[str, str]:
        if not ids:
            return {}
        text = "SELECT id, data ->> 'content' FROM file WHERE id = ANY(:ids)"
        rows = await self._db.fetch_all_in_thread(_Text, "sources.texts", text, ids=ids)
        return {row.id: row.text or "" for row in rows}

    async def _known_knowledge(
        self, ids: list[str], user: User, delegated: set[tuple[str, str]]
    ) -> dict[str, _Knowledge]:
        text = "SELECT id, user_id, name, meta FROM knowledge WHERE id = ANY(:ids)"
        rows = await self._db.fetch_all(_Knowledge, "sources.knowledge", text, ids=ids)
        foreign = [
            row.id
            for row in rows
            if not (user.is_admin or row.user_id == user.id or ("collection", row.id) in delegated)
        ]
        granted = await self._grants.filter_accessible_ids(user.id, "knowledge", foreign)
        return {row.id: row for row in rows if row.id not in foreign or row.id in granted}

    async def _contents(self, ids: list[str]) -> dict[str, list[_Content]]:
        if not ids:
            return {}
        text = """SELECT kf.knowledge_id, f.id, f.filename, f.data ->> 'content'
            FROM knowledge_file kf JOIN file f ON f.id = kf.file_id WHERE kf.knowledge_id = ANY(:ids)
            ORDER BY kf.created_at, f.id"""
        found: dict[str, list[_Content]] = {}
        for row in await self._db.fetch_all_in_thread(_Content, "sources.contents", text, ids=ids):
            found.setdefault(row.knowledge, []).append(row)
        return found

    async def _known_notes(self, ids: list[str], user: User) -> dict[str, _Note]:
        text = "SELECT id, user_id, title, data -> 'content' ->> 'md' FROM note WHERE id = ANY(:ids)"
        rows = await self._db.fetch_all_in_thread(_Note, "sources.notes", text, ids=ids)
        foreign = [row.id for row in rows if not (user.is_admin or row.user_id == user.id)]
        granted = await self._grants.filter_accessible_ids(user.id, "note", foreign)
        return {row.id: row for row in rows if row.id not in foreign or row.id in granted}

    async def _chat(self, chat_id: str, user: User) -> _Chat | None:
        if not await self._chats.is_allowed(chat_id, user) and not await self._grants.has_access(
            user.id, "shared_chat", chat_id
        ):
            return None
        rows = await self._db.fetch_all_in_thread(
            _Chat, "sources.chat", "SELECT id, title, chat FROM chat WHERE id = :id", id=chat_id
        )
        return rows[0] if rows else None

    async def _reading(self, item: Item, user: User, known: _Known, *, whole: bool) -> Reading:
        kind, item_id = item.get("type"), text_id(item)
        if kind == "text":
            return _given_text(item)
        if kind == "note":
            note = known.notes.get(item_id or "")
            if note is None:
                return Reading(item)
            return Reading(item, [note.text or ""], [{"file_id": note.id, "name": note.title}])
        if kind == "chat":
            chat = known.chats.get(item_id or "")
            if chat is None:
                return Reading(item)
            told = _conversation(chat)
            return Reading(item, [told] if told else None, [{"file_id": chat.id, "name": chat.title}])
        if kind == "url":
            url = item.get("url")
            return Reading(item, page=url if isinstance(url, str) else "")
        if kind == "file":
            return self._file(item, item_id, known, whole=whole or is_whole(item))
        if kind == "collection":
            return await self._knowledge(item, item_id, known, whole=whole or is_whole(item))
        if isinstance(item.get("docs"), list):
            docs = [one for one in item["docs"] if isinstance(one, dict) and isinstance(one.get("content"), str)]
            return Reading(item, [one["content"] for one in docs], [_dict(one.get("metadata")) for one in docs])
        if kind == "web_search" or self._open:
            return Reading(item, collections=_names(item))
        if item.get("legacy") and item_id is not None:
            return Reading(item, collections=[item_id])
        return Reading(item)

    def _file(self, item: Item, item_id: str | None, known: _Known, *, whole: bool) -> Reading:
        file = known.files.get(item_id or "")
        if whole:
            given = inner(item, "file", "data", "content")
            if isinstance(given, str) and given:
                more = _dict(inner(item, "file", "data", "metadata"))
                return Reading(item, [given], [{"file_id": item_id, "name": item.get("name"), **more}])
            if file is None:
                return Reading(item)
            about = {"file_id": file.id, "name": file.filename, "source": file.filename}
            return Reading(item, [known.texts.get(file.id, "")], [about])
        if item_id is None or (file is None and not self._open):
            return Reading(item)
        return Reading(item, collections=[item_id if item.get("legacy") else f"file-{item_id}"])

    async def _knowledge(self, item: Item, item_id: str | None, known: _Known, *, whole: bool) -> Reading:
        knowledge = known.knowledge.get(item_id or "")
        if knowledge is None:
            names = _names(item) if item.get("legacy") else []
            return Reading(item, collections=names)
        if knowledge.meta and knowledge.meta.get("source") == "external":
            return Reading(item, foreign=ForeignKnowledge(knowledge.id, knowledge.name, knowledge.meta))
        if whole:
            files = known.contents.get(knowledge.id, [])
            about: list[Metadata] = [{"file_id": one.id, "name": one.filename, "source": one.filename} for one in files]
            return Reading(item, [one.text or "" for one in files], about)
        if item.get("legacy"):
            return Reading(item, collections=await self._old_collections(item, knowledge.id))
        return Reading(item, collections=[knowledge.id])

    async def _old_collections(self, item: Item, knowledge_id: str) -> list[str]:
        """The collections that an old entry names, as far as they are those of its knowledge."""
        names = _names(item)
        if self._open:
            return names
        ids = await self._db.fetch_all(
            str, "sources.files_of", "SELECT file_id FROM knowledge_file WHERE knowledge_id = :id", id=knowledge_id
        )
        own = {f"file-{one}" for one in ids} | {knowledge_id}
        return [name for name in names if name in own] or [knowledge_id]

    async def _close(self, plan: list[Reading], user: User, delegated: set[tuple[str, str]]) -> None:
        """Take away the collections that are not open to the asker, and those that an item before has named."""
        own = [(one, named(one.item) in delegated) for one in plan]
        names = {name for one, is_delegated in own if not is_delegated for name in one.collections}
        allowed = await self._collections.filter_accessible(names, user) if names else set()
        seen: set[str] = set()
        for one, is_delegated in own:
            names = {name for name in one.collections if is_delegated or name in allowed} - seen
            one.collections = [name for name in dict.fromkeys(one.collections) if name in names]
            seen |= names


class _Known(msgspec.Struct):
    """What items name and their asker may read, by id."""

    files: dict[str, _File] = {}
    texts: dict[str, str] = {}
    knowledge: dict[str, _Knowledge] = {}
    contents: dict[str, list[_Content]] = {}
    notes: dict[str, _Note] = {}
    chats: dict[str, _Chat] = {}


def _given_text(item: Item) -> Reading:
    """A text that comes with the item: of a file, or as it is; else the collection it was put into."""
    text, about = inner(item, "file", "data", "content"), _dict(inner(item, "file", "meta"))
    if is_whole(item) and isinstance(text, str):
        return Reading(item, [text], [about])
    if _names(item):
        return Reading(item, collections=_names(item)[:1])
    if isinstance(text, str):
        return Reading(item, [text], [about])
    content = item.get("content")
    return Reading(item, [content] if isinstance(content, str) else None, [{"name": item.get("name")}])


def _conversation(chat: _Chat) -> str:
    """A chat from its first message to the one it is open at."""
    document = msgspec.json.decode(chat.chat)
    messages = message_tree.get_messages(document)
    current = message_tree.find_current_id(document)
    chain: list[dict[str, Any]] = []
    seen: set[str] = set()
    while isinstance(current, str) and current in messages and current not in seen:
        seen.add(current)
        chain.append(messages[current])
        current = messages[current].get("parentId")
    return "\n".join(f"#### {str(one.get('role') or 'user').capitalize()}\n{plain(one)}\n" for one in reversed(chain))


def _names(item: Item) -> list[str]:
    """The collections that an item names itself."""
    listed = item.get("collection_names")
    names: Iterable[Any] = listed if isinstance(listed, list) else ()
    return [name for name in [item.get("collection_name"), *names] if isinstance(name, str) and name]


def _dict(value: Any) -> Metadata:
    return dict(value) if isinstance(value, dict) else {}
