"""How each item of a question is read: a text from beginning to end, or collections that are searched."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.identity import User
from fastback.completions.sources import source_store
from fastback.completions.sources.external_sources import ExternalKnowledge
from fastback.completions.sources.item_lookup import ItemKeys, ItemLookup, LoadedItems, list_collection_names
from fastback.completions.sources.items import Item, find_id, find_nested, identify, is_full_context
from fastback.completions.sources.source_store import Chat
from fastback.completions.tasks.templates import plain_text
from fastback.features.chats.messages import message_tree
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.kit.db import Database
from fastback.settings import Settings

Metadata = dict[str, Any]


class Reading(msgspec.Struct):
    """How one item is read.

    Attributes:
        texts: read from beginning to end, with `metadata` beside them; None: read in one of the other ways.
        collections: searched.
        page_url: the address of a web page that is fetched.
        external: knowledge in an external database that is searched.
    """

    item: Item
    texts: list[str] | None = None
    metadata: list[Metadata] = []
    collections: list[str] = []
    page_url: str = ""
    external: ExternalKnowledge | None = None

    @property
    def is_possible(self) -> bool:
        """Whether there is anything to read."""
        return bool(self.texts or self.collections or self.page_url or self.external)


class ReadingPlanner:
    """Decide for all items of a question at once. What the user may not read is left out without an error."""

    def __init__(self, *, db: Database, lookup: ItemLookup, collections: CollectionAccess, settings: Settings) -> None:
        self._db = db
        self._lookup = lookup
        self._collections = collections
        #: Any collection that an item names may be searched.
        self._is_open = settings.bypass_retrieval_access_control

    async def plan(self, items: list[Item], user: User, *, reads_whole: bool) -> list[Reading]:
        """Return how each item is read. `reads_whole`: nothing is searched, all is read from beginning to end."""
        items, delegated = await self._lookup.expand(items, user)
        loaded = await self._lookup.load(items, user, delegated, reads_whole=reads_whole)
        readings = [await self._plan_item(item, loaded, reads_whole=reads_whole) for item in items]
        await self._remove_closed_collections(readings, user, delegated)
        return [reading for reading in readings if reading.is_possible]

    async def _plan_item(self, item: Item, loaded: LoadedItems, *, reads_whole: bool) -> Reading:
        kind, item_id = item.get("type"), find_id(item)
        reads_whole = reads_whole or is_full_context(item)
        if kind == "text":
            return _plan_text(item)
        if kind == "note":
            note = loaded.notes.get(item_id or "")
            if note is None:
                return Reading(item)
            return Reading(item, [note.text or ""], [{"file_id": note.id, "name": note.title}])
        if kind == "chat":
            chat = loaded.chats.get(item_id or "")
            if chat is None:
                return Reading(item)
            text = _format_chat(chat)
            return Reading(item, [text] if text else None, [{"file_id": chat.id, "name": chat.title}])
        if kind == "url":
            url = item.get("url")
            return Reading(item, page_url=url if isinstance(url, str) else "")
        if kind == "file":
            return self._plan_file(item, item_id, loaded, reads_whole=reads_whole)
        if kind == "collection":
            return await self._plan_knowledge(item, item_id, loaded, reads_whole=reads_whole)
        if isinstance(item.get("docs"), list):
            docs = [doc for doc in item["docs"] if isinstance(doc, dict) and isinstance(doc.get("content"), str)]
            return Reading(item, [doc["content"] for doc in docs], [_to_dict(doc.get("metadata")) for doc in docs])
        if kind == "web_search" or self._is_open:
            return Reading(item, collections=list_collection_names(item))
        if item.get("legacy") and item_id is not None:
            return Reading(item, collections=[item_id])
        return Reading(item)

    def _plan_file(self, item: Item, item_id: str | None, loaded: LoadedItems, *, reads_whole: bool) -> Reading:
        file = loaded.files.get(item_id or "")
        if reads_whole:
            content = find_nested(item, "file", "data", "content")
            if isinstance(content, str) and content:
                metadata = _to_dict(find_nested(item, "file", "data", "metadata"))
                return Reading(item, [content], [{"file_id": item_id, "name": item.get("name"), **metadata}])
            if file is None:
                return Reading(item)
            metadata = {"file_id": file.id, "name": file.filename, "source": file.filename}
            return Reading(item, [loaded.texts.get(file.id, "")], [metadata])
        if item_id is None or (file is None and not self._is_open):
            return Reading(item)
        return Reading(item, collections=[item_id if item.get("legacy") else f"file-{item_id}"])

    async def _plan_knowledge(
        self, item: Item, item_id: str | None, loaded: LoadedItems, *, reads_whole: bool
    ) -> Reading:
        knowledge = loaded.knowledge.get(item_id or "")
        if knowledge is None:
            return Reading(item, collections=list_collection_names(item) if item.get("legacy") else [])
        if knowledge.meta and knowledge.meta.get("source") == "external":
            return Reading(item, external=ExternalKnowledge(knowledge.id, knowledge.name, knowledge.meta))
        if reads_whole:
            texts = loaded.knowledge_texts.get(knowledge.id, [])
            metadata: list[Metadata] = [
                {"file_id": text.id, "name": text.filename, "source": text.filename} for text in texts
            ]
            return Reading(item, [text.text or "" for text in texts], metadata)
        if item.get("legacy"):
            return Reading(item, collections=await self._list_legacy_collections(item, knowledge.id))
        return Reading(item, collections=[knowledge.id])

    async def _list_legacy_collections(self, item: Item, knowledge_id: str) -> list[str]:
        """Return the collections that an old entry names and that belong to its knowledge."""
        names = list_collection_names(item)
        if self._is_open:
            return names
        file_ids = await source_store.list_file_ids(self._db, knowledge_id)
        own_names = {f"file-{file_id}" for file_id in file_ids} | {knowledge_id}
        return [name for name in names if name in own_names] or [knowledge_id]

    async def _remove_closed_collections(self, readings: list[Reading], user: User, delegated: ItemKeys) -> None:
        """Remove the collections that the user may not search, and those of an earlier reading, in place."""
        marked = [(reading, identify(reading.item) in delegated) for reading in readings]
        names = {name for reading, is_delegated in marked if not is_delegated for name in reading.collections}
        allowed = await self._collections.filter_accessible(names, user) if names else set()
        seen: set[str] = set()
        for reading, is_delegated in marked:
            names = {name for name in reading.collections if is_delegated or name in allowed} - seen
            reading.collections = [name for name in dict.fromkeys(reading.collections) if name in names]
            seen |= names


def _plan_text(item: Item) -> Reading:
    """Plan a text that comes with the item: of a file, or as it is; else the collection that it was put into."""
    text, metadata = find_nested(item, "file", "data", "content"), _to_dict(find_nested(item, "file", "meta"))
    if is_full_context(item) and isinstance(text, str):
        return Reading(item, [text], [metadata])
    if names := list_collection_names(item):
        return Reading(item, collections=names[:1])
    if isinstance(text, str):
        return Reading(item, [text], [metadata])
    content = item.get("content")
    return Reading(item, [content] if isinstance(content, str) else None, [{"name": item.get("name")}])


def _format_chat(chat: Chat) -> str:
    """Return the branch at which a chat opens, from its first message to its last."""
    document = msgspec.json.decode(chat.chat)
    messages = message_tree.get_messages(document)
    branch = list(message_tree.walk_to_root(message_tree.find_current_id(document), messages.get))
    return "\n".join(
        f"#### {str(message.get('role') or 'user').capitalize()}\n{plain_text(message)}\n"
        for message in reversed(branch)
    )


def _to_dict(value: Any) -> Metadata:
    return dict(value) if isinstance(value, dict) else {}
