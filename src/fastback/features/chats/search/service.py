"""A search from its text to a page of chats."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.search import passages, query, store
from fastback.features.chats.search.index import SearchIndex
from fastback.features.chats.search.indexer import ChatIndexer
from fastback.features.chats.search.store import ChatCriteria, SearchStatement
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Database, DatabaseError
from fastback.kit.db.derived_tables import DerivedTables

PAGE = 60
#: So many of the newest chats are looked through before the whole index is asked, and more for later pages.
WINDOW = 500


class _Folder(msgspec.Struct):
    id: str
    name: str
    parent_id: str | None


class _IndexHit(msgspec.Struct):
    """A chat of the index that fits; `fresh` says whether it still is what the index knows."""

    id: str
    title: str
    updated_at: int
    created_at: int
    last_read_at: int | None
    archived: bool
    fresh: bool

    def to_title(self) -> ChatTitle:
        return ChatTitle(
            self.id, self.title, self.updated_at, self.created_at, self.last_read_at, archived=self.archived
        )


class ChatSearch:
    """Searches of chats; what the index does not know yet is read from the chats."""

    def __init__(self, db: Database, index: SearchIndex, indexer: ChatIndexer) -> None:
        self._db = db
        self._index = index
        self._indexer = indexer

    async def search(self, user_id: str, text: str, *, page: int) -> list[ChatTitle]:
        """A page of the user's chats that a search finds, pages counted from 1.

        First the chats that hold the phrase, then those that hold its words, either newest first.
        """
        asked = query.parse_query(text)
        where, params = await self._build_conditions(user_id, asked)
        wanted = ChatCriteria(
            user_id, tags=["none"] if "none" in asked.tags else asked.tags, where=where, params=params
        )
        skip = (max(page, 1) - 1) * PAGE
        if asked.phrase is None and not wanted.tags:
            found = await self._read_titles(
                store.build_chat_statement(wanted, self._db.dialect, most=skip + PAGE, ids=None, indexed=False)
            )
            return found[skip:]
        found = await self._search_ranked(wanted, asked, skip + PAGE)
        found = found[skip : skip + PAGE]
        if asked.phrase is not None:
            needles = list(dict.fromkeys([asked.text, *query.list_words(asked.text)]))
            pieces = await passages.load_snippets(self._index.tables, [chat.id for chat in found], needles)
            for chat in found:
                chat.snippet = pieces.get(chat.id)
        return found

    async def _search_ranked(self, wanted: ChatCriteria, asked: query.SearchQuery, most: int) -> list[ChatTitle]:
        if asked.phrase is None:
            return await self.search_newest(wanted, most)
        wanted.needles = [asked.phrase]
        found = await self.search_newest(wanted, most)
        if asked.terms and len(found) < most:
            known = {chat.id for chat in found}
            wanted.needles = asked.terms
            more = await self.search_newest(wanted, most + len(known))
            found += [chat for chat in more if chat.id not in known]
        return found

    @property
    def tables(self) -> DerivedTables:
        """Where statements over chats and what is made of them can be read."""
        return self._index.tables

    async def search_chats(self, wanted: ChatCriteria, most: int) -> list[ChatTitle]:
        """As `newest`, over chats themselves, for those that are not the person's own."""
        return await self._read_titles(
            store.build_chat_statement(wanted, self._db.dialect, most=most, ids=None, indexed=False)
        )

    async def search_newest(self, wanted: ChatCriteria, most: int) -> list[ChatTitle]:
        """The `most` newest chats with what is wanted."""
        # Chats first, then the index: what it follows meanwhile is found twice, not never.
        found = {chat.id: chat for chat in await self._search_changed(wanted, most)}
        if self._index.ready:
            hits = await self._search_index(wanted, most)
            for hit in hits:
                if hit.fresh:
                    found.setdefault(hit.id, hit.to_title())
            if met := [hit.id for hit in hits if not hit.fresh and hit.id not in found]:
                for chat_id in met:
                    self._indexer.mark_changed(chat_id)
                found |= {chat.id: chat for chat in await self._search_documents(wanted, most, met)}
        return sorted(found.values(), key=lambda chat: (-chat.updated_at, chat.id))[:most]

    async def _search_index(self, wanted: ChatCriteria, most: int) -> list[_IndexHit]:
        dialect = self._db.dialect
        window = max(WINDOW, 2 * most)
        found = await self._read_hits(store.build_newest_statement(wanted, dialect, window=window, most=most))
        old = sum(not hit.fresh for hit in found)
        if len(found) - old >= most:
            return found
        seen = await self._index.tables.fetch_all_in_thread(
            int,
            "search.size",
            """SELECT count(*) FROM (SELECT 1 FROM fastback_search_chat s WHERE s.user_id = :user_id
                LIMIT :most) counted""",
            user_id=wanted.user_id,
            most=window + 1,
        )
        if seen[0] <= window:
            return found
        expression = await self._index.build_expression(wanted.needles)
        return await self._read_hits(
            store.build_index_statement(wanted, dialect, expression=expression, most=most + old)
        )

    async def _search_changed(self, wanted: ChatCriteria, most: int) -> list[ChatTitle]:
        """Among chats that the index does not know as they are now."""
        index = self._index
        if not index.ready or index.compared_at is None:
            return await self._search_documents(wanted, most, None)
        known = index.list_changed()
        late = set(await index.list_changed_since(wanted.user_id, index.compared_at)).difference(known)
        for chat_id in late:
            self._indexer.mark_changed(chat_id)
        ids = [*known, *late]
        return await self._search_documents(wanted, most, ids) if ids else []

    async def _search_documents(self, wanted: ChatCriteria, most: int, ids: list[str] | None) -> list[ChatTitle]:
        indexed = self._index.ready and ids is None
        dialect = self._db.dialect
        try:
            return await self._read_titles(
                store.build_chat_statement(wanted, dialect, most=most, ids=ids, indexed=indexed)
            )
        except DatabaseError:
            # A document that the database cannot read must not spoil the search.
            statement = store.build_chat_statement(wanted, dialect, most=most, ids=ids, indexed=indexed, titles=True)
            return await self._read_titles(statement)

    async def _read_hits(self, statement: SearchStatement) -> list[_IndexHit]:
        return await self._index.tables.fetch_all_in_thread(
            _IndexHit, "search.hits", statement.text, **statement.params
        )

    async def _read_titles(self, statement: SearchStatement) -> list[ChatTitle]:
        return await self._index.tables.fetch_all_in_thread(
            ChatTitle, "search.chats", statement.text, **statement.params
        )

    async def _build_conditions(self, user_id: str, asked: query.SearchQuery) -> tuple[list[str], dict[str, Any]]:
        # `IS TRUE` is answered from the row: no index on a flag may keep the one on the time from being taken.
        where = ["c.archived IS TRUE" if asked.archived else "c.archived IS FALSE"]
        params: dict[str, Any] = {}
        if asked.pinned is not None:
            where.append(f"c.pinned = {'TRUE' if asked.pinned else 'FALSE'}")
        if asked.shared is not None:
            where.append(f"c.share_id IS {'NOT ' if asked.shared else ''}NULL")
        if asked.folders is not None:
            where.append("c.folder_id = ANY(:folders)")
            params["folders"] = await self._list_folder_ids(user_id, asked.folders)
        return where, params

    async def _list_folder_ids(self, user_id: str, names: list[str]) -> list[str]:
        """The user's folders of these names, and the folders inside them."""
        text = "SELECT f.id, f.name, f.parent_id FROM folder f WHERE f.user_id = :user_id"
        folders = await self._db.fetch_all(_Folder, "search.folders_of", text, user_id=user_id)
        found = {one.id for one in folders if query.normalize_folder_name(one.name) in names}
        while more := {one.id for one in folders if one.parent_id in found} - found:
            found |= more
        return list(found)
