"""`/api/v1/prompts`: the prompts one may use."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.features.prompts import record_routes, revision_routes
from fastback.features.prompts.store import COLUMNS, Prompt, answer
from fastback.kit.http import Router
from fastback.records.listing import Catalog, like_exactly, listing

router = Router("/api/v1/prompts")

PAGE = 30


@router.get("/")
async def usable(user: VerifiedUser, catalog: Catalog) -> list[dict[str, Any]]:
    rows, _ = await catalog.rows(
        Prompt, user, resource="prompt", columns=COLUMNS, table="prompt", where="t.is_active = TRUE"
    )
    return await catalog.shown([answer(row) for row in rows], user, "prompt", owner=False)


def _tagged(tag: str, dialect: str) -> tuple[str, str]:
    """The condition for a tag, capitals aside, and its parameter."""
    if dialect == "postgres":
        return "EXISTS (SELECT 1 FROM json_array_elements_text(t.tags) x WHERE lower(x) = :tag)", tag.lower()
    return "EXISTS (SELECT 1 FROM json_each(t.tags) x WHERE x.value LIKE :tag ESCAPE '\\')", like_exactly(tag)


@router.get("/list")
async def page(
    user: VerifiedUser,
    catalog: Catalog,
    query: str | None = None,
    view_option: str | None = None,
    tag: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    listed = listing(
        user,
        ["t.name", "t.command", "t.content"],
        query=query,
        view_option=view_option,
        order_by=order_by,
        direction=direction,
    )
    if tag:
        condition, listed.params["tag"] = _tagged(tag, catalog.db.dialect)
        listed.where += f" AND {condition}"
    rows, total = await catalog.rows(
        Prompt,
        user,
        resource="prompt",
        columns=COLUMNS,
        table="prompt",
        where=listed.where,
        order=listed.order,
        page=(PAGE, (max(page or 1, 1) - 1) * PAGE),
        **listed.params,
    )
    return {"items": await catalog.shown([answer(row) for row in rows], user, "prompt", writable=True), "total": total}


class _Tags(msgspec.Struct):
    tags: list[str] | None


@router.get("/tags")
async def tags(user: VerifiedUser, catalog: Catalog) -> list[str]:
    rows, _ = await catalog.rows(
        _Tags, user, resource="prompt", columns="t.tags", table="prompt", where="t.is_active = TRUE"
    )
    return sorted({one for row in rows for one in row.tags or () if one})


routers = [router, record_routes.router, revision_routes.router]
