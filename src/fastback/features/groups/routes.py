"""`/api/v1/groups`: groups, their members and their nesting."""

from __future__ import annotations

from copy import deepcopy
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fastback import messages
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.permissions import Permissions, PermissionTree, merge_permissions
from fastback.config import Config
from fastback.config.keys.interface import UI_DEFAULT_MODELS
from fastback.features.groups import member_store, store
from fastback.features.groups.default_models import explain_default_models
from fastback.features.groups.effective_access_store import AccessibleItems, list_effective_access
from fastback.features.groups.schemas import GroupForm, Member, MemberPage, NamedItem, UserIds
from fastback.features.groups.service import GroupService
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router

router = Router("/api/v1/groups")


@router.get("/")
async def list_groups(
    user: VerifiedUser, db: Database, permissions: Permissions, share: bool | None = None
) -> list[store.CountedGroup]:
    """List all groups for an administrator, else the own groups; with `share`, those open or closed to sharing."""
    if user.is_admin:
        return await store.list_groups(db)
    own_ids = await permissions.list_group_ids(user.id)
    if share is None:
        return await store.list_groups_by_id(db, own_ids)
    return await store.list_shareable_groups(db, own_ids) if share else await store.list_unshareable_groups(db)


@router.post("/create")
async def create_group(data: GroupForm, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.create_group(user.id, data)


async def _get_group(db: Database, group_id: str) -> store.CountedGroup:
    group = await store.find_group(db, group_id)
    if group is None:
        raise NotFound(messages.NOT_FOUND)
    return group


@router.get("/id/{id}")
async def get_group(id: str, user: AdminUser, db: Database) -> store.CountedGroup:
    return await _get_group(db, id)


@router.get("/id/{id}/info")
async def get_group_info(id: str, user: VerifiedUser, db: Database) -> store.GroupInfo:
    info = await store.find_group_info(db, id)
    if info is None:
        raise NotFound(messages.NOT_FOUND)
    return info


class ExportedGroup(store.CountedGroup):
    user_ids: list[str]


@router.get("/id/{id}/export")
async def export_group(id: str, user: AdminUser, db: Database) -> ExportedGroup:
    group = await _get_group(db, id)
    return ExportedGroup(**msgspec.structs.asdict(group), user_ids=await member_store.list_direct_ids(db, id))


@router.post("/id/{id}/users")
async def list_direct_members(id: str, user: AdminUser, db: Database) -> list[Member]:
    return await member_store.list_direct_members(db, id)


@router.get("/id/{id}/members")
async def inspect_members(
    id: str,
    user: AdminUser,
    db: Database,
    membership: member_store.Scope = "effective",
    query: str = "",
    page: Annotated[int, Meta(ge=1)] = 1,
) -> MemberPage:
    if not await store.has_group(db, id):
        raise NotFound("Group not found.")
    return await member_store.list_member_page(db, id, scope=membership, query=query, page=page)


@router.post("/id/{id}/update")
async def update_group(id: str, data: GroupForm, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.update_group(id, data)


@router.post("/id/{id}/users/add")
async def add_members(id: str, data: UserIds, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.add_members(id, data.user_ids or [])


@router.post("/id/{id}/users/remove")
async def remove_members(id: str, data: UserIds, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.remove_members(id, data.user_ids or [])


@router.delete("/id/{id}/delete")
async def delete_group(id: str, user: AdminUser, groups: GroupService) -> bool:
    await groups.delete_group(id)
    return True


class DefaultModels(msgspec.Struct):
    """`local` names the group's own choice, `effective` the models in use, which come from `source_group_id` if any."""

    local: list[str] | None
    effective: list[str]
    source_group_id: str | None


class GroupPreview(msgspec.Struct):
    """The models, records and permissions that membership in a group gives."""

    group: NamedItem
    default_models: DefaultModels
    models: AccessibleItems
    knowledge: AccessibleItems
    tools: AccessibleItems
    permissions: PermissionTree
    inherited_permissions: PermissionTree
    effective_permissions: PermissionTree


@router.get("/id/{id}/preview")
async def preview_group(
    id: str, user: AdminUser, db: Database, permissions: Permissions, config: Config
) -> GroupPreview:
    group = await _get_group(db, id)
    ids = await store.list_ids_with_ancestors(db, id)
    local, effective, source_id = await explain_default_models(db, id)
    if effective is None:
        effective = [model.strip() for model in config.get_text(UI_DEFAULT_MODELS).split(",") if model.strip()]
    access = await list_effective_access(db, user_id="", group_ids=ids)
    own_permissions = _decode_permissions(group)
    inherited = permissions.get_defaults()
    for ancestor in await store.list_groups_by_id(db, [ancestor_id for ancestor_id in ids if ancestor_id != id]):
        merge_permissions(inherited, _decode_permissions(ancestor))
    return GroupPreview(
        NamedItem(group.id, group.name),
        DefaultModels(local or None, effective, source_id),
        access.models,
        access.knowledge,
        access.tools,
        own_permissions,
        inherited,
        merge_permissions(deepcopy(inherited), own_permissions),
    )


def _decode_permissions(group: store.Group) -> dict[str, Any]:
    value = msgspec.json.decode(group.permissions)
    return value if isinstance(value, dict) else {}
