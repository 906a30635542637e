"""`/api/v1/groups`: the groups one sees. Changing them comes with the administrator's pages."""

from __future__ import annotations

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.permissions import Permissions
from fastback.kit.db import Database
from fastback.kit.http import Router

router = Router("/api/v1/groups")


class Group(msgspec.Struct):
    parent_group_id: str | None
    id: str
    user_id: str | None
    name: str
    description: str | None
    data: msgspec.Raw
    meta: msgspec.Raw
    permissions: msgspec.Raw
    created_at: int
    updated_at: int
    member_count: int


_COLUMNS = """g.parent_group_id, g.id, g.user_id, g.name, g.description, g.data, g.meta, g.permissions, g.created_at,
    g.updated_at, (SELECT count(*) FROM group_member m WHERE m.group_id = g.id)"""


@router.get("/")
async def groups(user: VerifiedUser, db: Database, permissions: Permissions, share: bool | None = None) -> list[Group]:
    order = "ORDER BY g.updated_at DESC, g.id"
    if user.is_admin:
        return await db.all(Group, "groups.all", f'SELECT {_COLUMNS} FROM "group" g {order}')
    return await db.all(
        Group,
        "groups.mine",
        f'SELECT {_COLUMNS} FROM "group" g WHERE g.id = ANY(:ids) {order}',
        ids=await permissions.group_ids(user.id),
    )
