"""One search over what a person may read: chats, snapshots of chats, notes."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from fastback.access.identity import User
from fastback.features.chats.search.passages import Passage, load_passages
from fastback.features.chats.search.query import Needle
from fastback.features.chats.search.searchable_text import LOWER, VISIBLE
from fastback.features.chats.search.service import ChatSearch
from fastback.features.chats.search.store import ChatCriteria
from fastback.features.chats.store import ChatTitle
from fastback.features.search import store
from fastback.features.search.store import Folder
from fastback.features.search.words import build_like_pattern, cut_excerpt, list_terms
from fastback.kit.db import Database

PAGE = 24

Sharing = Literal["all", "mine", "shared"]


class SearchResult(msgspec.Struct):
    """A chat or a note that fits; `url` is its place in the page."""

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
    """Where in the order a result stands, before it is made."""

    source: str
    id: str
    rank: int
    updated_at: int
    row: Any = None

    @property
    def order(self) -> tuple[int, int, str, str]:
        return (self.rank, -self.updated_at, self.source, self.id)


class WorkspaceQuery(msgspec.Struct):
    """A search by somebody. `scope`: the folders to look into; None for everywhere."""

    user: User
    group_ids: list[str]
    folders: list[Folder]
    query: str
    sharing: Sharing = "all"
    scope: list[str] | None = None


def list_descendant_ids(folders: list[Folder], start: set[str]) -> set[str]:
    """These folders and all inside them."""
    found = set(start)
    while more := {one.id for one in folders if one.parent_id in found} - found:
        found |= more
    return found


class WorkspaceSearch:
    """Searches, a page at a time."""

    def __init__(self, db: Database, chats: ChatSearch) -> None:
        self._db = db
        self._chats = chats

    async def search(self, question: WorkspaceQuery, kinds: list[str], page: int) -> tuple[list[SearchResult], bool]:
        """A page of results, best first, and whether there are more; `kinds`: `chat`, `note`."""
        most = page * PAGE + 1
        found: list[Candidate] = []
        if "chat" in kinds:
            found += await self._list_own_chats(question, most)
            if question.sharing != "mine":
                found += await self._list_chats_of_others(question, most)
            if question.scope is None and question.sharing != "mine":
                found += await self._list_snapshots(question, most)
        if "note" in kinds and question.scope is None:
            found += await self._list_notes(question, most)
        found.sort(key=lambda one: one.order)
        start = (page - 1) * PAGE
        return await self._build_results(question, found[start : start + PAGE]), len(found) > start + PAGE

    def _build_criteria(self, question: WorkspaceQuery) -> ChatCriteria:
        wanted = ChatCriteria(question.user.id, needles=[Needle(term) for term in list_terms(question.query)])
        wanted.where = ["c.archived IS FALSE"]
        if question.scope is not None:
            wanted.where.append("c.folder_id = ANY(:scope)")
            wanted.params["scope"] = question.scope
        return wanted

    async def _list_own_chats(self, question: WorkspaceQuery, most: int) -> list[Candidate]:
        """The person's own chats: named so, named alike, the rest; without words pinned ones first."""
        if question.sharing == "shared":
            return []
        wanted = self._build_criteria(question)
        if not wanted.needles:
            newest = await self._chats.search_chats(wanted, most)
            found = {chat.id: Candidate("chat", chat.id, 3, chat.updated_at) for chat in newest}
            where = [*wanted.where, VISIBLE[self._db.dialect]]
            for chat_id in await store.list_pinned_ids(self._db, question.user.id, where, wanted.params):
                found[chat_id] = Candidate("chat", chat_id, 0, 0)
            ids = [one.id for one in found.values() if one.rank == 0]
            for pinned in await store.list_chats(self._db, ids):
                found[pinned.id].updated_at = pinned.updated_at
            return list(found.values())
        lower = LOWER[self._db.dialect]
        alike = f"{lower}({{row}}.title) LIKE :alike ESCAPE '\\'"
        same = f"{lower}({{row}}.title) = :same"
        whole = question.query.lower()
        # What stands in the title stands in the text: the index is asked for all of it.
        params: dict[str, Any] = {"alike": build_like_pattern(whole)}
        titled = await self._search_chats(question, [alike], params, most, needles=[Needle(whole)])
        if len(titled) >= most:
            # Those of exactly this title come first, however old they are.
            titled += await self._search_chats(question, [same], {"same": whole}, most, needles=[Needle(whole)])
        ranked = {
            chat.id: Candidate("chat", chat.id, _rank_title(chat.title, whole), chat.updated_at) for chat in titled
        }
        if len(ranked) < most:
            for chat in await self._search_chats(question, [f"NOT {alike}"], params, most - len(ranked)):
                ranked.setdefault(chat.id, Candidate("chat", chat.id, 3, chat.updated_at))
        return list(ranked.values())

    async def _search_chats(
        self,
        question: WorkspaceQuery,
        early: list[str],
        params: dict[str, Any],
        most: int,
        *,
        needles: list[Needle] | None = None,
    ) -> list[ChatTitle]:
        wanted = self._build_criteria(question)
        wanted.needles = needles or wanted.needles
        wanted.early = early
        wanted.params |= params
        return await self._chats.search_newest(wanted, most)

    async def _list_chats_of_others(self, question: WorkspaceQuery, most: int) -> list[Candidate]:
        wanted = self._build_criteria(question)
        wanted.owned = f"c.user_id <> :user_id AND {store.VISIBLE_CHAT}"
        wanted.params |= {"seen_folders": [one.id for one in question.folders], "group_ids": question.group_ids}
        whole = question.query.lower()
        chats = await self._chats.search_chats(wanted, most)
        return [Candidate("chat", chat.id, _rank_title(chat.title, whole), chat.updated_at) for chat in chats]

    async def _list_snapshots(self, question: WorkspaceQuery, most: int) -> list[Candidate]:
        found = await store.list_snapshots(
            self._chats.tables,
            question.user.id,
            question.group_ids,
            [one.id for one in question.folders],
            question.query,
            others=question.sharing == "shared",
            limit=most,
        )
        return [Candidate("shared", one.id, one.rank, one.updated_at, one) for one in found]

    async def _list_notes(self, question: WorkspaceQuery, most: int) -> list[Candidate]:
        found = await store.list_notes(
            self._db, question.user.id, question.group_ids, question.query, sharing=question.sharing, limit=most
        )
        return [Candidate("note", one.id, one.rank, one.updated_at, one) for one in found]

    async def _build_results(self, question: WorkspaceQuery, found: list[Candidate]) -> list[SearchResult]:
        terms = list_terms(question.query)
        ids = [one.id for one in found if one.source == "chat"]
        chats = {chat.id: chat for chat in await store.list_chats(self._db, ids)} if ids else {}
        said = await load_passages(self._chats.tables, "chat", ids, terms)
        shared = [one.id for one in found if one.source == "shared"]
        said_shared = await load_passages(self._chats.tables, "shared_chat", shared, terms)
        results = []
        for one in found:
            if one.source == "note":
                results.append(_build_note_result(question, one.row))
            elif one.source == "shared":
                results.append(_build_snapshot_result(question, one.row, said_shared.get(one.id, Passage())))
            elif one.id in chats:
                results.append(_build_chat_result(question, chats[one.id], said.get(one.id, Passage())))
        return results


