"""Lists of users: pages that the database selects, and a search through candidates for other filters."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from fastback.features.scim import user_store
from fastback.features.scim.condition_store import Condition, ConditionBuilder
from fastback.features.scim.documents import build_user
from fastback.features.scim.errors import ScimError
from fastback.features.scim.list_queries import ListQuery
from fastback.features.scim.selection import AttributeSelection
from fastback.features.scim.user_profile import read_profile
from fastback.features.scim.user_store import GroupName, UserRow
from fastback.kit.db import Database

#: Candidates that are tested at once in a thread, and at most for one request.
_BATCH, MAX_CANDIDATES = 500, 50_000
_ALL = Condition("TRUE")


class UserListing:
    """Lists users for an identity provider; `provider` is its name, or empty where the settings name none."""

    def __init__(self, db: Database, provider: str) -> None:
        self._db = db
        self._provider = provider

    def require_provider(self) -> str:
        """Return the name of the identity provider.

        Raises:
            ScimError: 500, the settings name none.
        """
        if not self._provider:
            raise ScimError(500, "SCIM_AUTH_PROVIDER environment variable is required when SCIM is enabled")
        return self._provider

    async def list_users(self, query: ListQuery, scim_filter: Any, base_url: str) -> tuple[list[dict[str, Any]], int]:
        """Return a page of users, and the number of matching users. `scim_filter` is bound to users, or None.

        Raises:
            ScimError: 400, too many users would have to be tested one by one.
        """
        ids, total = await self._select_ids(query, scim_filter)
        rows = await user_store.list_users(self._db, ids)
        return await self.build_users(rows, base_url, query.selection), total

    async def _select_ids(self, query: ListQuery, scim_filter: Any) -> tuple[list[str], int]:
        if scim_filter is None:
            return await user_store.list_page_ids(self._db, _ALL.sql, {}, skip=query.skip, limit=query.count)
        from fastback.features.scim.standard import filters

        external_id = filters.find_equal_value(scim_filter, "externalId")
        if external_id is not None:
            user_id = await user_store.find_id_by_external_id(self._db, self.require_provider(), external_id)
            ids = [] if user_id is None else [user_id]
            return ids[query.skip : query.skip + query.count], len(ids)
        if filters.names_attribute(scim_filter.ast, "externalId"):
            self.require_provider()
        builder = ConditionBuilder(self._db.dialect)
        condition = filters.translate_filter(scim_filter, user_store.FILTER_COLUMNS, builder)
        params = builder.params
        if ":provider" in condition.sql:
            params["provider"] = self._provider
        if condition.is_exact:
            return await user_store.list_page_ids(self._db, condition.sql, params, skip=query.skip, limit=query.count)
        ids = await self._match_candidates(condition, params, scim_filter)
        return ids[query.skip : query.skip + query.count], len(ids)

    async def _match_candidates(self, condition: Condition, params: dict[str, Any], scim_filter: Any) -> list[str]:
        """Return the ids of the users who match a filter, from those who fulfil a condition."""
        from fastback.features.scim.standard import filters

        ids, total = await user_store.list_page_ids(self._db, condition.sql, params, skip=0, limit=MAX_CANDIDATES)
        if total > MAX_CANDIDATES:
            raise ScimError(400, f"The filter would test more than {MAX_CANDIDATES} users one by one", "tooMany")
        with_groups = filters.names_attribute(scim_filter.ast, "groups")
        matching_ids: list[str] = []
        for start in range(0, len(ids), _BATCH):
            rows = await user_store.list_users(self._db, ids[start : start + _BATCH])
            groups = await user_store.list_groups(self._db, [row.id for row in rows]) if with_groups else {}
            users = partial(self._build_users, rows, groups, "")
            matches = await asyncio.to_thread(filters.match_resources, scim_filter, "User", users)
            matching_ids += [row.id for row, is_match in zip(rows, matches, strict=True) if is_match]
        return matching_ids

    async def build_users(
        self, rows: list[UserRow], base_url: str, selection: AttributeSelection
    ) -> list[dict[str, Any]]:
        """Return users as responses contain them."""
        with_groups = selection.has_attribute("groups")
        groups = await user_store.list_groups(self._db, [row.id for row in rows]) if with_groups else {}
        return [selection.apply(user) for user in self._build_users(rows, groups, base_url)]

    def _build_users(
        self, rows: list[UserRow], groups: dict[str, list[GroupName]], base_url: str
    ) -> list[dict[str, Any]]:
        return [build_user(row, read_profile(row, self._provider), groups.get(row.id, []), base_url) for row in rows]
