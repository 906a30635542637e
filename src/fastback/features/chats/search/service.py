"""The search of chats: from the text of a query to a page of chats."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.chats.fragments import NO_INDEX
from fastback.features.chats.search import folder_store, passages, query, store
from fastback.features.chats.search.index import SearchIndex
from fastback.features.chats.search.indexer import ChatIndexer
from fastback.features.chats.search.store import ChatCriteria, SearchStatement
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Database, DatabaseError, DatabaseUnavailable
from fastback.kit.db.derived_tables import DerivedTables

PAGE_SIZE = 60
#: The newest chats that are scanned before the whole index is asked; later pages scan more.
WINDOW = 500
#: A time after that of all changes, in seconds.
_END_OF_TIME = 2**40
#: The titles of so many chats are compared one by one faster than the index finds a text that most chats contain.
MAX_COMPARED_TITLES = 10_000


class _IndexHit(msgspec.Struct):
    """A matching chat of the index; `fresh` says whether its row of the index is current."""

    id: str
    title: str
    updated_at: int
    created_at: int
    last_read_at: int | None
    archived: bool
    fresh: bool

    def to_title(self) -> ChatTitle:
        """Return the entry of a list for this chat."""
        return ChatTitle(
            self.id, self.title, self.updated_at, self.created_at, self.last_read_at, archived=self.archived
        )


class ChatSearch:
    """Searches chats; reads those whose row of the index is outdated themselves."""

    def __init__(self, db: Database, index: SearchIndex, indexer: ChatIndexer) -> None:
        self._db = db
        self._index = index
        self._indexer = indexer

    @property
    def tables(self) -> DerivedTables:
        """The connection that reads chats and the tables derived from them."""
        return self._index.tables

    async def search(self, user_id: str, text: str, *, page: int) -> list[ChatTitle]:
        """Return a page of the user's chats that match a search, pages counted from 1.

        First the chats that contain the phrase, then those that contain its words, each newest first.
        """
        return await self.search_range(user_id, text, skip=(max(page, 1) - 1) * PAGE_SIZE, limit=PAGE_SIZE)

    async def search_range(
        self,
        user_id: str,
        text: str,
        *,
        limit: int,
        skip: int = 0,
        since: int | None = None,
        until: int | None = None,
    ) -> list[ChatTitle]:
        """Like `search`, for any part of the result; `since` and `until` bound the time of the last change."""
        search = query.parse_query(text)
        conditions, params = await self._build_conditions(user_id, search)
        tags = ["none"] if "none" in search.tags else search.tags
        criteria = ChatCriteria(user_id, tags=tags, conditions=conditions, params=params)
        if search.phrase is None:
            criteria.has_few = search.pinned is True or search.folders is not None
            if search.folders is not None:
                # An index of the folders contains all that the list shows.
                criteria.owner_condition = f"{NO_INDEX[self._db.dialect]}{criteria.owner_condition}"
        if since is not None or until is not None:
            criteria.row_conditions = ["{row}.updated_at BETWEEN :since AND :until"]
            criteria.params |= {"since": since or 0, "until": _END_OF_TIME if until is None else until}
        if search.phrase is None and not criteria.tags:
            return (await self.search_chats(criteria, skip + limit))[skip:]
        chats = (await self._search_ranked(criteria, search, skip + limit))[skip : skip + limit]
        if search.phrase is not None:
            needles = list(dict.fromkeys([search.text, *query.list_words(search.text)]))
            snippets = await passages.load_snippets(self._index.tables, [chat.id for chat in chats], needles)
            for chat in chats:
                chat.snippet = snippets.get(chat.id)
        return chats

    async def _search_ranked(self, criteria: ChatCriteria, search: query.SearchQuery, limit: int) -> list[ChatTitle]:
        if search.phrase is None:
            return await self.search_newest(criteria, limit)
        criteria.needles = [search.phrase]
        chats = await self.search_newest(criteria, limit)
        if search.terms and len(chats) < limit:
            phrase_ids = {chat.id for chat in chats}
            criteria.needles = search.terms
            term_matches = await self.search_newest(criteria, limit + len(phrase_ids))
            chats += [chat for chat in term_matches if chat.id not in phrase_ids]
        return chats

    async def search_chats(self, criteria: ChatCriteria, limit: int) -> list[ChatTitle]:
        """Like `search_newest`, without the index: for chats of other users."""
        statement = store.build_chat_statement(criteria, self._db.dialect, limit=limit, ids=None, indexed=False)
        return await self._read_titles(statement)

    async def search_newest(self, criteria: ChatCriteria, limit: int) -> list[ChatTitle]:
        """Return the newest chats that meet the criteria, at most `limit`."""
        # Chats before the index: a chat indexed between the two reads is found twice, never missed.
        chats = {chat.id: chat for chat in await self._search_changed(criteria, limit)}
        if self._index.ready:
            hits = await self._search_index(criteria, limit)
            for hit in hits:
                if hit.fresh:
                    chats.setdefault(hit.id, hit.to_title())
            if stale_ids := [hit.id for hit in hits if not hit.fresh and hit.id not in chats]:
                for chat_id in stale_ids:
                    self._indexer.mark_changed(chat_id)
                chats |= {chat.id: chat for chat in await self._search_documents(criteria, limit, stale_ids)}
        return sorted(chats.values(), key=lambda chat: (-chat.updated_at, chat.id))[:limit]

    async def _search_index(self, criteria: ChatCriteria, limit: int) -> list[_IndexHit]:
        dialect = self._db.dialect
        window = max(WINDOW, 2 * limit)
        statement = store.build_newest_statement(criteria, dialect, window=window, limit=limit)
        hits = await self._read_hits(statement)
        stale_count = sum(not hit.fresh for hit in hits)
        if len(hits) - stale_count >= limit:
            return hits
        count = await self._index.count_chats(criteria.user_id, max(window, MAX_COMPARED_TITLES) + 1)
        if count <= window:
            return hits
        compares_titles = criteria.in_titles and count <= MAX_COMPARED_TITLES
        expression = "" if compares_titles else await self._index.build_expression(criteria.needles)
        statement = store.build_index_statement(criteria, dialect, expression=expression, limit=limit + stale_count)
        return await self._read_hits(statement)

    async def _search_changed(self, criteria: ChatCriteria, limit: int) -> list[ChatTitle]:
        """Search the chats whose row of the index is outdated or missing."""
        index = self._index
        if not index.ready or index.compared_at is None:
            return await self._search_documents(criteria, limit, None)
        pending_ids = index.list_changed()
        new_ids = set(await index.list_changed_since(criteria.user_id, index.compared_at)).difference(pending_ids)
        for chat_id in new_ids:
            self._indexer.mark_changed(chat_id)
        ids = [*pending_ids, *new_ids]
        return await self._search_documents(criteria, limit, ids) if ids else []

    async def _search_documents(self, criteria: ChatCriteria, limit: int, ids: list[str] | None) -> list[ChatTitle]:
        """Search the documents of chats: those in `ids`, or all that the index does not contain."""
        indexed = self._index.ready and ids is None
        dialect = self._db.dialect
        try:
            statement = store.build_chat_statement(criteria, dialect, limit=limit, ids=ids, indexed=indexed)
            return await self._read_titles(statement)
        except DatabaseUnavailable:
            raise
        except DatabaseError:
            # A document that the database cannot read must not fail the search: search the titles alone.
            statement = store.build_chat_statement(
                criteria, dialect, limit=limit, ids=ids, indexed=indexed, titles=True
            )
            return await self._read_titles(statement)

    async def _read_hits(self, statement: SearchStatement) -> list[_IndexHit]:
        return await self._index.tables.fetch_all_in_thread(
            _IndexHit, "search.read_hits", statement.text, **statement.params
        )

    async def _read_titles(self, statement: SearchStatement) -> list[ChatTitle]:
        return await self._index.tables.fetch_all_in_thread(
            ChatTitle, "search.read_titles", statement.text, **statement.params
        )

    async def _build_conditions(self, user_id: str, search: query.SearchQuery) -> tuple[list[str], dict[str, Any]]:
        # `IS FALSE` is computed from the row: the database must use the index on the time, not one on a flag.
        conditions = ["c.archived = TRUE" if search.archived else "c.archived IS FALSE"]
        params: dict[str, Any] = {}
        if search.pinned is not None:
            conditions.append(f"c.pinned = {'TRUE' if search.pinned else 'FALSE'}")
        if search.shared is not None:
            conditions.append(f"c.share_id IS {'NOT ' if search.shared else ''}NULL")
        if search.folders is not None:
            conditions.append("c.folder_id = ANY(:folders)")
            params["folders"] = await self._list_folder_ids(user_id, search.folders)
        return conditions, params

    async def _list_folder_ids(self, user_id: str, names: list[str]) -> list[str]:
        """Return the ids of the user's folders with these names, and of all folders below them."""
        folders = await folder_store.list_folder_names(self._db, user_id)
        folder_ids = {folder.id for folder in folders if query.normalize_folder_name(folder.name) in names}
        while children := {folder.id for folder in folders if folder.parent_id in folder_ids} - folder_ids:
            folder_ids |= children
        return list(folder_ids)
