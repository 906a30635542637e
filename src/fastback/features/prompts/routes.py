"""Routes for lists of prompts, and the routers of `/api/v1/prompts`."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.features.prompts import record_routes, revision_routes, store
from fastback.features.prompts.store import serialize_prompt
from fastback.kit.http import Router
from fastback.records.listing import RecordCatalog

router = Router("/api/v1/prompts")


@router.get("/")
async def list_prompts(user: VerifiedUser, catalog: RecordCatalog) -> list[dict[str, Any]]:
    """Return the active prompts that the user may read."""
    rows = await store.list_active_prompts(catalog, user)
    return await catalog.add_details([serialize_prompt(row) for row in rows], user, "prompt", owner=False)


@router.get("/list")
async def list_prompt_page(
    user: VerifiedUser,
    catalog: RecordCatalog,
    query: str | None = None,
    view_option: str | None = None,
    tag: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> dict[str, Any]:
    """Return a page of the prompts that the user may read, and how many there are in all."""
    rows, total = await store.list_prompt_page(
        catalog,
        user,
        query=query,
        view_option=view_option,
        tag=tag,
        order_by=order_by,
        direction=direction,
        page=page or 1,
    )
    items = await catalog.add_details([serialize_prompt(row) for row in rows], user, "prompt", writable=True)
    return {"items": items, "total": total}


@router.get("/tags")
async def list_tags(user: VerifiedUser, catalog: RecordCatalog) -> list[str]:
    return await store.list_tags(catalog, user)


routers = [router, record_routes.router, revision_routes.router]
