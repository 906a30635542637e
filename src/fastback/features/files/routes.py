"""`/api/v1/files`: uploading, listing, searching, counting, renaming and deleting files."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta
from starlette.requests import Request

from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.files import content_routes, store
from fastback.features.files.responses import build_list_item
from fastback.features.files.schemas import NameForm
from fastback.features.files.service import FileService
from fastback.features.files.store import File
from fastback.features.files.upload_form import receive_upload
from fastback.features.files.uploads import UploadService
from fastback.kit.db import Database
from fastback.kit.http import FormField, NotFound, Router
from fastback.providers.request_context import build_request_context
from fastback.settings import Settings

router = Router("/api/v1/files")

#: Files on a page.
PAGE_SIZE = 50


@router.post("/", form=(FormField("file", "file"), FormField("metadata", "text", required=False)))
async def upload_file(
    request: Request,
    user: VerifiedUser,
    uploads: UploadService,
    process: bool = True,
    process_in_background: bool = True,
) -> dict[str, Any]:
    async with receive_upload(request, uploads.storage.directory, uploads.max_bytes) as form:
        ctx = build_request_context(request, user)
        return await uploads.save_upload(form, user, ctx, process=process, in_background=process_in_background)


def _get_owner_filter(user: User, settings: Settings) -> str | None:
    """Return the owner whose files the user may list, or None for the files of all users."""
    return None if user.is_admin and settings.bypass_admin_access_control else user.id


@router.get("/")
async def list_files(
    user: VerifiedUser,
    db: Database,
    settings: Settings,
    page: Annotated[int, Meta(ge=1)] = 1,
    content: bool = True,
) -> dict[str, Any]:
    owner_id = _get_owner_filter(user, settings)
    rows = await store.list_page(
        db, user_id=owner_id, order="updated_at", content=content, limit=PAGE_SIZE, skip=(page - 1) * PAGE_SIZE
    )
    return {"items": [build_list_item(row) for row in rows], "total": await store.count_files(db, owner_id)}


def _build_like_pattern(pattern: str) -> str | None:
    """Translate a pattern with `*` and `?` to SQL; return None if it matches every name."""
    for char in "\\%_":
        pattern = pattern.replace(char, f"\\{char}")
    like = pattern.replace("*", "%").replace("?", "_")
    return None if like == "%" else like


async def _search_files(
    db: Database, user_id: str | None, pattern: str, *, content: bool, skip: int, limit: int
) -> list[dict[str, Any]]:
    like = _build_like_pattern(pattern)
    rows = await store.list_page(
        db, user_id=user_id, like=like, order="created_at", content=content, limit=limit, skip=skip
    )
    return [build_list_item(row) for row in rows]


@router.get("/search")
async def search_files(
    filename: str,
    user: VerifiedUser,
    db: Database,
    settings: Settings,
    content: bool = True,
    skip: Annotated[int, Meta(ge=0)] = 0,
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100,
) -> list[dict[str, Any]]:
    items = await _search_files(
        db, _get_owner_filter(user, settings), filename, content=content, skip=skip, limit=limit
    )
    if not items:
        raise NotFound("No files found matching the pattern.")
    return items


@router.get("/user/search")
async def search_own_files(
    user: VerifiedUser,
    db: Database,
    filename: str = "*",
    content: bool = False,
    skip: Annotated[int, Meta(ge=0)] = 0,
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50,
) -> list[dict[str, Any]]:
    return await _search_files(db, user.id, filename, content=content, skip=skip, limit=limit)


@router.get("/count")
async def count_files(user: VerifiedUser, db: Database, settings: Settings) -> int:
    return await store.count_files(db, _get_owner_filter(user, settings))


@router.get("/user/count")
async def count_own_files(user: VerifiedUser, db: Database) -> int:
    return await store.count_files(db, user.id)


@router.delete("/all")
async def delete_all_files(user: AdminUser, files: FileService) -> dict[str, str]:
    await files.delete_all_files(user)
    return {"message": "All files deleted successfully"}


async def _get_full_file(files: FileService, file_id: str) -> File:
    """Return a file as it is now.

    Raises:
        NotFound: it has just been deleted.
    """
    row = await store.find_full_file(files.db, file_id)
    if row is None:
        raise NotFound()
    return row


@router.get("/{file_id}")
async def get_file(file_id: str, user: VerifiedUser, files: FileService) -> File:
    await files.get_file(file_id, user)
    return await _get_full_file(files, file_id)


@router.post("/{file_id}/rename")
async def rename_file(file_id: str, data: NameForm, user: VerifiedUser, files: FileService) -> File:
    file = await files.get_file(file_id, user, "write")
    await files.rename_file(file, data.filename, user)
    return await _get_full_file(files, file_id)


@router.delete("/{file_id}")
async def delete_file(file_id: str, user: VerifiedUser, files: FileService) -> dict[str, str]:
    file = await files.get_file(file_id, user, "write")
    await files.delete_file(file, user)
    return {"message": "File deleted successfully"}


routers = [router, content_routes.router]
