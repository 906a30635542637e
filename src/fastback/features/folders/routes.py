"""`/api/v1/folders`."""

from __future__ import annotations

from typing import Any

import msgspec

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.grants import Grants
from fastback.access.guards import VerifiedUser
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.config import Config
from fastback.features.catalog import people
from fastback.features.chats import reading
from fastback.features.chats import store as chats
from fastback.features.folders import store
from fastback.features.folders.store import Folder
from fastback.kit.bus import Bus
from fastback.kit.db import Database
from fastback.kit.http import BadRequest, Forbidden, NotFound, Router
from fastback.kit.http.binding import Services
from fastback.kit.tasks import Tasks

router = Router("/api/v1/folders")

Answer = dict[str, Any]


class Folders:
    """Who may do what with folders."""

    def __init__(
        self, db: Database, config: Config, permissions: Permissions, grants: Grants, tasks: Tasks, bus: Bus
    ) -> None:
        self.db = db
        self.permissions = permissions
        self.grants = grants
        self.tasks = tasks
        self.bus = bus
        self._config = config

    async def check(self, user: User) -> None:
        """Raises: Forbidden where folders are switched off or not for this user."""
        if self._config.get("folders.enable") is False:
            raise Forbidden(messages.ACCESS_PROHIBITED)
        if not user.is_admin and not await self.permissions.has(user.id, "features.folders"):
            raise Forbidden(messages.ACCESS_PROHIBITED)

    async def allows(self, folder: Folder, user: User, permission: str) -> bool:
        """Whether a user owns the folder or one above it, or was granted one of them."""
        seen: set[str] = set()
        current: Folder | None = folder
        while current is not None and current.id not in seen:
            seen.add(current.id)
            if current.user_id == user.id or await self.grants.allows(user.id, "folder", current.id, permission):
                return True
            current = await store.get(self.db, current.parent_id) if current.parent_id else None
        return False

    async def found(self, folder_id: str, user: User, permission: str) -> Folder:
        """Raises: NotFound, also for what the user may not do."""
        await self.check(user)
        folder = await store.get(self.db, folder_id)
        if folder is None or not (user.is_admin or await self.allows(folder, user, permission)):
            raise NotFound(messages.NOT_FOUND)
        return folder

    async def again(self, folder_id: str) -> Folder:
        folder = await store.get(self.db, folder_id)
        if folder is None:
            raise NotFound(messages.NOT_FOUND)
        return folder


async def start(services: Services) -> None:
    """Add `Folders`."""
    services.add(
        Folders,
        Folders(
            services.get(Database),
            services.get(Config),
            services.get(Permissions),
            services.get(Grants),
            services.get(Tasks),
            services.get(Bus),
        ),
    )


def _icon(folder: Folder) -> Answer | None:
    meta = msgspec.json.decode(folder.meta)
    return {"icon": meta.get("icon")} if isinstance(meta, dict) else None


