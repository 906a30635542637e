"""`/api/v1/groups`: groups and their members, one within another."""

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
from fastback.features.groups import default_models as defaults
from fastback.features.groups import members, store
from fastback.features.groups.effective_access import AccessibleItems, list_effective_access
from fastback.features.groups.schemas import GroupForm, Member, MemberPage, NamedItem, UserIds
from fastback.features.groups.service import GroupService
from fastback.kit.db import Database
from fastback.kit.http import NotFound, Router

router = Router("/api/v1/groups")


@router.get("/")
async def groups(
    user: VerifiedUser, db: Database, permissions: Permissions, share: bool | None = None
) -> list[store.CountedGroup]:
    if user.is_admin:
        return await store.everything(db)
    mine = await permissions.list_group_ids(user.id)
    return await store.among(db, mine) if share is None else await store.shareable(db, mine, share=share)


@router.post("/create")
async def create(data: GroupForm, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.create_group(user.id, data)


async def _group(db: Database, group_id: str) -> store.CountedGroup:
    found = await store.get(db, group_id)
    if found is None:
        raise NotFound(messages.NOT_FOUND)
    return found


@router.get("/id/{id}")
async def group(id: str, user: AdminUser, db: Database) -> store.CountedGroup:
    return await _group(db, id)


@router.get("/id/{id}/info")
async def info(id: str, user: VerifiedUser, db: Database) -> store.GroupInfo:
    found = await store.info(db, id)
    if found is None:
        raise NotFound(messages.NOT_FOUND)
    return found


class ExportedGroup(store.CountedGroup):
    user_ids: list[str]


@router.get("/id/{id}/export")
async def export(id: str, user: AdminUser, db: Database) -> ExportedGroup:
    found = await _group(db, id)
    return ExportedGroup(**msgspec.structs.asdict(found), user_ids=await members.direct_ids(db, id))


@router.post("/id/{id}/users")
async def users(id: str, user: AdminUser, db: Database) -> list[Member]:
    return await members.direct(db, id)


@router.get("/id/{id}/members")
async def inspect(
    id: str,
    user: AdminUser,
    db: Database,
    membership: members.Scope = "effective",
    query: str = "",
    page: Annotated[int, Meta(ge=1)] = 1,
) -> MemberPage:
    if not await store.exists(db, id):
        raise NotFound("Group not found.")
    return await members.inspected(db, id, scope=membership, query=query, page=page)


@router.post("/id/{id}/update")
async def update(id: str, data: GroupForm, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.update_group(id, data)


@router.post("/id/{id}/users/add")
async def add_users(id: str, data: UserIds, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.add_members(id, data.user_ids or [])


@router.post("/id/{id}/users/remove")
async def remove_users(id: str, data: UserIds, user: AdminUser, groups: GroupService) -> store.CountedGroup:
    return await groups.remove_members(id, data.user_ids or [])


@router.delete("/id/{id}/delete")
async def delete(id: str, user: AdminUser, groups: GroupService) -> bool:
    await groups.delete_group(id)
    return True


class DefaultModels(msgspec.Struct):
    """`local`: what the group itself says; `effective`: what counts, from the group `source_group_id` if any."""

    local: list[str] | None
    effective: list[str]
    source_group_id: str | None


class Preview(msgspec.Struct):
    """What a member of the group may use and do."""

    group: NamedItem
    default_models: DefaultModels
    models: AccessibleItems
    knowledge: AccessibleItems
    tools: AccessibleItems
    permissions: PermissionTree
    inherited_permissions: PermissionTree
    effective_permissions: PermissionTree


@router.get("/id/{id}/preview")
async def preview(id: str, user: AdminUser, db: Database, permissions: Permissions, config: Config) -> Preview:
    found = await _group(db, id)
    above = await store.with_ancestors(db, id)
    local, effective, source = await defaults.explain_default_models(db, id)
    if effective is None:
        effective = [one.strip() for one in config.text(UI_DEFAULT_MODELS).split(",") if one.strip()]
    open_to = await list_effective_access(db, user_id="", group_ids=above)
    own = _tree(found)
    inherited = permissions.get_defaults()
    for ancestor in await store.among(db, [one for one in above if one != id]):
        merge_permissions(inherited, _tree(ancestor))
    return Preview(
        NamedItem(found.id, found.name),
        DefaultModels(local or None, effective, source),
        open_to.models,
        open_to.knowledge,
        open_to.tools,
        own,
        inherited,
        merge_permissions(deepcopy(inherited), own),
    )


def _tree(group: store.Group) -> dict[str, Any]:
    found = msgspec.json.decode(group.permissions)
    return found if isinstance(found, dict) else {}
