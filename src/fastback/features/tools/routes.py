"""`/api/v1/tools`: the tools one may use."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.catalog import Catalog
from fastback.kit.http import Router

router = Router("/api/v1/tools")


class _Tool(msgspec.Struct):
    version_id: str | None
    id: str
    user_id: str
    name: str
    meta: msgspec.Raw
    updated_at: int
    created_at: int
    specs: msgspec.Raw


_COLUMNS = "t.version_id, t.id, t.user_id, t.name, t.meta, t.updated_at, t.created_at, t.specs"


async def _tools(user: User, catalog: Catalog, *, writable: bool) -> list[dict[str, Any]]:
    rows, _ = await catalog.rows(_Tool, user, resource="tool", columns=_COLUMNS, table="tool")
    shown = [
        {
            "version_id": row.version_id,
            "id": row.id,
            "user_id": row.user_id,
            "name": row.name,
            "meta": row.meta,
            "access_grants": [],
            "updated_at": row.updated_at,
            "created_at": row.created_at,
        }
        for row in rows
    ]
    found = await catalog.shown(shown, user, "tool", writable=writable)
    for place, row in enumerate(rows):
        found[place] |= {"content": None, "specs": row.specs}
    return found


@router.get("/")
async def usable(user: VerifiedUser, catalog: Catalog) -> list[dict[str, Any]]:
    return await _tools(user, catalog, writable=False)


@router.get("/list")
async def page(user: VerifiedUser, catalog: Catalog) -> list[dict[str, Any]]:
    return await _tools(user, catalog, writable=True)
