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
from fastback.features.skills.service import KIND, skill_revisions
from fastback.kit.http import NotFound, Router
from fastback.records.access import RecordAccess

router = Router("/api/v1/skills")

JsonObject = dict[str, Any]


@router.post("/create", takes_content=True)
async def create_skill(data: SkillForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    return await service.load_summary(access, await service.create_skill(access, user, data))


@router.get("/id/{id}")
async def get_skill(id: str, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Return a skill that the user may read, with its instructions but without its files."""
    row = await service.get_skill(access, id, user, "read", messages.ACCESS_PROHIBITED)
    return {
        **store.serialize_summary(row, await access.grants.list_grants(KIND, id)),
        "user": None,
        "write_access": await access.is_allowed(user, KIND, row, "write"),
        "content": await store.load_instructions(access.db, id),
    }


@router.post("/id/{id}/update", takes_content=True)
async def update_skill(id: str, data: SkillForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    row = await service.get_skill(access, id, user, "write", messages.UNAUTHORIZED)
    await service.update_skill(access, user, row, data)
    return await service.load_skill(access, id)


@router.post("/id/{id}/access/update")
async def update_skill_access(id: str, data: AccessForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    await service.get_skill(access, id, user, "write", messages.UNAUTHORIZED)
    await access.replace_grants(user, KIND, id, data.access_grants)
    return await service.load_skill(access, id)


@router.post("/id/{id}/toggle")
async def toggle_skill(id: str, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Activate an inactive skill, deactivate an active one."""
    row = await service.get_skill(access, id, user, "write", messages.UNAUTHORIZED)
    await store.set_active(access.db, id, is_active=not row.is_active)
    return await service.load_skill(access, id)


@router.delete("/id/{id}/delete")
async def delete_skill(id: str, user: VerifiedUser, access: RecordAccess) -> bool:
    await service.get_skill(access, id, user, "write", messages.UNAUTHORIZED)
    async with access.db.transaction(long=True) as tx:
        await access.grants.delete_grants(tx, KIND, id)
        await skill_revisions.delete_all(tx, id)
        await store.delete_skill(tx, id)
    await access.publish_grants_changed(KIND, id)
    return True


@router.post("/id/{id}/clone")
async def clone_skill(id: str, data: CloneForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Create a skill with the content of another, or of one of its revisions."""
    row = await service.get_skill_for_content(access, id, user)
    contents = await service.load_contents(access, row, data.version_id)
    form = SkillForm(
        data.id,
        data.name,
        description=contents.get("description"),
        data=SkillData(contents["files"]),
        meta=SkillMeta(**{name: value for name, value in contents["meta"].items() if name in ("i18n", "tags")}),
        is_active=row.is_active,
        access_grants=[],
    )
    return await service.load_skill(access, await service.create_skill(access, user, form))


# -- files --------------------------------------------------------------------------------------------------------


@router.get("/id/{id}/files")
async def list_files(id: str, user: VerifiedUser, access: RecordAccess, version_id: str | None = None) -> JsonObject:
    """Return the files of a skill or of one of its revisions, without their contents."""
    row = await service.get_skill_for_content(access, id, user)
    contents = await service.load_contents(access, row, version_id)
    return {"version_id": version_id or row.version_id, "files": skill_files.summarize_files(contents["files"])}


@router.get("/id/{id}/files/content")
async def download_file(id: str, path: str, version_id: str, user: VerifiedUser, access: RecordAccess) -> Response:
    """Return a file as a download; the headers keep browsers from showing it as a page of this server."""
    row = await service.get_skill_for_content(access, id, user)
    file = skill_files.find_file((await service.load_contents(access, row, version_id))["files"], path)
    if file is None:
        raise NotFound("File not found")
    return Response(
        skill_files.decode_content(file),
        media_type=mimetypes.guess_type(path)[0] or "application/octet-stream",
        headers={
            "content-disposition": "attachment; filename*=UTF-8''" + quote(path.rsplit("/", 1)[-1], safe=""),
            "x-content-type-options": "nosniff",
            "content-security-policy": "default-src 'none'; sandbox",
            "cache-control": "private, no-store",
        },
    )
