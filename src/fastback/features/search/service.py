"""One search over what a person may read: chats, snapshots of chats, notes."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

import msgspec

from fastback.access.identity import User
from fastback.features.chats.search.passages import Passage, passages
from fastback.features.chats.search.query import Needle
from fastback.features.chats.search.searchable_text import LOWER, VISIBLE
from fastback.features.chats.search.service import ChatSearch
from fastback.features.chats.search.store import Wanted
from fastback.features.chats.store import ChatTitle
from fastback.features.search import store
from fastback.features.search.store import Folder
from fastback.features.search.words import excerpt, like, terms_of
from fastback.kit.db import Database

PAGE = 24

Sharing = Literal["all", "mine", "shared"]


class Result(msgspec.Struct):
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


class Found(msgspec.Struct):
    """Where in the order a result stands, before it is made."""

    source: str
    id: str
    rank: int
    updated_at: int
    row: Any = None

    @property
    def order(self) -> tuple[int, int, str, str]:
        return (self.rank, -self.updated_at, self.source, self.id)


class Question(msgspec.Struct):
    """A search by somebody. `scope`: the folders to look into; None for everywhere."""

    user: User
    group_ids: list[str]
    folders: list[Folder]
    query: str
    sharing: Sharing = "all"
    scope: list[str] | None = None


def below(folders: list[Folder], start: set[str]) -> set[str]:
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

    async def find(self, question: Question, kinds: list[str], page: int) -> tuple[list[Result], bool]:
        """A page of results, best first, and whether there are more; `kinds`: `chat`, `note`."""
        most = page * PAGE + 1
        found: list[Found] = []
        if "chat" in kinds:
            found += await self._own(question, most)
            if question.sharing != "mine":
                found += await self._of_others(question, most)
            if question.scope is None and question.sharing != "mine":
                found += await self._snapshots(question, most)
        if "note" in kinds and question.scope is None:
            found += await self._notes(question, most)
        found.sort(key=lambda one: one.order)
        start = (page - 1) * PAGE
        return await self._results(question, found[start : start + PAGE]), len(found) > start + PAGE

    def _wanted(self, question: Question) -> Wanted:
        wanted = Wanted(question.user.id, needles=[Needle(term) for term in terms_of(question.query)])
        wanted.where = ["c.archived IS FALSE"]
        if question.scope is not None:
            wanted.where.append("c.folder_id = ANY(:scope)")
            wanted.params["scope"] = question.scope
        return wanted

    async def _own(self, question: Question, most: int) -> list[Found]:
        """The person's own chats: named so, named alike, the rest; without words pinned ones first."""
        if question.sharing == "shared":
            return []
        wanted = self._wanted(question)
        if not wanted.needles:
            newest = await self._chats.unindexed(wanted, most)
            found = {chat.id: Found("chat", chat.id, 3, chat.updated_at) for chat in newest}
            where = [*wanted.where, VISIBLE[self._db.dialect]]
            for chat_id in await store.pinned(self._db, question.user.id, where, wanted.params):
                found[chat_id] = Found("chat", chat_id, 0, 0)
            ids = [one.id for one in found.values() if one.rank == 0]
            for pinned in await store.chats(self._db, ids):
                found[pinned.id].updated_at = pinned.updated_at
            return list(found.values())
        lower = LOWER[self._db.dialect]
        alike = f"{lower}({{row}}.title) LIKE :alike ESCAPE '\\'"
        same = f"{lower}({{row}}.title) = :same"
        whole = question.query.lower()
        # What stands in the title stands in the text: the index is asked for all of it.
        params: dict[str, Any] = {"alike": like(whole)}
        titled = await self._step(question, [alike], params, most, needles=[Needle(whole)])
        if len(titled) >= most:
            # Those of exactly this title come first, however old they are.
            titled += await self._step(question, [same], {"same": whole}, most, needles=[Needle(whole)])
        ranked = {chat.id: Found("chat", chat.id, _rank(chat.title, whole), chat.updated_at) for chat in titled}
        if len(ranked) < most:
            for chat in await self._step(question, [f"NOT {alike}"], params, most - len(ranked)):
                ranked.setdefault(chat.id, Found("chat", chat.id, 3, chat.updated_at))
        return list(ranked.values())

    async def _step(
        self,
        question: Question,
        early: list[str],
        params: dict[str, Any],
        most: int,
        *,
        needles: list[Needle] | None = None,
    ) -> list[ChatTitle]:
        wanted = self._wanted(question)
        wanted.needles = needles or wanted.needles
        wanted.early = early
        wanted.params |= params
        return await self._chats.newest(wanted, most)

    async def _of_others(self, question: Question, most: int) -> list[Found]:
        wanted = self._wanted(question)
        wanted.owned = f"c.user_id <> :user_id AND {store.VISIBLE_CHAT}"
        wanted.params |= {"seen_folders": [one.id for one in question.folders], "group_ids": question.group_ids}
        whole = question.query.lower()
        chats = await self._chats.unindexed(wanted, most)
        return [Found("chat", chat.id, _rank(chat.title, whole), chat.updated_at) for chat in chats]

    async def _snapshots(self, question: Question, most: int) -> list[Found]:
        found = await store.snapshots(
            self._chats.tables,
            question.user.id,
            question.group_ids,
            [one.id for one in question.folders],
            question.query,
            others=question.sharing == "shared",
            limit=most,
        )
        return [Found("shared", one.id, one.rank, one.updated_at, one) for one in found]

    async def _notes(self, question: Question, most: int) -> list[Found]:
        found = await store.notes(
            self._db, question.user.id, question.group_ids, question.query, sharing=question.sharing, limit=most
        )
        return [Found("note", one.id, one.rank, one.updated_at, one) for one in found]

    async def _results(self, question: Question, found: list[Found]) -> list[Result]:
        terms = terms_of(question.query)
        ids = [one.id for one in found if one.source == "chat"]
        chats = {chat.id: chat for chat in await store.chats(self._db, ids)} if ids else {}
        said = await passages(self._chats.tables, "chat", ids, terms)
        shared = [one.id for one in found if one.source == "shared"]
        said_shared = await passages(self._chats.tables, "shared_chat", shared, terms)
        results = []
        for one in found:
            if one.source == "note":
                results.append(_note(question, one.row))
            elif one.source == "shared":
                results.append(_snapshot(question, one.row, said_shared.get(one.id, Passage())))
            elif one.id in chats:
                results.append(_chat(question, chats[one.id], said.get(one.id, Passage())))
        return results


