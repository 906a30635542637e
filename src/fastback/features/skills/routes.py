"""Routes for lists of skills, and the routers of `/api/v1/skills`."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.skills import record_routes, revision_routes, store, transfer_routes
from fastback.features.skills.store import SkillListItem
from fastback.kit.http import Router
from fastback.records.listing import RecordCatalog

router = Router("/api/v1/skills")


async def _serialize_items(
    rows: list[SkillListItem], user: User, catalog: RecordCatalog, *, writable: bool
) -> list[dict[str, Any]]:
    """Return skills as lists show them; with `writable` the items say whether the user may write the skill."""
    items = []
    for row in rows:
        fields = msgspec.structs.asdict(row)
        times = {name: fields.pop(name) for name in ("updated_at", "created_at")}
        items.append({**fields, "access_grants": [], **times})
    return await catalog.add_details(items, user, "skill", writable=writable)


@router.get("/")
async def list_skills(user: VerifiedUser, catalog: RecordCatalog, query: str | None = None) -> list[dict[str, Any]]:
    """Return the skills that the user may read, optionally those whose name contains the query."""
    rows = await store.list_readable_items(catalog, user)
    if query:
        rows = [row for row in rows if query.casefold() in (row.name or "").casefold()]
    return await _serialize_items(rows, user, catalog, writable=False)


@router.get("/list")
async def list_skill_page(
    user: VerifiedUser,
    catalog: RecordCatalog,
    query: str | None = None,
    view_option: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    """Return a page of the skills that the user may read, and how many there are in all."""
    rows, total = await store.list_item_page(
        catalog,
        user,
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
        page=page or 1,
    )
    return {"items": await _serialize_items(rows, user, catalog, writable=True), "total": total}


routers = [router, record_routes.router, revision_routes.router, transfer_routes.router]
