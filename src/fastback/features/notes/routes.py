"""`/api/v1/notes`: finding notes, those one pinned first."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.catalog import Catalog
from fastback.kit.http import Router, Unauthorized

router = Router("/api/v1/notes")

PAGE = 60


class _Note(msgspec.Struct):
    id: str
    user_id: str
    title: str
    data: msgspec.Raw
    meta: msgspec.Raw
    is_pinned: bool
    created_at: int
    updated_at: int


_COLUMNS = """t.id, t.user_id, t.title, t.data, t.meta,
    EXISTS (SELECT 1 FROM pinned_note p WHERE p.note_id = t.id AND p.user_id = :me), t.created_at, t.updated_at"""


async def _may(user: User, catalog: Catalog) -> None:
    if not user.is_admin and not await catalog.permissions.has(user.id, "features.notes"):
        raise Unauthorized(messages.UNAUTHORIZED)


@router.get("/pinned")
async def pinned(user: VerifiedUser, catalog: Catalog) -> list[dict[str, Any]]:
    await _may(user, catalog)
    rows, _ = await catalog.rows(
        _Note,
        user,
        resource="note",
        columns=_COLUMNS,
        table="note",
        where="t.id IN (SELECT p.note_id FROM pinned_note p WHERE p.user_id = :me)",
        me=user.id,
    )
    shown = [
        {
            "id": row.id,
            "user_id": row.user_id,
            "title": row.title,
            "data": row.data,
            "is_pinned": True,
            "updated_at": row.updated_at,
            "created_at": row.created_at,
        }
        for row in rows
    ]
    found = await catalog.shown(shown, user, "note")
    for row in found:
        del row["user_id"]
    return found


_ORDERS = {"title": "lower(t.title)", "created_at": "t.created_at", "updated_at": "t.updated_at"}


@router.get("/search")
async def search(
    user: VerifiedUser,
    catalog: Catalog,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    await _may(user, catalog)
    column = _ORDERS.get(order_by or "", "t.updated_at")
    rows, total = await catalog.rows(
        _Note,
        user,
        resource="note",
        columns=_COLUMNS,
        table="note",
        where="(CAST(:query AS TEXT) IS NULL OR lower(t.title) LIKE :query OR lower(CAST(t.data AS TEXT)) LIKE :query) "
        "AND CAST(:me AS TEXT) IS NOT NULL",
        order=f"{column} {'ASC' if direction == 'asc' else 'DESC'}, t.id",
        page=(PAGE, (max(page or 1, 1) - 1) * PAGE),
        query=f"%{query.lower()}%" if query else None,
        me=user.id,
    )
    shown = []
    for row in rows:
        fields = msgspec.structs.asdict(row)
        times = {name: fields.pop(name) for name in ("created_at", "updated_at")}
        shown.append({**fields, "access_grants": [], **times})
    return {"items": await catalog.shown(shown, user, "note"), "total": total}
