"""The workspace search: one search over chats, shared snapshots of chats, and notes that a user may read."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from fastback.access.identity import User
from fastback.features.chats.fragments import VISIBLE_CHAT
from fastback.features.chats.search.passages import Passage, load_passages
from fastback.features.chats.search.query import Needle
from fastback.features.chats.search.searchable_text import LOWER
from fastback.features.chats.search.service import ChatSearch
from fastback.features.chats.search.store import ChatCriteria
from fastback.features.chats.store import ChatTitle
from fastback.features.search import store
from fastback.features.search.store import Folder
from fastback.features.search.words import build_like_pattern, cut_excerpt, list_terms
from fastback.kit.db import Database

PAGE_SIZE = 24
#: Characters of a result's long excerpt.
PREVIEW_LENGTH = 2400

Sharing = Literal["all", "mine", "shared"]


class SearchResult(msgspec.Struct):
    """A chat or a note that matches; `url` is its path in the frontend."""

    id: str
    kind: str
    title: str
    context: str
    snippet: str
    preview: str
    url: str
    updated_at: int
    shared: bool
    pinned: bool


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


class WorkspaceQuery(msgspec.Struct):
    """A search by a user. `scope`: the ids of the folders to search; None for all places."""

    user: User
    group_ids: list[str]
    folders: list[Folder]
    query: str
    sharing: Sharing = "all"
    scope: list[str] | None = None

    @property
    def folder_ids(self) -> list[str]:
        """The ids of the folders whose chats the user may read."""
        return [folder.id for folder in self.folders]


def list_descendant_ids(folders: list[Folder], start: set[str]) -> set[str]:
    """Return the ids in `start` and those of all folders below them."""
    folder_ids = set(start)
    while children := {folder.id for folder in folders if folder.parent_id in folder_ids} - folder_ids:
        folder_ids |= children
    return folder_ids


class WorkspaceSearch:
    """Searches one page at a time."""

    def __init__(self, db: Database, chats: ChatSearch) -> None:
        self._db = db
        self._chats = chats

    async def search(self, query: WorkspaceQuery, kinds: list[str], page: int) -> tuple[list[SearchResult], bool]:
        """Return a page of results, best first, and whether there are more; `kinds`: `chat`, `note`."""
        limit = page * PAGE_SIZE + 1
        candidates: list[Candidate] = []
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

    async def _build_results(self, query: WorkspaceQuery, candidates: list[Candidate]) -> list[SearchResult]:
        terms = list_terms(query.query)
        chat_ids = [candidate.id for candidate in candidates if candidate.source == "chat"]
        chats = {chat.id: chat for chat in await store.list_chats(self._db, chat_ids)} if chat_ids else {}
        chat_passages = await load_passages(self._chats.tables, "chat", chat_ids, terms)
        share_ids = [candidate.id for candidate in candidates if candidate.source == "shared"]
        share_passages = await load_passages(self._chats.tables, "shared_chat", share_ids, terms)
        results = []
        for candidate in candidates:
            if candidate.source == "note":
                results.append(_build_note_result(query, candidate.row))
            elif candidate.source == "shared":
                passage = share_passages.get(candidate.id, Passage())
                results.append(_build_snapshot_result(query, candidate.row, passage))
            elif candidate.id in chats:
                passage = chat_passages.get(candidate.id, Passage())
                results.append(_build_chat_result(query, chats[candidate.id], passage))
        return results


def _rank_title(title: str, text: str) -> int:
    """Return 0 if the title is the text, 1 if it contains the text, else 3; 3 also for an empty text."""
    if not text:
        return 3
    return 0 if title.lower() == text else 1 if text in title.lower() else 3


def _build_url(path: str, passage: Passage) -> str:
    return path + (f"?{urlencode({'message': passage.message_id})}" if passage.message_id else "")


def _build_result(query: WorkspaceQuery, content: str, **fields: Any) -> SearchResult:
    return SearchResult(
        snippet=cut_excerpt(content, query.query), preview=cut_excerpt(content, query.query, PREVIEW_LENGTH), **fields
    )


def _build_chat_result(query: WorkspaceQuery, chat: store.ChatRow, passage: Passage) -> SearchResult:
    is_own = chat.user_id == query.user.id
    names = {folder.id: folder.name for folder in query.folders}
    shared_ids = list_descendant_ids(query.folders, {folder.id for folder in query.folders if folder.shared})
    return _build_result(
        query,
        passage.content,
        id=f"chat:{chat.id}",
        kind="chat",
        title=chat.title or "Untitled",
        context=names.get(chat.folder_id or "") or ("Personal chat" if is_own else "Shared chat"),
        url=_build_url(f"/c/{chat.id}", passage),
        updated_at=chat.updated_at,
        shared=not is_own or bool(chat.share_id) or chat.folder_id in shared_ids,
        pinned=chat.pinned and is_own,
    )


def _build_snapshot_result(query: WorkspaceQuery, row: store.SnapshotRow, passage: Passage) -> SearchResult:
    return _build_result(
        query,
        passage.content,
        id=f"shared:{row.id}",
        kind="chat",
        title=row.title or "Untitled",
        context="Shared snapshot",
        url=_build_url(f"/s/{row.id}", passage),
        updated_at=row.updated_at,
        shared=True,
        pinned=False,
    )


def _build_note_result(query: WorkspaceQuery, row: store.NoteRow) -> SearchResult:
    shared = row.user_id != query.user.id or row.shared
    return _build_result(
        query,
        row.content or "",
        id=f"note:{row.id}",
        kind="note",
        title=row.title or "Untitled",
        context="Shared note" if shared else "Personal note",
        url=f"/notes/{row.id}" + (f"?{urlencode({'search': query.query})}" if query.query else ""),
        updated_at=row.updated_at,
        shared=shared,
        pinned=row.pinned,
    )
