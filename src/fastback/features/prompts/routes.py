"""`/api/v1/prompts`: the prompts one may use."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.features.catalog import Catalog
from fastback.kit.http import Router

router = Router("/api/v1/prompts")

PAGE = 30


class _Prompt(msgspec.Struct):
    id: str
    command: str
    user_id: str
    name: str
    content: str
    data: msgspec.Raw
    meta: msgspec.Raw
    tags: msgspec.Raw
    is_active: bool
    version_id: str | None
    created_at: int
    updated_at: int


_COLUMNS = """t.id, t.command, t.user_id, t.name, t.content, t.data, t.meta, COALESCE(t.tags, '[]'), t.is_active,
    t.version_id, t.created_at, t.updated_at"""


def _row(row: _Prompt) -> dict[str, Any]:
    return {**msgspec.structs.asdict(row), "access_grants": []}


@router.get("/")
async def usable(user: VerifiedUser, catalog: Catalog) -> list[dict[str, Any]]:
    rows, _ = await catalog.rows(
        _Prompt, user, resource="prompt", columns=_COLUMNS, table="prompt", where="t.is_active = TRUE"
    )
    return await catalog.shown([_row(row) for row in rows], user, "prompt", owner=False)


@router.get("/list")
async def page(user: VerifiedUser, catalog: Catalog, query: str | None = None, page: int | None = 1) -> dict[str, Any]:
    rows, total = await catalog.rows(
        _Prompt,
        user,
        resource="prompt",
        columns=_COLUMNS,
        table="prompt",
        where="CAST(:query AS TEXT) IS NULL OR lower(t.name) LIKE :query OR lower(t.command) LIKE :query",
        page=(PAGE, (max(page or 1, 1) - 1) * PAGE),
        query=f"%{query.lower()}%" if query else None,
    )
    return {"items": await catalog.shown([_row(row) for row in rows], user, "prompt", writable=True), "total": total}


@router.get("/tags")
async def tags(user: VerifiedUser, catalog: Catalog) -> list[str]:
    rows, _ = await catalog.rows(_Prompt, user, resource="prompt", columns=_COLUMNS, table="prompt")
    names = {one for row in rows for one in msgspec.json.decode(row.tags) or [] if isinstance(one, str)}
    return sorted(names)