def _rank(title: str, whole: str) -> int:
    if not whole:
        return 3
    return 0 if title.lower() == whole else 1 if whole in title.lower() else 3


def _address(path: str, passage: Passage) -> str:
    return path + (f"?{urlencode({'message': passage.message_id})}" if passage.message_id else "")


def _made(question: Question, content: str, **more: Any) -> Result:
    return Result(snippet=excerpt(content, question.query), preview=excerpt(content, question.query, 2400), **more)


def _chat(question: Question, chat: store.Chat, passage: Passage) -> Result:
    own = chat.user_id == question.user.id
    names = {folder.id: folder.name for folder in question.folders}
    shared = below(question.folders, {folder.id for folder in question.folders if folder.shared})
    return _made(
        question,
        passage.content,
        id=f"chat:{chat.id}",
        kind="chat",
        title=chat.title or "Untitled",
        context=names.get(chat.folder_id or "") or ("Personal chat" if own else "Shared chat"),
        url=_address(f"/c/{chat.id}", passage),
        updated_at=chat.updated_at,
        shared=not own or bool(chat.share_id) or chat.folder_id in shared,
        pinned=chat.pinned and own,
    )


def _snapshot(question: Question, row: store.Snapshot, passage: Passage) -> Result:
    return _made(
        question,
        passage.content,
        id=f"shared:{row.id}",
        kind="chat",
        title=row.title or "Untitled",
        context="Shared snapshot",
        url=_address(f"/s/{row.id}", passage),
        updated_at=row.updated_at,
        shared=True,
        pinned=False,
    )


def _note(question: Question, row: store.Note) -> Result:
    shared = row.user_id != question.user.id or row.shared
    return _made(
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
