"""The workspace search: one search over chats, shared snapshots of chats, notes and messages that a user may read."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.features.channels.search import MessageSearch
from fastback.features.chats.fragments import VISIBLE_CHAT
from fastback.features.chats.search.passages import Passage, load_passages
from fastback.features.chats.search.query import Needle
from fastback.features.chats.search.searchable_text import LOWER
from fastback.features.chats.search.service import ChatSearch
from fastback.features.chats.search.store import ChatCriteria
from fastback.features.chats.store import ChatTitle
from fastback.features.search import store
from fastback.features.search.query import WorkspaceQuery
from fastback.features.search.results import (
    SearchResult,
    build_chat_result,
    build_message_result,
    build_note_result,
    build_snapshot_result,
)
from fastback.features.search.words import build_like_pattern, list_terms
from fastback.kit.db import Database

PAGE_SIZE = 24


class Candidate(msgspec.Struct):
    """The sort key of a match, before its result is built; `row` is what its store read."""

    source: str
    id: str
    rank: int
    updated_at: int
    row: Any = None

    @property
    def order(self) -> tuple[int, int, str, str]:
        """The sort key: by rank, then last changed first."""
        return (self.rank, -self.updated_at, self.source, self.id)


class WorkspaceSearch:
    """Searches one page at a time."""

    def __init__(self, db: Database, chats: ChatSearch, messages: MessageSearch) -> None:
        self._db = db
        self._chats = chats
        self._messages = messages

    async def search(self, query: WorkspaceQuery, kinds: list[str], page: int) -> tuple[list[SearchResult], bool]:
        """Return a page of results, best first, and whether there are more; `kinds`: `chat`, `message`, `note`."""
        limit = page * PAGE_SIZE + 1
        candidates: list[Candidate] = []
        if "message" in kinds and query.scope is None:
            candidates += await self._list_messages(query, limit)
        if query.in_channel:
            kinds = []
        if "chat" in kinds:
            candidates += await self._list_own_chats(query, limit)
            if query.sharing != "mine":
                candidates += await self._list_chats_of_others(query, limit)
            if query.scope is None and query.sharing != "mine":
                candidates += await self._list_snapshots(query, limit)
        if "note" in kinds and query.scope is None:
            candidates += await self._list_notes(query, limit)
        candidates.sort(key=lambda candidate: candidate.order)
        start = (page - 1) * PAGE_SIZE
        results = await self._build_results(query, candidates[start : start + PAGE_SIZE])
        return results, len(candidates) > start + PAGE_SIZE

    def _build_criteria(self, query: WorkspaceQuery) -> ChatCriteria:
        criteria = ChatCriteria(query.user.id, needles=[Needle(term) for term in list_terms(query.query)])
        criteria.conditions = ["c.archived IS FALSE"]
        if query.scope is not None:
            criteria.conditions.append("c.folder_id = ANY(:scope)")
            criteria.params["scope"] = query.scope
        return criteria

    async def _list_own_chats(self, query: WorkspaceQuery, limit: int) -> list[Candidate]:
        """Return the user's own chats: titles that equal the query, titles that contain it, then other matches.

        Without words in the query, pinned chats come first.
        """
        if query.sharing == "shared":
            return []
        if not list_terms(query.query):
            return await self._list_newest_own_chats(query, limit)
        lower = LOWER[self._db.dialect]
        title_contains = f"{lower}({{row}}.title) LIKE :alike ESCAPE '\\'"
        title_equals = f"{lower}({{row}}.title) = :same"
        text = query.query.lower()
        needles = [Needle(text)]
        # The searched text includes the title, so the index can be asked for the whole query.
        params: dict[str, Any] = {"alike": build_like_pattern(text)}
        titled = await self._search_chats(query, [title_contains], params, limit, title_needles=needles)
        if len(titled) >= limit:
            # Chats with exactly this title come first, even if they are too old for the list above.
            titled += await self._search_chats(query, [title_equals], {"same": text}, limit, title_needles=needles)
        candidates = {
            chat.id: Candidate("chat", chat.id, _rank_title(chat.title, text), chat.updated_at) for chat in titled
        }
        if len(candidates) < limit:
            others = await self._search_chats(query, [f"NOT {title_contains}"], params, limit - len(candidates))
            for chat in others:
                candidates.setdefault(chat.id, Candidate("chat", chat.id, 3, chat.updated_at))
        return list(candidates.values())

    async def _list_newest_own_chats(self, query: WorkspaceQuery, limit: int) -> list[Candidate]:
        """Return the user's pinned and newest chats."""
        criteria = self._build_criteria(query)
        newest = await self._chats.search_chats(criteria, limit)
        candidates = {chat.id: Candidate("chat", chat.id, 3, chat.updated_at) for chat in newest}
        conditions = [*criteria.conditions, VISIBLE_CHAT[self._db.dialect]]
        pinned_ids = await store.list_pinned_ids(self._db, query.user.id, conditions, criteria.params)
        for chat_id in pinned_ids:
            candidates[chat_id] = Candidate("chat", chat_id, 0, 0)
        for pinned in await store.list_chats(self._db, list(dict.fromkeys(pinned_ids))):
            candidates[pinned.id].updated_at = pinned.updated_at
        return list(candidates.values())

    async def _search_chats(
        self,
        query: WorkspaceQuery,
        row_conditions: list[str],
        params: dict[str, Any],
        limit: int,
        *,
        title_needles: list[Needle] | None = None,
    ) -> list[ChatTitle]:
        """Search the user's own chats; `title_needles` replace the words, where conditions require them in titles."""
        criteria = self._build_criteria(query)
        criteria.needles = title_needles or criteria.needles
        criteria.in_titles = title_needles is not None
        criteria.row_conditions = row_conditions
        criteria.params |= params
        return await self._chats.search_newest(criteria, limit)

    async def _list_chats_of_others(self, query: WorkspaceQuery, limit: int) -> list[Candidate]:
        criteria = self._build_criteria(query)
        criteria.owner_condition = store.build_other_owner_condition(self._db.dialect)
        criteria.params |= {"seen_folders": query.folder_ids, "group_ids": query.group_ids}
        text = query.query.lower()
        chats = await self._chats.search_chats(criteria, limit)
        return [Candidate("chat", chat.id, _rank_title(chat.title, text), chat.updated_at) for chat in chats]

    async def _list_snapshots(self, query: WorkspaceQuery, limit: int) -> list[Candidate]:
        snapshots = await store.list_snapshots(
            self._chats.tables,
            query.user.id,
            query.group_ids,
            query.folder_ids,
            query.query,
            others=query.sharing == "shared",
            limit=limit,
        )
        return [Candidate("shared", row.id, row.rank, row.updated_at, row) for row in snapshots]

    async def _list_notes(self, query: WorkspaceQuery, limit: int) -> list[Candidate]:
        notes = await store.list_notes(
            self._db, query.user.id, query.group_ids, query.query, sharing=query.sharing, limit=limit
        )
        return [Candidate("note", note.id, note.rank, note.updated_at, note) for note in notes]

    async def _list_messages(self, query: WorkspaceQuery, limit: int) -> list[Candidate]:
        messages = await self._messages.search_words(
            query.user,
            [channel.id for channel in query.channels],
            query.query,
            sharing=query.sharing,
            limit=limit,
        )
        return [Candidate("message", row.id, 3, row.updated_at // 10**9, row) for row in messages]

    async def _build_results(self, query: WorkspaceQuery, candidates: list[Candidate]) -> list[SearchResult]:
        terms = list_terms(query.query)
        chat_ids = [candidate.id for candidate in candidates if candidate.source == "chat"]
        chats = {chat.id: chat for chat in await store.list_chats(self._db, chat_ids)} if chat_ids else {}
        chat_passages = await load_passages(self._chats.tables, "chat", chat_ids, terms)
        share_ids = [candidate.id for candidate in candidates if candidate.source == "shared"]
        share_passages = await load_passages(self._chats.tables, "shared_chat", share_ids, terms)
        results = []
        for candidate in candidates:
            if candidate.source == "message":
                results.append(build_message_result(query, candidate.row))
            elif candidate.source == "note":
                results.append(build_note_result(query, candidate.row))
            elif candidate.source == "shared":
                passage = share_passages.get(candidate.id, Passage())
                results.append(build_snapshot_result(query, candidate.row, passage))
            elif candidate.id in chats:
                passage = chat_passages.get(candidate.id, Passage())
                results.append(build_chat_result(query, chats[candidate.id], passage))
        return results


def _rank_title(title: str, text: str) -> int:
    """Return 0 if the title is the text, 1 if it contains the text, else 3; 3 also for an empty text."""
    if not text:
        return 3
    return 0 if title.lower() == text else 1 if text in title.lower() else 3
