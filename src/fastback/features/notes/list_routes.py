"""`/api/v1/notes`: the lists of notes, with the beginning of each text; those one pinned apart."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.features.notes.service import NoteService
from fastback.kit.http import Router
from fastback.records.listing import RecordCatalog, build_listing

router = Router("/api/v1/notes")

PAGE = 60
#: Characters of a note's text that lists show.
BEGINNING = 1000


class _NoteRow(msgspec.Struct):
    id: str
    user_id: str
    title: str
    beginning: str | None
    meta: msgspec.Raw
    is_pinned: bool
    created_at: int
    updated_at: int


#: The beginning is NULL for a note without any data. Whole notes are never read for a list.
_COLUMNS = f"""t.id, t.user_id, t.title,
    CASE WHEN t.data IS NULL OR CAST(t.data AS TEXT) IN ('null', '{{}}') THEN NULL
         ELSE substr(COALESCE(t.data -> 'content' ->> 'md', ''), 1, {BEGINNING}) END,
    t.meta, p.note_id IS NOT NULL, t.created_at, t.updated_at"""
#: Notes with the pin of the user `:me`, if there is one.
_PINS = "LEFT JOIN pinned_note p ON p.note_id = t.id AND p.user_id = :me"

_ORDERS = {"name": "t.title", "created_at": "t.created_at", "updated_at": "t.updated_at"}


def _build_data(row: _NoteRow) -> dict[str, Any]:
    return {} if row.beginning is None else {"content": {"md": row.beginning}}


async def _list_sidebar_notes(
    user: User, catalog: RecordCatalog, notes: NoteService, **bounds: Any
) -> list[dict[str, Any]]:
    """Notes that are a user's own or granted to them, as the sidebar shows them; those of deleted owners left out."""
    await notes.require_feature(user)
    rows, _ = await catalog.list_rows(
        _NoteRow,
        user,
        resource="note",
        columns=_COLUMNS,
        table="note",
        joined=_PINS,
        all_to_admins=False,
        me=user.id,
        **bounds,
    )
    shown = [
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
    found = await catalog.add_details(shown, user, "note")
    for one in found:
        del one["user_id"]
    return [one for one in found if one["user"] is not None]


def _page_bounds(page: int | None) -> tuple[int, int] | None:
    return None if page is None else (PAGE, max(page - 1, 0) * PAGE)


@router.get("/")
async def list_notes(
    user: VerifiedUser, catalog: RecordCatalog, notes: NoteService, page: int | None = None
) -> list[dict[str, Any]]:
    return await _list_sidebar_notes(user, catalog, notes, page=_page_bounds(page))


@router.get("/pinned")
async def list_pinned_notes(user: VerifiedUser, catalog: RecordCatalog, notes: NoteService) -> list[dict[str, Any]]:
    return await _list_sidebar_notes(
        user, catalog, notes, where="p.note_id IS NOT NULL", order="p.created_at DESC, t.id"
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
) -> dict[str, Any]:
    await notes.require_feature(user)
    listed = build_listing(user, [], view_option=view_option, order_by=order_by, direction=direction, orders=_ORDERS)
    # Each word must stand in the title or the text; hyphens and spaces do not count: "todo" finds "to-do".
    for place, word in enumerate(_split_words(query)):
        columns = ("t.title", "t.data -> 'content' ->> 'md'")
        found = [f"lower(replace(replace({one}, '-', ''), ' ', '')) LIKE lower(:word_{place})" for one in columns]
        listed.where += f" AND ({' OR '.join(found)})"
        listed.params[f"word_{place}"] = f"%{word}%"
    listed.params["me"] = user.id
    rows, total = await catalog.list_rows(
        _NoteRow,
        user,
        resource="note",
        columns=_COLUMNS,
        table="note",
        joined=_PINS,
        where=listed.where,
        order=listed.order,
        page=_page_bounds(page),
        permission=permission or "write",
        **listed.params,
    )
    shown = [
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
    return {"items": await catalog.add_details(shown, user, "note"), "total": total}


def _split_words(query: str | None) -> list[str]:
    """The words of a query without hyphens; of an overlong one the first 32."""
    words = [word.replace("-", "") for word in (query or "").split()]
    return [word for word in words if word][:32]
