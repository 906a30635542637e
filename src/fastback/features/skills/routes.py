"""`/api/v1/skills`: the skills one may use."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.catalog import Catalog
from fastback.kit.http import Router

router = Router("/api/v1/skills")

PAGE = 30


class _Skill(msgspec.Struct):
    version_id: str | None
    id: str
    user_id: str
    name: str
    description: str | None
    meta: msgspec.Raw
    is_active: bool
    updated_at: int
    created_at: int


_COLUMNS = "t.version_id, t.id, t.user_id, t.name, t.description, t.meta, t.is_active, t.updated_at, t.created_at"


async def _shown(rows: list[_Skill], user: User, catalog: Catalog, *, writable: bool) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        fields = msgspec.structs.asdict(row)
        times = {name: fields.pop(name) for name in ("updated_at", "created_at")}
        found.append({**fields, "access_grants": [], **times})
    return await catalog.shown(found, user, "skill", writable=writable)


@router.get("/")
async def usable(user: VerifiedUser, catalog: Catalog) -> list[dict[str, Any]]:
    rows, _ = await catalog.rows(_Skill, user, resource="skill", columns=_COLUMNS, table="skill")
    return await _shown(rows, user, catalog, writable=False)


@router.get("/list")
async def page(user: VerifiedUser, catalog: Catalog, query: str | None = None, page: int | None = 1) -> dict[str, Any]:
    rows, total = await catalog.rows(
        _Skill,
        user,
        resource="skill",
        columns=_COLUMNS,
        table="skill",
        where="CAST(:query AS TEXT) IS NULL OR lower(t.name) LIKE :query OR lower(t.description) LIKE :query",
        page=(PAGE, (max(page or 1, 1) - 1) * PAGE),
        query=f"%{query.lower()}%" if query else None,
    )
    return {"items": await _shown(rows, user, catalog, writable=True), "total": total}
