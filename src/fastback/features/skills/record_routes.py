"""`/api/v1/skills`: making, reading, changing, sharing, cloning and deleting a skill."""

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
async def create(data: SkillForm, user: VerifiedUser, owned: RecordAccess) -> Answer:
    return await service.brief(owned, await service.create(owned, user, data))


@router.get("/id/{id}")
async def one(id: str, user: VerifiedUser, owned: RecordAccess) -> Answer:
    row = await service.allowed(owned, id, user, "read", messages.ACCESS_PROHIBITED)
    return {
        **store.answer(row, await owned.grants.list_grants(KIND, id)),
        "user": None,
        "write_access": await owned.is_allowed(user, KIND, row, "write"),
        "content": await store.instructions(owned.db, id),
    }


@router.post("/id/{id}/update")
async def update(id: str, data: SkillForm, user: VerifiedUser, owned: RecordAccess) -> Answer:
    row = await service.allowed(owned, id, user, "write", messages.UNAUTHORIZED)
    await service.change(owned, user, row, data)
    return await service.full(owned, id)


@router.post("/id/{id}/access/update")
async def set_access(id: str, data: AccessForm, user: VerifiedUser, owned: RecordAccess) -> Answer:
    await service.allowed(owned, id, user, "write", messages.UNAUTHORIZED)
    await owned.replace_grants(user, KIND, id, data.access_grants)
    return await service.full(owned, id)


@router.post("/id/{id}/toggle")
async def toggle(id: str, user: VerifiedUser, owned: RecordAccess) -> Answer:
    row = await service.allowed(owned, id, user, "write", messages.UNAUTHORIZED)
    await store.switch(owned.db, id, is_active=not row.is_active)
    return await service.full(owned, id)


@router.delete("/id/{id}/delete")
async def delete(id: str, user: VerifiedUser, owned: RecordAccess) -> bool:
    await service.allowed(owned, id, user, "write", messages.UNAUTHORIZED)
    async with owned.db.transaction(long=True) as tx:
        await owned.grants.delete_grants(tx, KIND, id)
        await versions.delete_all(tx, id)
        await store.delete(tx, id)
    await owned.publish_grants_changed(KIND, id)
    return True


@router.post("/id/{id}/clone")
async def clone(id: str, data: CloneForm, user: VerifiedUser, owned: RecordAccess) -> Answer:
    row = await service.opened(owned, id, user)
    kept = await service.held(owned, row, data.version_id)
    form = SkillForm(
        data.id,
        data.name,
        description=kept.get("description"),
        data=SkillData(kept["files"]),
        meta=SkillMeta(**{name: value for name, value in kept["meta"].items() if name in ("i18n", "tags")}),
        is_active=row.is_active,
        access_grants=[],
    )
    return await service.full(owned, await service.create(owned, user, form))


# -- files --------------------------------------------------------------------------------------------------------


@router.get("/id/{id}/files")
async def files(id: str, user: VerifiedUser, owned: RecordAccess, version_id: str | None = None) -> Answer:
    row = await service.opened(owned, id, user)
    kept = await service.held(owned, row, version_id)
    return {"version_id": version_id or row.version_id, "files": skill_files.summaries(kept["files"])}


@router.get("/id/{id}/files/content")
async def content(id: str, path: str, version_id: str, user: VerifiedUser, owned: RecordAccess) -> Response:
    """A file as a download: no browser shows it as a page of ours."""
    row = await service.opened(owned, id, user)
    file = skill_files.found((await service.held(owned, row, version_id))["files"], path)
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
