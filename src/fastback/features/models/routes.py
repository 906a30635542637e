"""Routes for the list of models and for workspace models, and the routers of `/api/models` and `/api/v1/models`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.models import picture_routes, revision_routes, store, transfer_routes
from fastback.features.models.normalisation import read_model
from fastback.features.models.schemas import AccessForm, ModelId
from fastback.features.models.service import Draft, Workspace, with_variables
from fastback.kit.http import BadRequest, Forbidden, JsonBytes, NotFound, Router, Unauthorized
from fastback.providers import model_rows
from fastback.providers.model_rows import ModelRow
from fastback.providers.registry import ModelRegistry
from fastback.records.listing import Person, people

router = Router("/api")

Answer = dict[str, Any]


@router.get("/models", "/v1/models")
async def models(user: VerifiedUser, registry: ModelRegistry, refresh: bool = False) -> JsonBytes:
    """Return the models that the user may use, as the page lists them."""
    if refresh:
        await registry.refresh()
    return JsonBytes(await registry.bytes_for(user))


@router.get("/models/base")
async def base_models(user: AdminUser, registry: ModelRegistry) -> Answer:
    """Return the models of all servers."""
    return {"data": await registry.base_entries()}


@router.get("/v1/models/list")
async def page(
    user: VerifiedUser,
    workspace: Workspace,
    query: str | None = None,
    view_option: str | None = None,
    tag: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> Answer:
    """Return a page of the workspace models that the user may read, and how many there are in all."""
    rows, total = await store.list_model_page(
        workspace.db,
        user_id=user.id,
        group_ids=await workspace.permissions.list_group_ids(user.id),
        sees_all=workspace.sees_all(user),
        query=query,
        tag=tag,
        view=view_option,
        order_by=order_by,
        direction=direction,
        page=page or 1,
    )
    owners = await people(workspace.db, [row.user_id for row in rows if row.user_id])
    writable = await workspace.grants.filter_accessible_ids(user.id, "model", [row.id for row in rows], "write")
    items = []
    for row, item in zip(rows, await workspace.all_shown(rows), strict=True):
        may_write = workspace.sees_all(user) or row.user_id == user.id or row.id in writable
        items.append(_listed(item, owners.get(row.user_id or ""), may_write=may_write))
    return {"items": items, "total": total}


def _listed(item: Answer, owner: Person | None, *, may_write: bool) -> Answer:
    """Return an item of the list.

    The picture is left out, because it has its own route; parameters are shown only to users who may write.
    """
    item = with_variables(item)
    item["meta"].pop("profile_image_url", None)
    if not may_write:
        item["params"] = {}
    return {**item, "user": msgspec.structs.asdict(owner) if owner else None, "write_access": may_write}


@router.get("/v1/models/base")
async def base(user: AdminUser, workspace: Workspace, tag: str | None = None) -> list[Answer]:
    """Return the stored overrides of base models, optionally those with a tag."""
    rows = await store.list_base_models(workspace.db)
    return await workspace.all_shown([row for row in rows if not tag or tag in _tags_of([row])])


@router.get("/v1/models/all")
async def everything(user: AdminUser, workspace: Workspace) -> list[Answer]:
    """Return all stored models: workspace models and overrides of base models."""
    return await workspace.all_shown(await model_rows.all_rows(workspace.db))


def _tags_of(rows: list[ModelRow]) -> list[str]:
    names = set()
    for row in rows:
        for tag in (row.meta or {}).get("tags") or []:
            name = tag.get("name") if isinstance(tag, dict) else tag
            if isinstance(name, str) and name:
                names.add(name)
    return sorted(names)


@router.get("/v1/models/tags")
async def tags(user: VerifiedUser, workspace: Workspace) -> list[str]:
    """Return the tags of the workspace models that the user may read."""
    rows = await store.list_workspace_models(workspace.db)
    if not workspace.sees_all(user):
        readable = await workspace.grants.filter_accessible_ids(user.id, "model", [row.id for row in rows])
        rows = [row for row in rows if row.user_id == user.id or row.id in readable]
    return _tags_of(rows)


@router.get("/v1/models/base/tags")
async def base_tags(user: AdminUser, workspace: Workspace) -> list[str]:
    return _tags_of(await store.list_base_models(workspace.db))


@router.post("/v1/models/create", "/v1/models")
async def create(data: Any, user: VerifiedUser, workspace: Workspace) -> Answer:
    form = read_model(data)
    await workspace.permitted(user, "workspace.models")
    if len(form.id) > 256:
        raise BadRequest(messages.MODEL_ID_TOO_LONG)
    if await model_rows.get(workspace.db, form.id) is not None:
        raise Unauthorized(messages.MODEL_ID_TAKEN)
    draft = await workspace.draft(form, None)
    if not user.is_admin:
        if not draft.base_model_id:
            raise Unauthorized(messages.UNAUTHORIZED)
        await workspace.check_not_base(form.id)
    await workspace.references.check_knowledge(draft.meta, user)
    await workspace.references.check_pictures(draft.meta, user)
    grants = await workspace.given_grants(user, form.access_grants)
    return await workspace.save(draft, user, None, grants=grants)


async def _one(model_id: str, user: VerifiedUser, workspace: Workspace) -> Answer:
    """Return a model that the user may read; its parameters only if the user may write it.

    Raises:
        NotFound: there is no such model.
        Unauthorized: the user may not read it.
    """
    row = await model_rows.get(workspace.db, model_id)
    if row is None:
        raise NotFound(messages.NOT_FOUND)
    may_write = await workspace.may(row, user, "write")
    if not may_write and not await workspace.may(row, user, "read"):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    model = with_variables(await workspace.shown(row))
    if not may_write:
        model["params"] = {}
    return {**model, "user": None, "write_access": may_write}


@router.get("/v1/models/model")
async def one(id: str, user: VerifiedUser, workspace: Workspace) -> Answer:
    return await _one(id, user, workspace)


@router.get("/v1/models/{model_id:path}")
async def one_by_path(model_id: str, user: VerifiedUser, workspace: Workspace) -> Answer:
    """Return the same model under its path. Fastback's own route, for clients that expect the id in the path."""
    return await _one(model_id, user, workspace)


