"""Routes for the list of models and for workspace models, and the routers of `/api/models` and `/api/v1/models`."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.features.models import picture_routes, revision_routes, store, transfer_routes
from fastback.features.models.normalisation import parse_model_form
from fastback.features.models.schemas import AccessForm, ModelIdForm
from fastback.features.models.service import ModelDraft, WorkspaceModels, add_variables_schema
from fastback.kit.http import BadRequest, Forbidden, JsonBytes, NotFound, Router, Unauthorized
from fastback.providers import model_store
from fastback.providers.model_store import ModelRow
from fastback.providers.registry import ModelRegistry
from fastback.records.listing import UserSummary, load_user_summaries

router = Router("/api")

JsonObject = dict[str, Any]


@router.get("/models", "/v1/models")
async def list_models(user: VerifiedUser, registry: ModelRegistry, refresh: bool = False) -> JsonBytes:
    """Return the models that the user may use, as the page lists them."""
    if refresh:
        await registry.refresh()
    return JsonBytes(await registry.get_response_bytes(user))


@router.get("/models/base")
async def list_base_models(user: AdminUser, registry: ModelRegistry) -> JsonObject:
    """Return the models of all servers."""
    return {"data": await registry.list_base_entries()}


@router.get("/v1/models/list")
async def list_model_page(
    user: VerifiedUser,
    workspace: WorkspaceModels,
    query: str | None = None,
    view_option: str | None = None,
    tag: str | None = None,
    order_by: str | None = None,
    direction: str | None = None,
    page: int | None = 1,
) -> JsonObject:
    """Return a page of the workspace models that the user may read, and how many there are in all."""
    rows, total = await store.list_model_page(
        workspace.db,
        user_id=user.id,
        group_ids=await workspace.permissions.list_group_ids(user.id),
        sees_all=workspace.can_see_all(user),
        query=query,
        tag=tag,
        view=view_option,
        order_by=order_by,
        direction=direction,
        page=page or 1,
    )
    owners = await load_user_summaries(workspace.db, [row.user_id for row in rows if row.user_id])
    writable = await workspace.grants.filter_accessible_ids(user.id, "model", [row.id for row in rows], "write")
    items = []
    for row, item in zip(rows, await workspace.serialize_models(rows), strict=True):
        may_write = workspace.can_see_all(user) or row.user_id == user.id or row.id in writable
        items.append(_serialize_list_item(item, owners.get(row.user_id or ""), may_write=may_write))
    return {"items": items, "total": total}


def _serialize_list_item(item: JsonObject, owner: UserSummary | None, *, may_write: bool) -> JsonObject:
    """Return an item of the list.

    The picture is left out, because it has its own route; parameters are shown only to users who may write.
    """
    item = add_variables_schema(item)
    item["meta"].pop("profile_image_url", None)
    if not may_write:
        item["params"] = {}
    return {**item, "user": msgspec.structs.asdict(owner) if owner else None, "write_access": may_write}


@router.get("/v1/models/base")
async def list_base_overrides(user: AdminUser, workspace: WorkspaceModels, tag: str | None = None) -> list[JsonObject]:
    """Return the stored overrides of base models, optionally those with a tag."""
    rows = await store.list_base_models(workspace.db)
    return await workspace.serialize_models([row for row in rows if not tag or tag in _collect_tags([row])])


@router.get("/v1/models/all")
async def list_stored_models(user: AdminUser, workspace: WorkspaceModels) -> list[JsonObject]:
    """Return all stored models: workspace models and overrides of base models."""
    return await workspace.serialize_models(await model_store.list_model_rows(workspace.db))


def _collect_tags(rows: list[ModelRow]) -> list[str]:
    names = set()
    for row in rows:
        for tag in (row.meta or {}).get("tags") or []:
            name = tag.get("name") if isinstance(tag, dict) else tag
            if isinstance(name, str) and name:
                names.add(name)
    return sorted(names)


@router.get("/v1/models/tags")
async def list_tags(user: VerifiedUser, workspace: WorkspaceModels) -> list[str]:
    """Return the tags of the workspace models that the user may read."""
    rows = await store.list_workspace_models(workspace.db)
    if not workspace.can_see_all(user):
        readable = await workspace.grants.filter_accessible_ids(user.id, "model", [row.id for row in rows])
        rows = [row for row in rows if row.user_id == user.id or row.id in readable]
    return _collect_tags(rows)


@router.get("/v1/models/base/tags")
async def list_base_tags(user: AdminUser, workspace: WorkspaceModels) -> list[str]:
    return _collect_tags(await store.list_base_models(workspace.db))


@router.post("/v1/models/create", "/v1/models", takes_content=True)
async def create_model(data: Any, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    form = parse_model_form(data)
    await workspace.require_permission(user, "workspace.models")
    if len(form.id) > 256:
        raise BadRequest(messages.MODEL_ID_TOO_LONG)
    if await model_store.find_model_row(workspace.db, form.id) is not None:
        raise Unauthorized(messages.MODEL_ID_TAKEN)
    draft = await workspace.build_draft(form, None)
    if not user.is_admin:
        if not draft.base_model_id:
            raise Unauthorized(messages.UNAUTHORIZED)
        await workspace.require_not_base_model(form.id)
    await workspace.references.require_readable_files(draft.meta, user)
    await workspace.references.require_valid_pictures(draft.meta, user)
    grants = await workspace.filter_grants(user, form.access_grants)
    return await workspace.save_model(draft, user, None, grants=grants)


async def _get_model(model_id: str, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    """Return a model that the user may read; its parameters only if the user may write it.

    Raises:
        NotFound: there is no such model.
        Unauthorized: the user may not read it.
    """
    row = await model_store.find_model_row(workspace.db, model_id)
    if row is None:
        raise NotFound(messages.NOT_FOUND)
    may_write = await workspace.may_access(row, user, "write")
    if not may_write and not await workspace.may_access(row, user, "read"):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    model = add_variables_schema(await workspace.serialize_model(row))
    if not may_write:
        model["params"] = {}
    return {**model, "user": None, "write_access": may_write}


@router.get("/v1/models/model")
async def get_model(id: str, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    return await _get_model(id, user, workspace)


@router.get("/v1/models/{model_id:path}")
async def get_model_by_path(
    model_id: str, user: VerifiedUser, workspace: WorkspaceModels, registry: ModelRegistry
) -> JsonObject:
    """Return a workspace model, or a model of a server as in the list of models.

    It is Fastback's own route, for clients that expect the id in the path.

    Raises:
        NotFound: there is no such model, or the user may not use a server's.
        Unauthorized: the user may not read the workspace model.
    """
    try:
        return await _get_model(model_id, user, workspace)
    except NotFound:
        model = await registry.find(model_id)
        if model is None or model not in await registry.list_visible_models(user):
            raise
        return model.entry


@router.post("/v1/models/model/update", takes_content=True)
async def update_model(data: Any, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    form = parse_model_form(data)
    row = await model_store.find_model_row(workspace.db, form.id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await workspace.may_change(row, user):
        raise BadRequest(messages.ACCESS_PROHIBITED)
    draft = await workspace.build_draft(form, row)
    await workspace.references.require_readable_files(draft.meta, user)
    if not user.is_admin and row.base_model_id and not draft.base_model_id:
        raise Unauthorized(messages.UNAUTHORIZED)
    await workspace.references.require_valid_pictures(draft.meta, user, row.meta)
    return await workspace.save_model(draft, user, row)


@router.post("/v1/models/model/toggle")
async def toggle_model(id: str, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    row = await model_store.find_model_row(workspace.db, id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await workspace.may_change(row, user):
        raise Unauthorized(messages.UNAUTHORIZED)
    await store.toggle_model(workspace.db, id)
    await workspace.publish_change()
    return await workspace.serialize_model(await model_store.find_model_row(workspace.db, id) or row)


@router.post("/v1/models/model/access/update")
async def update_model_access(data: AccessForm, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    """Replace the grants of a model; for a base model without stored overrides a row is created."""
    row = await model_store.find_model_row(workspace.db, data.id)
    if row is None:
        # The model comes from a server and has no stored overrides yet.
        if not user.is_admin:
            raise Forbidden(messages.ACCESS_PROHIBITED)
    elif not await workspace.may_change(row, user):
        raise BadRequest(messages.ACCESS_PROHIBITED)
    grants = await workspace.grants.validate_grants(user.id, user.role, data.access_grants, "model")
    async with workspace.db.transaction() as tx:
        if row is None:
            draft = ModelDraft(data.id, data.name or data.id, None, {}, workspace.normalise_meta({}))
            row = await workspace.write_model(tx, draft, user.id, None, grants=grants)
        else:
            await workspace.grants.replace_grants(tx, "model", row.id, grants)
            await store.touch_model(tx, row.id)
            row.updated_at = int(time.time())
    await workspace.publish_change(row.id)
    return await workspace.serialize_model(row)


@router.post("/v1/models/model/delete")
async def delete_model(data: ModelIdForm, user: VerifiedUser, workspace: WorkspaceModels) -> bool:
    row = await model_store.find_model_row(workspace.db, data.id)
    if row is None:
        raise Unauthorized(messages.NOT_FOUND)
    if not await workspace.may_change(row, user):
        raise Unauthorized(messages.UNAUTHORIZED)
    async with workspace.db.transaction() as tx:
        await workspace.delete_model(tx, row.id)
    await workspace.publish_change(row.id)
    return True


@router.delete("/v1/models/delete/all")
async def delete_all_models(user: AdminUser, workspace: WorkspaceModels) -> bool:
    async with workspace.db.transaction() as tx:
        await store.delete_all_models(tx)
    await workspace.publish_change()
    return True


routers = [router, revision_routes.router, transfer_routes.router, picture_routes.router]
