"""Lists of users, filtered and sorted."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.user_records.forms import UserModel

Json = dict[str, Any]

_SORTABLE = frozenset({"name", "email", "created_at", "last_active_at", "updated_at", "role"})


class UserLists(RecordTable):
    """Methods that list users."""

    table = "user"
    model = UserModel

    @awaited_or_not
    async def get_users(
        self,
        filter: Json | None = None,
        sort: Json | None = None,
        skip: int | None = None,
        limit: int | None = None,
        db: Any = None,
    ) -> Any:
        """Return `{"users", "total"}`; without a filter and an order, the newest first."""
        order = _build_order(sort, "" if filter else "-created_at")
        group_id = _get_sorted_group(sort)
        if not filter and group_id is None:
            return {"users": await self._list(order=order, skip=skip, limit=limit), "total": await self._count()}
        users = await self._select(filter or {}, order)
        if group_id is not None:
            await self._sort_by_group(users, group_id, is_ascending=(sort or {}).get("direction") == "asc")
        return {"users": _cut(users, skip, limit), "total": len(users)}

    @awaited_or_not
    async def get_scim_users(
        self,
        filter: Json | None = None,
        sort: Json | None = None,
        skip: int | None = None,
        limit: int | None = None,
        db: Any = None,
    ) -> Any:
        """Return the users that a provider or a directory knows."""
        filter = filter or {}
        order = _build_order(sort, "") if (sort or {}).get("order_by") == "created_at" else ""
        where = {"id": filter["id"]} if filter.get("id") else {}
        email = (filter.get("email") or "").lower()
        users = [
            user
            for user in await self._list(order=order, **where)
            if _is_provisioned(user) and email in ("", user.email.lower())
        ]
        return {"users": _cut(users, skip, limit), "total": len(users)}

    @awaited_or_not
    async def get_scim_user_by_id(self, id: str, db: Any = None) -> Any:
        user = await self._find(id=id)
        return user if user is not None and _is_provisioned(user) else None

    async def _select(self, filter: Json, order: str) -> list[UserModel]:
        """Return the users that a filter names."""
        user_ids, group_ids = filter.get("user_ids"), filter.get("group_ids")
        if user_ids == [] and group_ids == []:
            return []
        selections = [set(user_ids)] if user_ids else []
        if group_ids:
            from fastback.plugin_host.open_webui.models.groups import Groups

            members = await Groups.get_group_user_ids_by_ids(group_ids, include_inherited=True)
            selections.append({user_id for ids in members.values() for user_id in ids})
        if filter.get("channel_id"):
            rows = await self._list_rows("channel_member", {"channel_id": filter["channel_id"]})
            selections.append({row.get("user_id") for row in rows})
        where: Json = {"id": sorted(set.intersection(*selections))} if selections else {}
        roles = filter.get("roles") or []
        if included := [role for role in roles if not role.startswith("!")]:
            where["role"] = included
        users = await self._list(order=order, **where)
        query = (filter.get("query") or "").lower()
        return [
            user
            for user in users
            if f"!{user.role}" not in roles and (query in user.name.lower() or query in user.email.lower())
        ]

    async def _sort_by_group(self, users: list[UserModel], group_id: str, *, is_ascending: bool) -> None:
        from fastback.plugin_host.open_webui.models.groups import Groups

        members = set(await Groups.get_group_user_ids_by_id(group_id))
        users.sort(key=lambda user: ((user.id in members) is is_ascending, user.name))


def _get_sorted_group(sort: Json | None) -> str | None:
    order_by = (sort or {}).get("order_by") or ""
    return order_by.removeprefix("group_id:") if order_by.startswith("group_id:") else None


def _build_order(sort: Json | None, default: str) -> str:
    order_by = (sort or {}).get("order_by")
    if order_by not in _SORTABLE:
        return default
    return order_by if (sort or {}).get("direction") == "asc" else f"-{order_by}"


def _is_provisioned(user: UserModel) -> bool:
    return user.oauth is not None or user.scim is not None


def _cut(users: list[UserModel], skip: int | None, limit: int | None) -> list[UserModel]:
    start = skip or 0
    return users[start:] if limit is None else users[start : start + limit]
