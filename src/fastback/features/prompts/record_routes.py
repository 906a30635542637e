"""Routes for one prompt: create, read, update, share and delete it."""

from __future__ import annotations

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.prompts import service, store
from fastback.features.prompts.schemas import AccessForm, MetadataForm, PromptForm
from fastback.features.prompts.service import KIND, JsonObject
from fastback.kit.db import IntegrityError
from fastback.kit.http import BadRequest, NotFound, Router, Unauthorized
from fastback.records.access import Ownership

router = Router("/api/v1/prompts")


@router.post("/create")
async def create_prompt(data: PromptForm, user: VerifiedUser, ownership: Ownership) -> JsonObject:
    if not await ownership.permitted(user, "workspace.prompts", "workspace.prompts_import"):
        raise Unauthorized(messages.UNAUTHORIZED)
    if await store.find_id_by_command(ownership.db, data.command) is not None:
        raise BadRequest(messages.COMMAND_TAKEN)
    return await service.create_prompt(ownership, user, data)


@router.get("/id/{prompt_id}")
async def get_prompt(prompt_id: str, user: VerifiedUser, ownership: Ownership) -> JsonObject:
    """Return a prompt that the user may read."""
    row = await store.find_prompt(ownership.db, prompt_id)
    if row is None or not await ownership.may_or_admin(user, KIND, row, "read"):
        raise NotFound()
    prompt = store.serialize_prompt(row, await ownership.grants.list_grants(KIND, prompt_id))
    return {**prompt, "user": None, "write_access": await ownership.may(user, KIND, row, "write")}


@router.post("/id/{prompt_id}/update")
async def update_prompt(prompt_id: str, data: PromptForm, user: VerifiedUser, ownership: Ownership) -> JsonObject:
    row = await service.get_prompt(ownership, prompt_id, user, "write")
    await service.require_free_command(ownership, row, data.command)
    await service.update_prompt(ownership, user, row, data)
    return await service.load_prompt(ownership, prompt_id)


@router.post("/id/{prompt_id}/update/meta")
async def update_prompt_metadata(
    prompt_id: str, data: MetadataForm, user: VerifiedUser, ownership: Ownership
) -> JsonObject:
    """Change name, command and tags without adding a revision."""
    row = await service.get_prompt(ownership, prompt_id, user, "write")
    await service.require_free_command(ownership, row, data.command)
    tags = {"tags": data.tags} if data.tags is not None else {}
    try:
        await store.update_prompt(ownership.db, prompt_id, name=data.name, command=data.command, **tags)
    except IntegrityError:
        raise BadRequest(messages.COMMAND_TAKEN) from None
    return await service.load_prompt(ownership, prompt_id)


@router.post("/id/{prompt_id}/access/update")
async def update_prompt_access(
    prompt_id: str, data: AccessForm, user: VerifiedUser, ownership: Ownership
) -> JsonObject:
    row = await service.get_prompt(ownership, prompt_id, user, "write")
    return store.serialize_prompt(row, await ownership.share(user, KIND, prompt_id, data.access_grants))


@router.post("/id/{prompt_id}/toggle")
async def toggle_prompt(prompt_id: str, user: VerifiedUser, ownership: Ownership) -> JsonObject:
    row = await service.get_prompt(ownership, prompt_id, user, "write")
    await store.update_prompt(ownership.db, prompt_id, is_active=not row.is_active)
    return await service.load_prompt(ownership, prompt_id)


@router.delete("/id/{prompt_id}/delete")
async def delete_prompt(prompt_id: str, user: VerifiedUser, ownership: Ownership) -> bool:
    await service.get_prompt(ownership, prompt_id, user, "write")
    async with ownership.db.transaction() as tx:
        await service.prompt_revisions.remove_all(tx, prompt_id)
        await ownership.grants.delete_grants(tx, KIND, prompt_id)
        await store.delete_prompt(tx, prompt_id)
    await ownership.changed(KIND, prompt_id)
    return True
