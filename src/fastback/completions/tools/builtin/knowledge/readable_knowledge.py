"""The knowledge that a user may read, and the files in it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from fastback.access.identity import User
from fastback.completions.tools.builtin.knowledge.attached_items import list_ids
from fastback.completions.turn import Turn
from fastback.features.files import store as file_store
from fastback.features.files.access import FileAccess
from fastback.features.files.store import FileSummary
from fastback.features.knowledge import store
from fastback.features.knowledge.list_store import LISTED_COLUMNS, ListedKnowledge, build_knowledge_listing
from fastback.features.knowledge.store import Knowledge
from fastback.records.listing import RecordCatalog


class RecordId(msgspec.Struct):
    id: str


class ReadableKnowledge:
    """Checks what a user may read."""

    def __init__(self, catalog: RecordCatalog, files: FileAccess) -> None:
        self.db = catalog.db
        self._catalog = catalog
        self._files = files

    async def list_page(self, user: User, *, limit: int, skip: int = 0, query: str = "") -> list[ListedKnowledge]:
        """Return knowledge that a user owns or was granted, the most recently changed first.

        As in Open WebUI, administrators get no others here. `query` is matched with names, descriptions and owners.
        """
        listing = build_knowledge_listing(user, query=query)
        rows, _ = await self._catalog.list_rows(
            ListedKnowledge,
            user,
            resource="knowledge",
            columns=LISTED_COLUMNS,
            table="knowledge",
            where=listing.where,
            order=listing.order,
            page=(limit, skip),
            all_to_admins=False,
            **listing.params,
        )
        return rows

    async def list_by_id(self, ids: Iterable[str], user: User) -> list[Knowledge]:
        """Return those with these ids that a user may read, in the order of the ids."""
        unique_ids = list(dict.fromkeys(ids))
        rows = {row.id: row for row in await store.list_knowledge_by_id(self.db, unique_ids)}
        foreign_ids = [row.id for row in rows.values() if not user.is_admin and row.user_id != user.id]
        granted = await self._catalog.grants.filter_accessible_ids(user.id, "knowledge", foreign_ids)
        closed = set(foreign_ids) - set(granted)
        return [
            rows[knowledge_id] for knowledge_id in unique_ids if knowledge_id in rows and knowledge_id not in closed
        ]

    async def list_attached(self, turn: Turn) -> list[Knowledge]:
        """Return the attached knowledge that the user may read.

        A folder delegates what its owner may read to its readers, as for the files that it attaches.
        """
        delegated_ids = set(_list_delegated_ids(turn))
        ids = list_ids(turn.attached_knowledge, "collection")
        own_ids = [knowledge_id for knowledge_id in ids if knowledge_id not in delegated_ids]
        rows = await self.list_by_id(own_ids, turn.user)
        rows += await store.list_knowledge_by_id(self.db, list(delegated_ids))
        return sorted(rows, key=lambda row: ids.index(row.id))

    async def list_readable_ids(self, user: User) -> list[str]:
        """Return the ids of all knowledge that a user owns or was granted."""
        rows, _ = await self._catalog.list_rows(
            RecordId, user, resource="knowledge", columns="t.id", table="knowledge", all_to_admins=False
        )
        return [row.id for row in rows]

    async def list_group_ids(self, user: User) -> list[str]:
        """Return the groups of a user."""
        return await self._catalog.permissions.list_group_ids(user.id)

    async def filter_files(self, files: list[FileSummary], user: User) -> list[FileSummary]:
        """Return the files that a user may read."""
        foreign_ids = [file.id for file in files if not user.is_admin and file.user_id != user.id]
        closed = set(foreign_ids) - await self._files.list_accessible_ids(user, foreign_ids)
        return [file for file in files if file.id not in closed]

    async def find_file(self, file_id: str, turn: Turn) -> FileSummary | None:
        """Return a file that the user may read, or that is attached; None for any other."""
        file = await file_store.find_file(self.db, file_id)
        if file is None or file.id in list_ids(turn.attached_knowledge, "file"):
            return file
        if await self._files.can_access(turn.user, file, "read"):
            return file
        delegated_ids = _list_delegated_ids(turn)
        if delegated_ids and not set(delegated_ids).isdisjoint(await file_store.list_knowledge_ids(self.db, file.id)):
            return file
        return None


def _list_delegated_ids(turn: Turn) -> list[str]:
    return list_ids([item for item in turn.attached_knowledge if item["source"] == "folder"], "collection")
