"""`/api/models` and `/api/v1/models`: the list to choose from, workspace models."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from starlette.responses import RedirectResponse, Response

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.grants import Grants
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.models import store
from fastback.features.users.pictures import DefaultPictures, stored_picture
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, JsonBytes, NotFound, Router, Unauthorized
from fastback.providers import model_rows
from fastback.providers.model_rows import ModelRow
from fastback.providers.registry import ModelRegistry, ModelsChanged
from fastback.settings import Settings

router = Router("/api")


@router.get("/models", "/v1/models")
async def models(user: VerifiedUser, registry: ModelRegistry, refresh: bool = False) -> JsonBytes:
    if refresh:
        await registry.refresh()
    return JsonBytes(await registry.bytes_for(user))


@router.get("/models/base")
async def base_models(user: AdminUser, registry: ModelRegistry) -> dict[str, Any]:
    return {"data": await registry.base_entries()}


class ModelForm(msgspec.Struct):
    id: str
    name: str
    meta: dict[str, Any]
    params: dict[str, Any]
    base_model_id: str | None = None
    access_grants: list[dict[str, Any]] | None = None
    is_active: bool = True


class ModelId(msgspec.Struct):
    id: str


class AccessForm(msgspec.Struct):
    id: str
    access_grants: list[dict[str, Any]]
    name: str | None = None


Answer = dict[str, Any]


class Workspace:
    """What the operations on workspace models share."""

    def __init__(
        self,
        db: Database,
        grants: Grants,
        permissions: Permissions,
        registry: ModelRegistry,
        settings: Settings,
        bus: Bus,
    ) -> None:
        self.db = db
        self.grants = grants
        self.permissions = permissions
        self.registry = registry
        self.bus = bus
        self._bypass = settings.bypass_admin_access_control

    def sees_all(self, user: User) -> bool:
        return user.is_admin and self._bypass

    async def may_write(self, row: ModelRow, user: User) -> bool:
        if row.user_id == user.id or user.is_admin:
            return True
        return await self.grants.allows(user.id, "model", row.id, "write")

    async def writable(self, model_id: str, user: User) -> ModelRow:
        """Raises: NotFound, or Unauthorized when the user may not change it."""
        row = await model_rows.get(self.db, model_id)
        if row is None:
            raise NotFound(messages.NOT_FOUND)
        if not await self.may_write(row, user):
            raise Unauthorized(messages.ACCESS_PROHIBITED)
        return row

    async def shown(self, row: ModelRow) -> Answer:
        return row.dump(await self.grants.of("model", row.id))

    async def save(self, row: ModelRow, user: User, wanted: list[Any] | None, *, new: bool) -> Answer:
        async with self.db.transaction() as tx:
            if wanted is not None:
                allowed = await self.grants.filter_allowed(user.id, user.role, wanted, "model")
                grants = await self.grants.replace(tx, "model", row.id, allowed)
            else:
                grants = await self.grants.of("model", row.id)
            snapshot = {key: value for key, value in row.dump(grants).items() if key != "version_id"}
            row.version_id = await store.remember(tx, row, user.id, parent_id=row.version_id, snapshot=snapshot)
            await (store.insert if new else store.update)(tx, row)
        await self.bus.publish(ModelsChanged())
        await self.bus.publish(GrantsChanged("model", row.id))
        return row.dump(grants)


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
    rows, total = await store.page(
        workspace.db,
        user_id=user.id,
        group_ids=await workspace.permissions.group_ids(user.id),
        sees_all=workspace.sees_all(user),
        query=query,
        tag=tag,
        view=view_option,
        order_by=order_by,
        direction=direction,
        page=page or 1,
    )
    grants = await workspace.grants.of_many("model", [row.id for row in rows])
    owners = await store.owners(workspace.db, [row.user_id for row in rows if row.user_id])
    writable = await workspace.grants.accessible(user.id, "model", [row.id for row in rows], "write")
    items = []
    for row in rows:
        owner = owners.get(row.user_id or "")
        items.append(
            {
                **row.dump(grants[row.id]),
                "user": msgspec.structs.asdict(owner) if owner else None,
                "write_access": user.is_admin or row.user_id == user.id or row.id in writable,
            }
        )
    return {"items": items, "total": total}


@router.get("/v1/models/base")
async def base(user: AdminUser, workspace: Workspace) -> list[Answer]:
    return [await workspace.shown(row) for row in await store.of_kind(workspace.db, base=True)]


@router.get("/v1/models/all")
async def everything(user: AdminUser, workspace: Workspace) -> list[Answer]:
    return [await workspace.shown(row) for row in await model_rows.all_rows(workspace.db)]


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
    rows = await store.of_kind(workspace.db, base=False)
    if not workspace.sees_all(user):
        readable = await workspace.grants.accessible(user.id, "model", [row.id for row in rows])
        rows = [row for row in rows if row.user_id == user.id or row.id in readable]
    return _tags_of(rows)


@router.get("/v1/models/base/tags")
async def base_tags(user: AdminUser, workspace: Workspace) -> list[str]:
    return _tags_of(await store.of_kind(workspace.db, base=True))


@router.get("/v1/models/export")
async def export(user: VerifiedUser, workspace: Workspace, ids: list[str] | None = None) -> list[Answer]:
    if not user.is_admin and not await workspace.permissions.has(user.id, "workspace.models_export"):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    rows = await store.of_kind(workspace.db, base=False)
    if not workspace.sees_all(user):
        readable = await workspace.grants.accessible(user.id, "model", [row.id for row in rows])
        rows = [row for row in rows if row.user_id == user.id or row.id in readable]
    return [await workspace.shown(row) for row in rows if not ids or row.id in ids]


@router.post("/v1/models/create", "/v1/models")
async def create(data: ModelForm, user: VerifiedUser, workspace: Workspace) -> Answer:
    if not user.is_admin and not await workspace.permissions.has(user.id, "workspace.models"):
        raise Unauthorized(messages.UNAUTHORIZED)
    if len(data.id) > 256:
        raise BadRequest(messages.MODEL_ID_TOO_LONG)
    if await model_rows.get(workspace.db, data.id) is not None:
        raise Unauthorized(messages.MODEL_ID_TAKEN)
    if not user.is_admin:
        if data.base_model_id is None:
            raise Unauthorized(messages.ACCESS_PROHIBITED)
        base = await workspace.registry.find(data.base_model_id)
        if base is None or base.id not in {one.id for one in await workspace.registry.visible(user)}:
            raise Unauthorized(messages.ACCESS_PROHIBITED)
    now = int(time.time())
    row = ModelRow(
        data.id, None, user.id, data.base_model_id, data.name, data.params, data.meta, data.is_active, now, now
    )
    return await workspace.save(row, user, data.access_grants or [], new=True)


@router.get("/v1/models/model")
async def one(id: str, user: VerifiedUser, workspace: Workspace) -> Answer:
    row = await model_rows.get(workspace.db, id)
    if row is None:
        raise NotFound(messages.NOT_FOUND)
    writable = await workspace.may_write(row, user)
    if not writable and not await workspace.grants.allows(user.id, "model", row.id):
        raise Unauthorized(messages.NOT_FOUND)
    return {**await workspace.shown(row), "write_access": writable}


@router.post("/v1/models/model/update")
async def update(data: ModelForm, user: VerifiedUser, workspace: Workspace) -> Answer:
    row = await workspace.writable(data.id, user)
    row.name, row.meta, row.params = data.name, data.meta, data.params
    row.base_model_id, row.is_active, row.updated_at = data.base_model_id, data.is_active, int(time.time())
    return await workspace.save(row, user, data.access_grants, new=False)


@router.post("/v1/models/model/toggle")
async def toggle(id: str, user: VerifiedUser, workspace: Workspace) -> Answer:
    row = await workspace.writable(id, user)
    row.is_active, row.updated_at = not row.is_active, int(time.time())
    await store.update(workspace.db, row)
    await workspace.bus.publish(ModelsChanged())
    return await workspace.shown(row)


@router.post("/v1/models/model/access/update")
async def set_access(data: AccessForm, user: VerifiedUser, workspace: Workspace) -> Answer:
    row = await model_rows.get(workspace.db, data.id)
    if row is None:
        if not user.is_admin:
            raise NotFound(messages.NOT_FOUND)
        now = int(time.time())
        row = ModelRow(data.id, None, user.id, None, data.name or data.id, {}, {}, True, now, now)
        return await workspace.save(row, user, data.access_grants, new=True)
    if not await workspace.may_write(row, user):
        raise Unauthorized(messages.ACCESS_PROHIBITED)
    wanted = await workspace.grants.validate(user.id, user.role, data.access_grants, "model")
    async with workspace.db.transaction() as tx:
        await workspace.grants.replace(tx, "model", row.id, wanted)
    await workspace.bus.publish(GrantsChanged("model", row.id))
    return await workspace.shown(row)


@router.post("/v1/models/model/delete")
async def delete(data: ModelId, user: VerifiedUser, workspace: Workspace) -> bool:
    row = await workspace.writable(data.id, user)
    async with workspace.db.transaction() as tx:
        await store.delete(tx, row.id)
    await workspace.bus.publish(ModelsChanged())
    return True


@router.delete("/v1/models/delete/all")
async def delete_all(user: AdminUser, workspace: Workspace) -> bool:
    async with workspace.db.transaction() as tx:
        for row in await model_rows.all_rows(tx):
            await store.delete(tx, row.id)
    await workspace.bus.publish(ModelsChanged())
    return True


@router.get("/v1/models/model/profile/image")
async def picture(id: str, user: VerifiedUser, db: Database, settings: Settings, pictures: DefaultPictures) -> Response:
    row = await model_rows.get(db, id)
    url = (row.meta or {}).get("profile_image_url") if row is not None else None
    allowed = frozenset(one.strip() for one in settings.profile_image_allowed_mime_types.split(","))
    if isinstance(url, str) and url.startswith("/") and not url.startswith("//"):
        return RedirectResponse(url, 302)
    found = stored_picture(url, allowed=allowed, forward=settings.enable_profile_image_url_forwarding)
    return found or RedirectResponse("/static/favicon.png", 302)