@router.get("/")
async def mine(user: VerifiedUser, folders: Folders) -> list[Answer]:
    await folders.check(user)
    rows = await store.of_user(folders.db, user.id)
    if not rows:
        return []
    known = {row.id for row in rows}
    unread = await reading.unread_by_folder(folders.db, user.id)
    return [
        {
            "id": row.id,
            "name": row.name,
            "meta": _icon(row),
            "parent_id": row.parent_id if row.parent_id in known else None,
            "is_expanded": row.is_expanded,
            "unread_count": unread.get(row.id, 0),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


class FolderForm(msgspec.Struct):
    name: str
    meta: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    parent_id: str | None = None


class FolderChange(msgspec.Struct):
    name: str | None = None
    meta: dict[str, Any] | None = None
    data: dict[str, Any] | None = None


class ParentForm(msgspec.Struct):
    parent_id: str | None = None


class ExpandedForm(msgspec.Struct):
    is_expanded: bool


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]


@router.post("/")
async def create(data: FolderForm, user: VerifiedUser, folders: Folders) -> Folder:
    await folders.check(user)
    owner_id = user.id
    if data.parent_id:
        parent = await store.get(folders.db, data.parent_id)
        if parent is not None and parent.user_id != user.id:
            if not user.is_admin and not await folders.allows(parent, user, "write"):
                raise Forbidden(messages.ACCESS_PROHIBITED)
            owner_id = parent.user_id
    if await store.name_taken(folders.db, owner_id, data.parent_id, data.name):
        raise BadRequest(messages.default("Folder already exists"))
    return await store.insert(
        folders.db, owner_id, name=data.name.strip(), parent_id=data.parent_id, meta=data.meta, data=data.data
    )


@router.get("/shared")
async def shared(user: VerifiedUser, folders: Folders) -> list[Answer]:
    await folders.check(user)
    groups = await folders.permissions.group_ids(user.id)
    granted = await store.granted_to(folders.db, user.id, groups)
    found: dict[str, Answer] = {}
    for folder_id, permission in granted.items():
        root = await store.get(folders.db, folder_id)
        if root is None:
            continue
        strongest = "write" if root.user_id == user.id else permission
        for below in await store.subtree(folders.db, folder_id, root.user_id):
            folder = await store.get(folders.db, below)
            if folder is None:
                continue
            known = found.setdefault(below, {**msgspec.structs.asdict(folder), "owner_name": "", "permission": strongest})
            if strongest == "write":
                known["permission"] = "write"
    owners = await people(folders.db, [one["user_id"] for one in found.values()])
    for one in found.values():
        owner = owners.get(one["user_id"])
        one["owner_name"] = owner.name if owner else "Unknown"
    return list(found.values())


@router.get("/{folder_id}")
async def open_folder(folder_id: str, user: VerifiedUser, folders: Folders) -> Answer:
    folder = await folders.found(folder_id, user, "read")
    grants = await folders.grants.of("folder", folder_id)
    write = user.is_admin or folder.user_id == user.id or await folders.allows(folder, user, "write")
    return {
        **msgspec.structs.asdict(folder),
        "access_grants": [msgspec.structs.asdict(one) for one in grants],
        "write_access": write,
    }


@router.post("/{folder_id}/update")
async def update(folder_id: str, data: FolderChange, user: VerifiedUser, folders: Folders) -> Folder:
    folder = await folders.found(folder_id, user, "write")
    known = msgspec.json.decode(folder.data) or {}
    mode = (data.data or {}).get("share_mode", known.get("share_mode"))
    if mode != known.get("share_mode") and not user.is_admin and folder.user_id != user.id:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    if data.name is not None:
        taken = await store.name_taken(folders.db, folder.user_id, folder.parent_id, data.name, besides=folder_id)
        if taken:
            raise BadRequest(messages.default("Folder already exists"))
    await store.update(folders.db, folder, name=data.name, meta=data.meta, data=data.data)
    return await folders.again(folder_id)


@router.post("/{folder_id}/update/parent")
async def move(folder_id: str, data: ParentForm, user: VerifiedUser, folders: Folders) -> Folder:
    folder = await folders.found(folder_id, user, "write")
    if folder.user_id != user.id and not user.is_admin:
        raise NotFound(messages.NOT_FOUND)
    if data.parent_id is not None:
        below = await store.subtree(folders.db, folder_id, folder.user_id)
        parent = await store.get(folders.db, data.parent_id)
        if parent is None or parent.user_id != folder.user_id:
            raise NotFound(messages.NOT_FOUND)
        if data.parent_id in below:
            raise BadRequest(messages.default("A folder cannot be moved into itself"))
    if await store.name_taken(folders.db, folder.user_id, data.parent_id, folder.name, besides=folder_id):
        raise BadRequest(messages.default("Folder already exists"))
    await store.set_parent(folders.db, folder_id, data.parent_id)
    return await folders.again(folder_id)


@router.post("/{folder_id}/update/expanded")
async def expand(folder_id: str, data: ExpandedForm, user: VerifiedUser, folders: Folders) -> Folder:
    await folders.found(folder_id, user, "read")
    await store.set_expanded(folders.db, folder_id, data.is_expanded)
    return await folders.again(folder_id)


@router.post("/{folder_id}/access/update")
async def set_access(folder_id: str, data: AccessForm, user: VerifiedUser, folders: Folders) -> Answer:
    folder = await folders.found(folder_id, user, "write")
    if folder.user_id != user.id and not user.is_admin:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    wanted = await folders.grants.validate(user.id, user.role, data.access_grants, "folder")
    async with folders.db.transaction() as tx:
        grants = await folders.grants.replace(tx, "folder", folder_id, wanted)
    await folders.bus.publish(GrantsChanged("folder", folder_id))
    return {
        **msgspec.structs.asdict(folder),
        "access_grants": [msgspec.structs.asdict(one) for one in grants],
        "write_access": True,
    }


@router.get("/{folder_id}/shared/chats")
async def chats_in(
    folder_id: str,
    user: VerifiedUser,
    folders: Folders,
    page: int | None = None,
    sort_by: str = "unread_updated_at",
    sort_dir: str = "desc",
) -> Answer:
    await folders.check(user)
    folder = await store.get(folders.db, folder_id)
    if folder is None:
        raise NotFound(messages.NOT_FOUND)
    write = user.is_admin or await folders.allows(folder, user, "write")
    if not write and not await folders.allows(folder, user, "read"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    size = 10 if page is not None else 60
    skip = (max(page or 1, 1) - 1) * size
    rows = await store.chats_in(
        folders.db, folder_id, user.id, skip=skip, limit=size, sort_by=sort_by, direction=sort_dir
    )
    owners = await people(folders.db, [row.user_id for row in rows])
    running = folders.tasks.groups()
    shown = []
    for row in rows:
        owner = owners.get(row.user_id)
        fields = msgspec.structs.asdict(row)
        if row.user_id != user.id:
            fields["last_read_at"] = row.updated_at
        shown.append(
            {
                **fields,
                "owner_name": owner.name if owner else "Unknown",
                "participants": [{"id": row.user_id, "name": owner.name if owner else None}],
                "active": row.id in running,
                "readonly": row.user_id != user.id,
            }
        )
    answer: Answer = {"chats": shown, "folder_permission": "write" if write else "read"}
    if page is not None:
        total = await store.count_in(folders.db, folder_id)
        answer |= {"total": total, "has_more": skip + size < total}
    return answer


@router.post("/{folder_id}/read")
async def read(folder_id: str, user: VerifiedUser, folders: Folders) -> Answer:
    folder = await folders.found(folder_id, user, "read")
    own = user.is_admin or folder.user_id == user.id
    ids = await store.subtree(folders.db, folder_id, folder.user_id) if own else [folder_id]
    return {
        "folder_id": folder_id,
        "folder_ids": ids,
        "updated_count": await store.mark_read(folders.db, user.id, ids),
        "folder_unread_counts": await reading.unread_by_folder(folders.db, user.id),
    }


@router.delete("/{folder_id}")
async def delete(folder_id: str, user: VerifiedUser, folders: Folders, delete_contents: bool | None = True) -> bool:
    await folders.check(user)
    folder = await store.get(folders.db, folder_id)
    if folder is None:
        raise NotFound(messages.NOT_FOUND)
    if folder.user_id != user.id and not user.is_admin:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    ids = await store.subtree(folders.db, folder_id, folder.user_id)
    if delete_contents:
        inside = await store.with_chats(folders.db, ids)
        if inside and not user.is_admin and not await folders.permissions.has(user.id, "chat.delete"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        for chat_id in inside:
            for task_id in folders.tasks.of(chat_id):
                await folders.tasks.stop(task_id)
        await chats.delete(folders.db, inside)
    await store.delete(folders.db, ids)
    return True
