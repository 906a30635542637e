"""`/api/v1/files`: uploading, listing, finding, counting, renaming and deleting files."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta
from starlette.requests import Request

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.files import content_routes, store
from fastback.features.files.responses import listed
from fastback.features.files.schemas import NameForm
from fastback.features.files.service import Files
from fastback.features.files.store import File
from fastback.features.files.upload_form import received
from fastback.features.files.uploads import Uploads
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router
from fastback.providers.request_context import build_request_context
from fastback.settings import Settings

router = Router("/api/v1/files")

#: Files on a page.
PAGE = 50


@router.post("/")
async def upload(
    request: Request,
    user: VerifiedUser,
    uploads: Uploads,
    process: bool = True,
    process_in_background: bool = True,
) -> dict[str, Any]:
    async with received(request, uploads.storage.directory, uploads.most) as form:
        ctx = build_request_context(request, user)
        return await uploads.take(form, user, ctx, process=process, in_background=process_in_background)


def _whose(user: User, settings: Settings) -> str | None:
    """Whose files are listed; None for those of everybody."""
    return None if user.is_admin and settings.bypass_admin_access_control else user.id


@router.get("/")
async def page(
    user: VerifiedUser,
    db: Database,
    settings: Settings,
    page: Annotated[int, Meta(ge=1)] = 1,
    content: bool = True,
) -> dict[str, Any]:
    whose = _whose(user, settings)
    rows = await store.page(db, user_id=whose, order="updated_at", content=content, limit=PAGE, skip=(page - 1) * PAGE)
    return {"items": [listed(row) for row in rows], "total": await store.count(db, whose)}


def _like(pattern: str) -> str | None:
    """A pattern with `*` and `?` as SQL has it; None for one that fits everything."""
    for char in "\\%_":
        pattern = pattern.replace(char, f"\\{char}")
    found = pattern.replace("*", "%").replace("?", "_")
    return None if found == "%" else found


async def _search(
    db: Database, user_id: str | None, pattern: str, *, content: bool, skip: int, limit: int
) -> list[dict[str, Any]]:
    like = _like(pattern)
    rows = await store.page(db, user_id=user_id, like=like, order="created_at", content=content, limit=limit, skip=skip)
    return [listed(row) for row in rows]


@router.get("/search")
async def search(
    filename: str,
    user: VerifiedUser,
    db: Database,
    settings: Settings,
    content: bool = True,
    skip: Annotated[int, Meta(ge=0)] = 0,
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    found = await _search(db, _whose(user, settings), filename, content=content, skip=skip, limit=limit)
    if not found:
        raise NotFound("No files found matching the pattern.")
    return found


@router.get("/user/search")
async def search_own(
    user: VerifiedUser,
    db: Database,
    filename: str = "*",
    content: bool = False,
    skip: Annotated[int, Meta(ge=0)] = 0,
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50,
) -> list[dict[str, Any]]:
    return await _search(db, user.id, filename, content=content, skip=skip, limit=limit)


@router.get("/count")
async def count(user: VerifiedUser, db: Database, settings: Settings) -> int:
    return await store.count(db, _whose(user, settings))


@router.get("/user/count")
async def count_own(user: VerifiedUser, db: Database) -> int:
    return await store.count(db, user.id)


@router.delete("/all")
async def delete_all(user: AdminUser, files: Files) -> dict[str, str]:
    await files.delete_all(user)
    return {"message": "All files deleted successfully"}


async def _whole(files: Files, file_id: str) -> File:
    """A file as it is now. Raises: NotFound: it has just been deleted."""
    row = await store.whole(files.db, file_id)
    if row is None:
        raise NotFound()
    return row


@router.get("/{file_id}")
async def one(file_id: str, user: VerifiedUser, files: Files) -> File:
    await files.found(file_id, user)
    return await _whole(files, file_id)


@router.post("/{file_id}/rename")
async def rename(file_id: str, data: NameForm, user: VerifiedUser, files: Files) -> File:
    file = await files.found(file_id, user, "write")
    await files.rename(file, data.filename, user)
    return await _whole(files, file_id)


@router.delete("/{file_id}")
async def delete(file_id: str, user: VerifiedUser, files: Files) -> dict[str, str]:
    file = await files.found(file_id, user, "write")
    await files.delete(file, user)
    return {"message": "File deleted successfully"}


routers = [router, content_routes.router]
