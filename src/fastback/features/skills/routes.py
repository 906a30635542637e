"""`/api/v1/skills`: the skills one may use."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.skills import record_routes, revision_routes, transfer_routes
from fastback.kit.http import Router
from fastback.records.listing import OWNER_LIKE, RecordCatalog, build_listing, escape_like, list_json_spellings

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


async def _shown(rows: list[_Skill], user: User, catalog: RecordCatalog, *, writable: bool) -> list[dict[str, Any]]:
    found = []
    for row in rows:
        fields = msgspec.structs.asdict(row)
        times = {name: fields.pop(name) for name in ("updated_at", "created_at")}
        found.append({**fields, "access_grants": [], **times})
    return await catalog.add_details(found, user, "skill", writable=writable)


@router.get("/")
async def usable(user: VerifiedUser, catalog: RecordCatalog, query: str | None = None) -> list[dict[str, Any]]:
    rows, _ = await catalog.list_rows(_Skill, user, resource="skill", columns=_COLUMNS, table="skill")
    if query:
        rows = [row for row in rows if query.casefold() in (row.name or "").casefold()]
    return await _shown(rows, user, catalog, writable=False)


@router.get("/list")
async def page(
    user: VerifiedUser,
    catalog: RecordCatalog,
    query: str | None = None,
    view_option: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    listed = build_listing(
        user,
        ["t.name", "t.description", "t.id"],
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
    )
    if query:
        # A tag is found as it stands in the JSON of the skill's meta.
        conditions = []
        for place, spelling in enumerate(list_json_spellings(query)):
            conditions.append(f"lower(CAST(t.meta AS TEXT)) LIKE lower(:meta_{place}) ESCAPE '\\'")
            listed.params[f"meta_{place}"] = f"%{escape_like(spelling)}%"
        listed.where = listed.where.replace(OWNER_LIKE, f"{OWNER_LIKE} OR {' OR '.join(conditions)}")
    rows, total = await catalog.list_rows(
        _Skill,
        user,
        resource="skill",
        columns=_COLUMNS,
        table="skill",
        where=listed.where,
        order=listed.order,
        page=(PAGE, (max(page or 1, 1) - 1) * PAGE),
        **listed.params,
    )
    return {"items": await _shown(rows, user, catalog, writable=True), "total": total}


routers = [router, record_routes.router, revision_routes.router, transfer_routes.router]
