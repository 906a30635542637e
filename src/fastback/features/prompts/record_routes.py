"""Routes for one prompt: create, read, update, share and delete it."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.prompts import service, store
from fastback.features.prompts.schemas import AccessForm, MetadataForm, PromptForm
from fastback.features.prompts.service import KIND, JsonObject
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, NotFound, Router, Unauthorized
from fastback.records.access import RecordAccess

router = Router("/api/v1/prompts")


@router.post("/create")
async def create_prompt(data: PromptForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    if not await access.has_any_permission(user, "workspace.prompts", "workspace.prompts_import"):
        raise Unauthorized(messages.UNAUTHORIZED)
    if await store.find_id_by_command(access.db, data.command) is not None:
        raise BadRequest(messages.COMMAND_TAKEN)
    return await service.create_prompt(access, user, data)


@router.get("/id/{prompt_id}")
async def get_prompt(prompt_id: str, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Return a prompt that the user may read."""
    row = await store.find_prompt(access.db, prompt_id)
    if row is None or not await access.is_allowed_or_admin(user, KIND, row, "read"):
        raise NotFound()
    prompt = store.serialize_prompt(row, await access.grants.list_grants(KIND, prompt_id))
    return {**prompt, "user": None, "write_access": await access.is_allowed(user, KIND, row, "write")}


@router.post("/id/{prompt_id}/update")
async def update_prompt(prompt_id: str, data: PromptForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    row = await service.get_prompt(access, prompt_id, user, "write")
    await service.require_free_command(access, row, data.command)
    await service.update_prompt(access, user, row, data)
    return await service.load_prompt(access, prompt_id)


@router.post("/id/{prompt_id}/update/meta")
async def update_prompt_metadata(
    prompt_id: str, data: MetadataForm, user: VerifiedUser, access: RecordAccess
) -> JsonObject:
    """Change name, command and tags without adding a revision."""
    row = await service.get_prompt(access, prompt_id, user, "write")
    await service.require_free_command(access, row, data.command)
    tags = {"tags": data.tags} if data.tags is not None else {}
    try:
        await store.update_prompt(access.db, prompt_id, name=data.name, command=data.command, **tags)
    except IntegrityError:
        raise BadRequest(messages.COMMAND_TAKEN) from None
    return await service.load_prompt(access, prompt_id)


@router.post("/id/{prompt_id}/access/update")
async def update_prompt_access(
    prompt_id: str, data: AccessForm, user: VerifiedUser, access: RecordAccess
) -> JsonObject:
    row = await service.get_prompt(access, prompt_id, user, "write")
    return store.serialize_prompt(row, await access.replace_grants(user, KIND, prompt_id, data.access_grants))


@router.post("/id/{prompt_id}/toggle")
async def toggle_prompt(prompt_id: str, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    row = await service.get_prompt(access, prompt_id, user, "write")
    await store.update_prompt(access.db, prompt_id, is_active=not row.is_active)
    return await service.load_prompt(access, prompt_id)


@router.delete("/id/{prompt_id}/delete")
async def delete_prompt(prompt_id: str, user: VerifiedUser, access: RecordAccess) -> bool:
    await service.get_prompt(access, prompt_id, user, "write")
    async with access.db.transaction() as tx:
        await service.prompt_revisions.delete_all(tx, prompt_id)
        await access.grants.delete_grants(tx, KIND, prompt_id)
        await store.delete_prompt(tx, prompt_id)
    await access.publish_grants_changed(KIND, prompt_id)
    return True
