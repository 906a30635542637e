"""Lists of chats, the most frequent requests of all, and exports."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.chats import access_store, export
from fastback.features.chats import store as chats_store
from fastback.features.chats.lists import page_store, read_state_store, store
from fastback.features.chats.messages import active_answers
from fastback.features.chats.store import ChatTitle
from fastback.kit.db import Database
from fastback.kit.http import HttpError, Router
from fastback.kit.http.body import JsonBytes, encoder
from fastback.kit.response_cache import ResponseCache
from fastback.kit.tasks import Tasks
from fastback.settings import Settings

router = Router("/api/v1/chats")


def _build_stamp(db: Database, tasks: Tasks) -> tuple[int, frozenset[str]] | None:
    """Return the state that a list depends on: of the database, and of the chats with running tasks."""
    stamp = db.get_change_stamp()
    return None if stamp is None else (stamp, frozenset(tasks.get_running_groups()))


@router.get("/", "/list")
async def list_chats(
    user: VerifiedUser,
    db: Database,
    tasks: Tasks,
    cache: ResponseCache,
    page: int | None = None,
    include_pinned: bool | None = False,
    include_folders: bool | None = False,
    sort_by: str = "updated_at",
    sort_dir: str = "desc",
) -> JsonBytes:
    """List the user's chats."""
    # A browser requests the same pages repeatedly, mostly without a change in between.
    key = ("chats.list", user.id, page, include_pinned, include_folders, sort_by, sort_dir)
    stamp = _build_stamp(db, tasks)
    body = cache.get(key, stamp)
    if body is None:
        chats = await page_store.list_chats(
            db,
            user.id,
            page=page,
            with_folders=bool(include_folders),
            with_pinned=bool(include_pinned),
            sort_by=sort_by,
            direction=sort_dir,
        )
        await active_answers.mark_active_chats(db, chats, tasks)
        body = encoder.encode(chats)
        cache.put(key, stamp, body)
    return JsonBytes(body)


@router.get("/pinned")
async def list_pinned_chats(user: VerifiedUser, db: Database, tasks: Tasks) -> list[ChatTitle]:
    """List the user's pinned chats."""
    chats = await store.list_pinned_chats(db, user.id)
    await active_answers.mark_active_chats(db, chats, tasks)
    return chats


@router.get("/archived")
async def list_archived_chats(
    user: VerifiedUser,
    db: Database,
    tasks: Tasks,
    page: int | None = None,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
) -> list[ChatTitle]:
    """List the user's archived chats."""
    chats = await store.list_archived_chats(db, user.id, query=query, sort_by=order_by, direction=direction, page=page)
    await active_answers.mark_active_chats(db, chats, tasks)
    return chats


@router.get("/archived/count")
async def count_archived_chats(user: VerifiedUser, db: Database) -> int:
    """Count the user's archived chats."""
    return await store.count_archived_chats(db, user.id)


@router.get("/folder/{folder_id}")
async def export_folder_chats(folder_id: str, user: VerifiedUser, db: Database) -> Response:
    """Export the user's chats in a folder and in the folders below it."""
    folder_ids = await access_store.list_folder_ids_below(db, folder_id, user.id)
    return await export.export_array(db, await store.list_ids_in_folders(db, user.id, folder_ids))


@router.get("/folder/{folder_id}/list")
async def list_folder_chats(
    folder_id: str,
    user: VerifiedUser,
    db: Database,
    tasks: Tasks,
    page: int | None = 1,
    sort_by: str = "unread_updated_at",
    sort_dir: str = "desc",
) -> list[ChatTitle]:
    """List the user's chats in a folder."""
    chats = await page_store.list_folder_chats(
        db, user.id, folder_id, page=page or 1, sort_by=sort_by, direction=sort_dir
    )
    await active_answers.mark_active_chats(db, chats, tasks)
    return chats


@router.get("/all")
async def export_all_chats(user: VerifiedUser, db: Database) -> Response:
    """Export all chats of the user, one a line."""
    return await export.export_lines(db, await store.list_visible_ids(db, user.id))


@router.get("/all/archived")
async def export_archived_chats(user: VerifiedUser, db: Database) -> Response:
    """Export the user's archived chats."""
    return await export.export_array(db, await store.list_archived_ids(db, user.id))


@router.get("/all/db")
async def export_database(user: AdminUser, db: Database, settings: Settings) -> Response:
    """Export the chats of all users."""
    if not settings.enable_admin_export:
        raise HttpError(401, messages.ACCESS_PROHIBITED)
    return await export.export_array(db, await store.list_visible_ids_of_all(db))


@router.get("/list/user/{user_id}")
async def list_user_chats(
    user_id: str,
    user: AdminUser,
    db: Database,
    tasks: Tasks,
    settings: Settings,
    page: int | None = None,
    query: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
) -> list[ChatTitle]:
    """List the chats of another user, for administrators."""
    if not settings.enable_admin_chat_access:
        raise HttpError(401, messages.ACCESS_PROHIBITED)
    chats = await store.list_user_chats(db, user_id, query=query, sort_by=order_by, direction=direction, page=page)
    await active_answers.mark_active_chats(db, chats, tasks)
    return chats


@router.post("/read")
async def mark_all_read(user: VerifiedUser, db: Database) -> dict[str, Any]:
    """Mark all chats of the user as read."""
    count = await chats_store.mark_all_read(db, user.id)
    return {"updated_count": count, "folder_unread_counts": await read_state_store.count_unread_by_folder(db, user.id)}