def _rank_title(title: str, whole: str) -> int:
    if not whole:
        return 3
    return 0 if title.lower() == whole else 1 if whole in title.lower() else 3


def _build_url(path: str, passage: Passage) -> str:
    return path + (f"?{urlencode({'message': passage.message_id})}" if passage.message_id else "")


def _build_result(question: WorkspaceQuery, content: str, **more: Any) -> SearchResult:
    return SearchResult(
        snippet=cut_excerpt(content, question.query), preview=cut_excerpt(content, question.query, 2400), **more
    )


def _build_chat_result(question: WorkspaceQuery, chat: store.ChatRow, passage: Passage) -> SearchResult:
    own = chat.user_id == question.user.id
    names = {folder.id: folder.name for folder in question.folders}
    shared = list_descendant_ids(question.folders, {folder.id for folder in question.folders if folder.shared})
    return _build_result(
        question,
        passage.content,
        id=f"chat:{chat.id}",
        kind="chat",
        title=chat.title or "Untitled",
        context=names.get(chat.folder_id or "") or ("Personal chat" if own else "Shared chat"),
        url=_build_url(f"/c/{chat.id}", passage),
        updated_at=chat.updated_at,
        shared=not own or bool(chat.share_id) or chat.folder_id in shared,
        pinned=chat.pinned and own,
    )


def _build_snapshot_result(question: WorkspaceQuery, row: store.SnapshotRow, passage: Passage) -> SearchResult:
    return _build_result(
        question,
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


def _build_note_result(question: WorkspaceQuery, row: store.NoteRow) -> SearchResult:
    shared = row.user_id != question.user.id or row.shared
    return _build_result(
        question,
        row.content or "",
        id=f"note:{row.id}",
        kind="note",
        title=row.title or "Untitled",
        context="Shared note" if shared else "Personal note",
        url=f"/notes/{row.id}" + (f"?{urlencode({'search': question.query})}" if question.query else ""),
        updated_at=row.updated_at,
        shared=shared,
        pinned=row.pinned,
    )
