"""Routes for one skill: create, read, update, share, clone and delete it, and read its files."""

from __future__ import annotations

import mimetypes
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.skills import files as skill_files
from fastback.features.skills import service, store
from fastback.features.skills.schemas import AccessForm, CloneForm, SkillData, SkillForm, SkillMeta
from fastback.features.skills.service import KIND, versions
from fastback.kit.http import NotFound, Router
from fastback.records.access import RecordAccess

router = Router("/api/v1/skills")

Answer = dict[str, Any]


@router.post("/create")
async def create(data: SkillForm, user: VerifiedUser, access: RecordAccess) -> Answer:
    return await service.brief(access, await service.create(access, user, data))


@router.get("/id/{id}")
async def one(id: str, user: VerifiedUser, access: RecordAccess) -> Answer:
    """Return a skill that the user may read, with its instructions but without its files."""
    row = await service.allowed(access, id, user, "read", messages.ACCESS_PROHIBITED)
    return {
        **store.serialize_summary(row, await access.grants.list_grants(KIND, id)),
        "user": None,
        "write_access": await access.is_allowed(user, KIND, row, "write"),
        "content": await store.load_instructions(access.db, id),
    }


@router.post("/id/{id}/update")
async def update(id: str, data: SkillForm, user: VerifiedUser, access: RecordAccess) -> Answer:
    row = await service.allowed(access, id, user, "write", messages.UNAUTHORIZED)
    await service.change(access, user, row, data)
    return await service.full(access, id)


@router.post("/id/{id}/access/update")
async def set_access(id: str, data: AccessForm, user: VerifiedUser, access: RecordAccess) -> Answer:
    await service.allowed(access, id, user, "write", messages.UNAUTHORIZED)
    await access.replace_grants(user, KIND, id, data.access_grants)
    return await service.full(access, id)


@router.post("/id/{id}/toggle")
async def toggle(id: str, user: VerifiedUser, access: RecordAccess) -> Answer:
    """Activate an inactive skill, deactivate an active one."""
    row = await service.allowed(access, id, user, "write", messages.UNAUTHORIZED)
    await store.set_active(access.db, id, is_active=not row.is_active)
    return await service.full(access, id)


@router.delete("/id/{id}/delete")
async def delete(id: str, user: VerifiedUser, access: RecordAccess) -> bool:
    await service.allowed(access, id, user, "write", messages.UNAUTHORIZED)
    async with access.db.transaction(long=True) as tx:
        await access.grants.delete_grants(tx, KIND, id)
        await versions.delete_all(tx, id)
        await store.delete_skill(tx, id)
    await access.publish_grants_changed(KIND, id)
    return True


@router.post("/id/{id}/clone")
async def clone(id: str, data: CloneForm, user: VerifiedUser, access: RecordAccess) -> Answer:
    """Create a skill with the content of another, or of one of its revisions."""
    row = await service.opened(access, id, user)
    contents = await service.held(access, row, data.version_id)
    form = SkillForm(
        data.id,
        data.name,
        description=contents.get("description"),
        data=SkillData(contents["files"]),
        meta=SkillMeta(**{name: value for name, value in contents["meta"].items() if name in ("i18n", "tags")}),
        is_active=row.is_active,
        access_grants=[],
    )
    return await service.full(access, await service.create(access, user, form))


# -- files --------------------------------------------------------------------------------------------------------


@router.get("/id/{id}/files")
async def files(id: str, user: VerifiedUser, access: RecordAccess, version_id: str | None = None) -> Answer:
    """Return the files of a skill or of one of its revisions, without their contents."""
    row = await service.opened(access, id, user)
    contents = await service.held(access, row, version_id)
    return {"version_id": version_id or row.version_id, "files": skill_files.summaries(contents["files"])}


@router.get("/id/{id}/files/content")
async def content(id: str, path: str, version_id: str, user: VerifiedUser, access: RecordAccess) -> Response:
    """Return a file as a download; the headers keep browsers from showing it as a page of this server."""
    row = await service.opened(access, id, user)
    file = skill_files.found((await service.held(access, row, version_id))["files"], path)
    if file is None:
        raise NotFound("File not found")
    return Response(
        skill_files.content_of(file),
        media_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
        headers={
            "content-disposition": "attachment; filename*=UTF-8''" + quote(path.rsplit("/", 1)[-1], safe=""),
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; sandbox",
            "cache-control": "private, no-store",
        },
    )
