"""`/api/v1/folders`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.guards import VerifiedUser
from fastback.features.chats.lists import read_state_store
from fastback.features.chats.messages import active_answers
from fastback.features.folders import chat_store, store
from fastback.features.folders.service import FolderService, encode_folder, list_descendants
from fastback.features.folders.store import Folder
from fastback.kit.http import BadRequest, Forbidden, Invalid, Router
from fastback.records.listing import load_user_summaries

router = Router("/api/v1/folders")

Answer = dict[str, Any]

#: Chats of a shared folder on a page, and without paging.
PAGE, ALL = 10, 60


def _read_icon(folder: Folder) -> Answer | None:
    meta = msgspec.json.decode(folder.meta)
    return {"icon": meta.get("icon")} if isinstance(meta, dict) else None


@router.get("/")
async def list_folders(user: VerifiedUser, folders: FolderService) -> list[Answer]:
    await folders.require_feature(user)
    rows = await folders.detach_lost_folders(await store.list_folders(folders.db, user.id))
    if not rows:
        return []
    await folders.drop_unreadable_files(rows, user)
    unread = await read_state_store.count_unread_by_folder(folders.db, user.id)
    return [
        {
            "id": row.id,
            "name": row.name,
            "meta": _read_icon(row),
            "parent_id": row.parent_id,
            "is_expanded": row.is_expanded,
            "unread_count": unread.get(row.id, 0),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]


class FolderForm(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    parent_id: str | None = None


class FolderChange(msgspec.Struct, forbid_unknown_fields=True):
    name: str | UnsetType | None = UNSET
    data: dict[str, Any] | UnsetType | None = UNSET
    meta: dict[str, Any] | UnsetType | None = UNSET


class ParentForm(msgspec.Struct):
    parent_id: str | None = None


class ExpandedForm(msgspec.Struct):
    is_expanded: bool


class AccessForm(msgspec.Struct):
    access_grants: list[dict[str, Any]]
    share_mode: Literal["continue"] | UnsetType | None = UNSET


@router.post("/")
async def create_folder(data: FolderForm, user: VerifiedUser, folders: FolderService) -> Folder:
    """A folder in somebody else's shared one is theirs too, so that the tree stays one."""
    await folders.require_feature(user)
    await folders.require_free_name(user.id, data.parent_id, data.name)
    await folders.require_readable_files(data.data, user)
    owner_id = user.id
    parent = await store.find_folder(folders.db, data.parent_id) if data.parent_id else None
    if parent is not None and parent.user_id != user.id:
        if not user.is_admin and not await folders.is_allowed(parent, user, "write"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        owner_id = parent.user_id
        await folders.require_files_readable_by_owner(data.data, owner_id)
    return await store.insert_folder(
        folders.db, owner_id, name=data.name, parent_id=data.parent_id, meta=data.meta, data=data.data
    )


@router.get("/shared")
async def list_shared_folders(user: VerifiedUser, folders: FolderService) -> list[Answer]:
    """Folders shared with or by the user, then all that lie below them."""
    await folders.require_feature(user)
    groups = await folders.permissions.list_group_ids(user.id)
    granted = await store.load_granted_permissions(folders.db, user.id, groups)
    if not granted:
        return []
    owner_ids = await store.list_owner_ids(folders.db, list(granted))
    rows = await store.list_folders_of_users(folders.db, owner_ids)
    owners = await load_user_summaries(folders.db, owner_ids)
    sisters: dict[str, dict[str | None, list[Folder]]] = {one: {} for one in owner_ids}
    for row in rows:
        sisters[row.user_id].setdefault(row.parent_id, []).append(row)
    found: dict[str, Answer] = {}

    def add(folder: Folder, permission: str) -> None:
        owner = owners.get(folder.user_id)
        one = found.setdefault(
            folder.id,
            {**encode_folder(folder), "owner_name": owner.name if owner else "Unknown", "permission": permission},
        )
        # A weaker grant of its own does not take away what the folder above gives.
        if permission == "write":
            one["permission"] = "write"

    roots = [row for row in rows if row.id in granted]
    strongest = {row.id: "write" if row.user_id == user.id else granted[row.id] for row in roots}
    for root in roots:
        add(root, strongest[root.id])
    for root in roots:
        for child in list_descendants(root.id, sisters[root.user_id]):
            add(child, strongest[root.id])
    return list(found.values())


@router.get("/{folder_id}")
async def open_folder(folder_id: str, user: VerifiedUser, folders: FolderService) -> Answer:
    folder = await folders.get_permitted_folder(folder_id, user, "read")
    grants = await folders.grants.list_grants("folder", folder_id)
    write = user.is_admin or await folders.is_allowed(folder, user, "write")
    return {
        **encode_folder(folder),
        "access_grants": [msgspec.structs.asdict(one) for one in grants],
        "write_access": write,
    }


@router.post("/{folder_id}/update")
async def update_folder(folder_id: str, data: FolderChange, user: VerifiedUser, folders: FolderService) -> Folder:
    folder = await folders.get_permitted_folder(folder_id, user, "write")
    if data.name is None or data.data is None or data.meta is None:
        raise BadRequest(messages.wrap_reason("Error updating folder"))
    known = msgspec.json.decode(folder.data) or {}
    name = None if data.name is UNSET else data.name
    meta = None if data.meta is UNSET else data.meta
    new = None if data.data is UNSET else data.data
    mode = (new or {}).get("share_mode", known.get("share_mode"))
    if mode != known.get("share_mode") and not user.is_admin and folder.user_id != user.id:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    if name is not None:
        await folders.require_free_name(folder.user_id, folder.parent_id, name, besides=folder_id)
    if new and "files" in new:
        await folders.require_files_readable_by_owner(new, folder.user_id)
        # Whoever changes the folder sends back what the owner put there; only what is new must be theirs to read.
        before = known.get("files") or []
        added = [one for one in new["files"] or [] if one not in before]
        await folders.require_readable_files({"files": added}, user)
    await store.update_folder(folders.db, folder, name=name, meta=meta, data=new)
    return await folders.reload_folder(folder_id)


@router.post("/{folder_id}/update/parent")
async def move_folder(folder_id: str, data: ParentForm, user: VerifiedUser, folders: FolderService) -> Folder:
    folder = await folders.get_owned_folder(folder_id, user)
    parent_id = data.parent_id or None
    await folders.require_free_name(user.id, parent_id, folder.name, besides=folder_id)
    if parent_id in await store.list_subtree_ids(folders.db, folder_id, user.id):
        raise BadRequest(messages.wrap_reason("Cannot move a folder into itself or one of its subfolders"))
    await store.set_parent(folders.db, folder_id, parent_id)
    await folders.bus.publish(GrantsChanged("folder", folder_id))
    return await folders.reload_folder(folder_id)


@router.post("/{folder_id}/update/expanded")
async def set_folder_expanded(
    folder_id: str, data: ExpandedForm, user: VerifiedUser, folders: FolderService
) -> Folder | None:
    """Whether it is open is the owner's: others get the folder as it is, those who may not see it nothing."""
    folder = await folders.get_folder(folder_id, user)
    if folder.user_id != user.id:
        return folder if user.is_admin or await folders.is_allowed(folder, user, "read") else None
    await store.set_expanded(folders.db, folder_id, data.is_expanded)
    return await folders.reload_folder(folder_id)


@router.post("/{folder_id}/access/update")
async def set_folder_access(folder_id: str, data: AccessForm, user: VerifiedUser, folders: FolderService) -> Answer:
    folder = await folders.get_folder(folder_id, user)
    if folder.user_id != user.id and not user.is_admin:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    wanted = await folders.grants.validate_grants(user.id, user.role, data.access_grants, "folder")
    async with folders.db.transaction() as tx:
        grants = await folders.grants.replace_grants(tx, "folder", folder_id, wanted)
        if data.share_mode is not UNSET:
            await store.update_folder(tx, folder, data={"share_mode": data.share_mode})
    await folders.bus.publish(GrantsChanged("folder", folder_id))
    return {
        **encode_folder(await folders.reload_folder(folder_id)),
        "access_grants": [msgspec.structs.asdict(one) for one in grants],
    }


def _build_participant(user_id: str, owner_id: str, names: dict[str, str]) -> tuple[Any, Answer]:
    """Somebody who takes part in a chat, and where they stand: the owner first, then by name."""
    name = names.get(user_id)
    return (user_id != owner_id, not name, (name or "").casefold(), user_id), {"id": user_id, "name": name}


@router.get("/{folder_id}/shared/chats")
async def list_shared_chats(
    folder_id: str,
    user: VerifiedUser,
    folders: FolderService,
    page: int | None = None,
    sort_by: str = "unread_updated_at",
    sort_dir: str = "desc",
) -> Answer:
    if page is not None and page < 1:
        raise Invalid(
            [
                {
                    "type": "greater_than_equal",
                    "loc": ["query", "page"],
                    "msg": "Input should be greater than or equal to 1",
                    "input": str(page),
                    "ctx": {"ge": 1},
                }
            ]
        )
    folder = await folders.get_folder(folder_id, user)
    write = user.is_admin or await folders.is_allowed(folder, user, "write")
    if not write and not await folders.is_allowed(folder, user, "read"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    skip = ((page or 1) - 1) * PAGE
    rows = await chat_store.list_chats(
        folders.db,
        folder_id,
        user.id,
        skip=skip,
        limit=ALL if page is None else PAGE,
        sort_by=sort_by,
        direction=sort_dir,
    )
    authors = await chat_store.load_author_ids(folders.db, [row.id for row in rows])
    active = await active_answers.list_active_chat_ids(folders.db, list(authors), folders.tasks)
    known = await load_user_summaries(
        folders.db, [row.user_id for row in rows] + [one for ids in authors.values() for one in ids]
    )
    names = {one.id: one.name for one in known.values()}
    shown = [
        {
            **msgspec.structs.asdict(row),
            "last_read_at": row.last_read_at if row.user_id == user.id else row.updated_at,
            "owner_name": names.get(row.user_id, "Unknown"),
            "participants": [
                one for _, one in sorted(_build_participant(who, row.user_id, names) for who in authors[row.id])
            ],
            "active": row.id in active,
            "readonly": row.user_id != user.id,
        }
        for row in rows
    ]
    answer: Answer = {"chats": shown, "folder_permission": "write" if write else "read"}
    if page is not None:
        total = await chat_store.count_chats(folders.db, folder_id)
        answer |= {"total": total, "has_more": skip + PAGE < total}
    return answer


@router.post("/{folder_id}/read")
async def mark_folder_read(folder_id: str, user: VerifiedUser, folders: FolderService) -> Answer:
    folder = await folders.get_folder(folder_id, user)
    own = user.is_admin or folder.user_id == user.id
    if not own and not await folders.is_allowed(folder, user, "read"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    ids = await store.list_subtree_ids(folders.db, folder_id, folder.user_id) if own else [folder_id]
    return {
        "folder_id": folder_id,
        "folder_ids": ids,
        "updated_count": await store.mark_chats_read(folders.db, user.id, ids),
        "folder_unread_counts": await read_state_store.count_unread_by_folder(folders.db, user.id),
    }


@router.delete("/{folder_id}")
async def delete_folder(
    folder_id: str, user: VerifiedUser, folders: FolderService, delete_contents: bool | None = True
) -> bool:
    folder = await folders.get_folder(folder_id, user)
    if folder.user_id != user.id and not user.is_admin:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    await folders.delete_folder(folder, user, with_contents=bool(delete_contents))
    return True
