"""Lists of groups: pages that the database selects, and a search through candidates for other filters."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from fastback.features.scim import group_store
from fastback.features.scim.condition_store import Condition, ConditionBuilder
from fastback.features.scim.documents import MemberDocument, build_group, build_members
from fastback.features.scim.errors import ScimError
from fastback.features.scim.group_store import GroupRow
from fastback.features.scim.list_queries import ListQuery
from fastback.features.scim.selection import AttributeSelection
from fastback.kit.db import Database

#: Candidates that are tested at once in a thread, and at most for one request: each is tested with all of its members.
_BATCH, MAX_CANDIDATES = 50, 5_000
#: Members from which on they are made in a thread: each takes a microsecond.
_MANY_MEMBERS = 1_000
_MEMBERS_WITH_NAMES = AttributeSelection(frozenset({"members", "members.display", "externalid", "displayname", "meta"}))


class GroupPage:
    """Groups as a response contains them, with the number of their members."""

    def __init__(self, groups: list[dict[str, Any]], total: int, member_count: int) -> None:
        self.groups = groups
        self.total = total
        self.member_count = member_count


class GroupListing:
    """Lists groups for an identity provider."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list_groups(self, query: ListQuery, scim_filter: Any, base_url: str) -> GroupPage:
        """Return a page of groups. `scim_filter` is bound to groups, or None.

        Raises:
            ScimError: 400, too many groups would have to be tested one by one.
        """
        ids, total = await self._select_ids(query, scim_filter)
        rows = await group_store.list_groups(self._db, ids)
        page = await self.build_groups(rows, base_url, query.selection)
        page.total = total
        return page

    async def _select_ids(self, query: ListQuery, scim_filter: Any) -> tuple[list[str], int]:
        if scim_filter is None:
            return await group_store.list_page_ids(self._db, "TRUE", {}, skip=query.skip, limit=query.count)
        from fastback.features.scim.standard import filters

        builder = ConditionBuilder(self._db.dialect)
        condition = filters.translate_filter(scim_filter, group_store.FILTER_COLUMNS, builder)
        if condition.is_exact:
            return await group_store.list_page_ids(
                self._db, condition.sql, builder.params, skip=query.skip, limit=query.count
            )
        ids = await self._match_candidates(condition, builder.params, scim_filter)
        return ids[query.skip : query.skip + query.count], len(ids)

    async def _match_candidates(self, condition: Condition, params: dict[str, Any], scim_filter: Any) -> list[str]:
        """Return the ids of the groups that match a filter, from those that fulfil a condition."""
        from fastback.features.scim.standard import filters

        ids, total = await group_store.list_page_ids(self._db, condition.sql, params, skip=0, limit=MAX_CANDIDATES)
        if total > MAX_CANDIDATES:
            raise ScimError(400, f"The filter would test more than {MAX_CANDIDATES} groups one by one", "tooMany")
        matching_ids: list[str] = []
        for start in range(0, len(ids), _BATCH):
            rows = await group_store.list_groups(self._db, ids[start : start + _BATCH])
            page = await self.build_groups(rows, "", _MEMBERS_WITH_NAMES)
            matches = await asyncio.to_thread(filters.match_resources, scim_filter, "Group", partial(list, page.groups))
            matching_ids += [row.id for row, is_match in zip(rows, matches, strict=True) if is_match]
        return matching_ids

    async def build_groups(self, rows: list[GroupRow], base_url: str, selection: AttributeSelection) -> GroupPage:
        """Return groups as responses contain them; members are read only where they are selected."""
        if not selection.has_attribute("members"):
            groups = [selection.apply(build_group(row, None, base_url)) for row in rows]
            return GroupPage(groups, len(groups), 0)
        members = await self._build_members([row.id for row in rows], base_url, selection)
        groups = [selection.apply(build_group(row, members[row.id], base_url)) for row in rows]
        return GroupPage(groups, len(groups), sum(map(len, members.values())))

    async def _build_members(
        self, group_ids: list[str], base_url: str, selection: AttributeSelection
    ) -> dict[str, list[MemberDocument]]:
        rows = await group_store.list_members(self._db, group_ids)
        with_names = selection.is_requested("members.display")

        def build() -> dict[str, list[MemberDocument]]:
            return {group_id: build_members(rows[group_id], base_url, with_names=with_names) for group_id in group_ids}

        return await asyncio.to_thread(build) if sum(map(len, rows.values())) > _MANY_MEMBERS else build()
