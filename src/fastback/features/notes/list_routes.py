"""`/api/v1/notes`: the lists of notes with an excerpt of each text, the pinned notes, and their search."""

from __future__ import annotations

from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.notes import list_fragments
from fastback.features.notes.list_fragments import NoteRow
from fastback.features.notes.search import add_words
from fastback.features.notes.service import NoteService
from fastback.kit.http import Router
from fastback.records.listing import RecordCatalog, build_listing

router = Router("/api/v1/notes")

Answer = dict[str, Any]

PAGE_SIZE = 60


def _build_data(row: NoteRow) -> Answer:
    return {} if row.excerpt is None else {"content": {"md": row.excerpt}}


async def _list_sidebar_notes(user: User, catalog: RecordCatalog, notes: NoteService, **bounds: Any) -> list[Answer]:
    """Return the notes that a user owns or was granted, as the sidebar shows them; without those of deleted owners."""
    await notes.require_feature(user)
    rows, _ = await catalog.list_rows(
        NoteRow,
        user,
        resource="note",
        columns=list_fragments.COLUMNS[catalog.db.dialect],
        table="note",
        joined=list_fragments.JOIN_PINS,
        all_to_admins=False,
        me=user.id,
        **bounds,
    )
    entries: list[Answer] = [
        {
            "id": row.id,
            "user_id": row.user_id,
            "title": row.title,
            "data": _build_data(row),
            "is_pinned": row.is_pinned,
            "updated_at": row.updated_at,
            "created_at": row.created_at,
        }
        for row in rows
    ]
    await catalog.add_details(entries, user, "note")
    for entry in entries:
        del entry["user_id"]
    return [entry for entry in entries if entry["user"] is not None]


def _page_bounds(page: int | None) -> tuple[int, int] | None:
    """Return (limit, offset) of a page counted from 1; None for all rows."""
    return None if page is None else (PAGE_SIZE, max(page - 1, 0) * PAGE_SIZE)


@router.get("/")
async def list_notes(
    user: VerifiedUser, catalog: RecordCatalog, notes: NoteService, page: int | None = None
) -> list[Answer]:
    """List the notes that the user owns or was granted."""
    return await _list_sidebar_notes(user, catalog, notes, page=_page_bounds(page))


@router.get("/pinned")
async def list_pinned_notes(user: VerifiedUser, catalog: RecordCatalog, notes: NoteService) -> list[Answer]:
    """List the notes that the user pinned, last pinned first."""
    return await _list_sidebar_notes(
        user, catalog, notes, where=list_fragments.IS_PINNED, order=list_fragments.PINNED_ORDER
    )


@router.get("/search")
async def search_notes(
    user: VerifiedUser,
    catalog: RecordCatalog,
    notes: NoteService,
    query: str | None = None,
    view_option: str | None = None,
    permission: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> Answer:
    """Search the notes whose title or text contains every word of the query."""
    await notes.require_feature(user)
    listing = build_listing(
        user, [], view_option=view_option, order_by=order_by, direction=direction, orders=list_fragments.ORDERS
    )
    add_words(listing, catalog.db.dialect, query)
    listing.params["me"] = user.id
    rows, total = await catalog.list_rows(
        NoteRow,
        user,
        resource="note",
        columns=list_fragments.COLUMNS[catalog.db.dialect],
        table="note",
        joined=list_fragments.JOIN_PINS,
        where=listing.where,
        order=listing.order,
        page=_page_bounds(page),
        permission=permission or "write",
        **listing.params,
    )
    entries: list[Answer] = [
        {
            "id": row.id,
            "user_id": row.user_id,
            "title": row.title,
            "data": _build_data(row),
            "meta": row.meta,
            "is_pinned": row.is_pinned,
            "access_grants": [],
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]
    return {"items": await catalog.add_details(entries, user, "note"), "total": total}