@router.post("/v1/models/model/update")
async def update(data: Any, user: VerifiedUser, workspace: Workspace) -> Answer:
    form = read_model(data)
    row = await model_rows.get(workspace.db, form.id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await workspace.may_change(row, user):
        raise BadRequest(messages.ACCESS_PROHIBITED)
    draft = await workspace.draft(form, row)
    await workspace.references.check_knowledge(draft.meta, user)
    if not user.is_admin and row.base_model_id and not draft.base_model_id:
        raise Unauthorized(messages.UNAUTHORIZED)
    await workspace.references.check_pictures(draft.meta, user, row.meta)
    return await workspace.save(draft, user, row)


@router.post("/v1/models/model/toggle")
async def toggle(id: str, user: VerifiedUser, workspace: Workspace) -> Answer:
    row = await model_rows.get(workspace.db, id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await workspace.may_change(row, user):
        raise Unauthorized(messages.UNAUTHORIZED)
    await store.toggle_model(workspace.db, id)
    await workspace.changed()
    return await workspace.shown(await model_rows.get(workspace.db, id) or row)


@router.post("/v1/models/model/access/update")
async def set_access(data: AccessForm, user: VerifiedUser, workspace: Workspace) -> Answer:
    """Replace the grants of a model; for a base model without stored overrides a row is created."""
    row = await model_rows.get(workspace.db, data.id)
    if row is None:
        # The model comes from a server and has no stored overrides yet.
        if not user.is_admin:
            raise Forbidden(messages.ACCESS_PROHIBITED)
    elif not await workspace.may_change(row, user):
        raise BadRequest(messages.ACCESS_PROHIBITED)
    grants = await workspace.grants.validate_grants(user.id, user.role, data.access_grants, "model")
    async with workspace.db.transaction() as tx:
        if row is None:
            draft = Draft(data.id, data.name or data.id, None, {}, workspace.meta({}))
            row = await workspace.write(tx, draft, user.id, None, grants=grants)
        else:
            await workspace.grants.replace_grants(tx, "model", row.id, grants)
            await store.touch_model(tx, row.id)
            row.updated_at = int(time.time())
    await workspace.changed(row.id)
    return await workspace.shown(row)


@router.post("/v1/models/model/delete")
async def delete(data: ModelId, user: VerifiedUser, workspace: Workspace) -> bool:
    row = await model_rows.get(workspace.db, data.id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await workspace.may_change(row, user):
        raise Unauthorized(messages.UNAUTHORIZED)
    async with workspace.db.transaction() as tx:
        await workspace.delete_model(tx, row.id)
    await workspace.changed(row.id)
    return True


@router.delete("/v1/models/delete/all")
async def delete_all(user: AdminUser, workspace: Workspace) -> bool:
    async with workspace.db.transaction() as tx:
        await store.delete_all_models(tx)
    await workspace.changed()
    return True


routers = [router, revision_routes.router, transfer_routes.router, picture_routes.router]
