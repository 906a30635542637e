"""`/api/v1/folders`: the folder tree, shared folders and their chats."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.guards import VerifiedUser
from fastback.features.chats import store as chats_store
from fastback.features.chats.lists import read_state_store
from fastback.features.chats.lists.page_store import PageOrder
from fastback.features.chats.messages import active_answers
from fastback.features.folders import chat_store, store
from fastback.features.folders.schemas import AccessForm, ExpandedForm, FolderChange, FolderForm, ParentForm
from fastback.features.folders.service import FolderService, encode_folder, list_descendants
from fastback.features.folders.store import Folder
from fastback.kit.http import BadRequest, Forbidden, Invalid, Router
from fastback.records.listing import load_user_summaries

router = Router("/api/v1/folders")

Answer = dict[str, Any]

#: Chats of a shared folder on a page, and in a list without pages.
PAGE_SIZE, UNPAGED_LIMIT = 10, 60


def _read_icon(folder: Folder) -> Answer | None:
    meta = msgspec.json.decode(folder.meta)
    return {"icon": meta.get("icon")} if isinstance(meta, dict) else None


@router.get("/")
async def list_folders(user: VerifiedUser, folders: FolderService) -> list[Answer]:
    """List the user's own folders with their numbers of unread chats."""
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


@router.post("/", takes_content=True)
async def create_folder(data: FolderForm, user: VerifiedUser, folders: FolderService) -> Folder:
    """Create a folder. Inside another user's shared folder it belongs to that user, so that a tree has one owner."""
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
    """List the folders shared with or by the user, then all folders below them."""
    await folders.require_feature(user)
    group_ids = await folders.permissions.list_group_ids(user.id)
    granted = await store.load_granted_permissions(folders.db, user.id, group_ids)
    if not granted:
        return []
    owner_ids = await store.list_owner_ids(folders.db, list(granted))
    rows = await store.list_folders_of_users(folders.db, owner_ids)
    owners = await load_user_summaries(folders.db, owner_ids)
    children: dict[str, dict[str | None, list[Folder]]] = {owner_id: {} for owner_id in owner_ids}
    for row in rows:
        children[row.user_id].setdefault(row.parent_id, []).append(row)
    entries: dict[str, Answer] = {}

    def add(folder: Folder, permission: str) -> None:
        owner = owners.get(folder.user_id)
        entry = entries.setdefault(
            folder.id,
            {**encode_folder(folder), "owner_name": owner.name if owner else "Unknown", "permission": permission},
        )
        # A weaker grant on the folder itself does not reduce the permission that the folder above gives.
        if permission == "write":
            entry["permission"] = "write"

    roots = [row for row in rows if row.id in granted]
    permissions = {row.id: "write" if row.user_id == user.id else granted[row.id] for row in roots}
    for root in roots:
        add(root, permissions[root.id])
    for root in roots:
        for child in list_descendants(root.id, children[root.user_id]):
            add(child, permissions[root.id])
    return list(entries.values())


@router.get("/{folder_id}")
async def open_folder(folder_id: str, user: VerifiedUser, folders: FolderService) -> Answer:
    """Return a folder with its grants, and whether the user may write it."""
    folder = await folders.get_permitted_folder(folder_id, user, "read")
    grants = await folders.grants.list_grants("folder", folder_id)
    may_write = user.is_admin or await folders.is_allowed(folder, user, "write")
    return {
        **encode_folder(folder),
        "access_grants": [msgspec.structs.asdict(grant) for grant in grants],
        "write_access": may_write,
    }


@router.post("/{folder_id}/update", takes_content=True)
async def update_folder(folder_id: str, data: FolderChange, user: VerifiedUser, folders: FolderService) -> Folder:
    """Change the name, meta or data of a folder; absent fields stay as they are."""
    folder = await folders.get_permitted_folder(folder_id, user, "write")
    if data.name is None or data.data is None or data.meta is None:
        raise BadRequest(messages.wrap_reason("Error updating folder"))
    stored = msgspec.json.decode(folder.data) or {}
    name = None if data.name is UNSET else data.name
    meta = None if data.meta is UNSET else data.meta
    changes = None if data.data is UNSET else data.data
    share_mode = (changes or {}).get("share_mode", stored.get("share_mode"))
    if share_mode != stored.get("share_mode") and not user.is_admin and folder.user_id != user.id:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    if name is not None:
        await folders.require_free_name(folder.user_id, folder.parent_id, name, except_id=folder_id)
    if changes and "files" in changes:
        await folders.require_files_readable_by_owner(changes, folder.user_id)
        # The request repeats the owner's entries; the user must be allowed to read only the added ones.
        previous = stored.get("files") or []
        added = [entry for entry in changes["files"] or [] if entry not in previous]
        await folders.require_readable_files({"files": added}, user)
    await store.update_folder(folders.db, folder, name=name, meta=meta, data=changes)
    return await folders.reload_folder(folder_id)


@router.post("/{folder_id}/update/parent")
async def move_folder(folder_id: str, data: ParentForm, user: VerifiedUser, folders: FolderService) -> Folder:
    """Move a folder into another one, or to the top level."""
    folder = await folders.get_owned_folder(folder_id, user)
    parent_id = data.parent_id or None
    await folders.require_free_name(user.id, parent_id, folder.name, except_id=folder_id)
    if parent_id in await store.list_subtree_ids(folders.db, folder_id, user.id):
        raise BadRequest(messages.wrap_reason("Cannot move a folder into itself or one of its subfolders"))
    await store.set_parent(folders.db, folder_id, parent_id)
    await folders.bus.publish(GrantsChanged("folder", folder_id))
    return await folders.reload_folder(folder_id)


@router.post("/{folder_id}/update/expanded")
async def set_folder_expanded(
    folder_id: str, data: ExpandedForm, user: VerifiedUser, folders: FolderService
) -> Folder | None:
    """Store whether the owner's sidebar shows the folder expanded.

    For other readers nothing changes: the response is the folder as it is, or null without access.
    """
    folder = await folders.get_folder(folder_id, user)
    if folder.user_id != user.id:
        return folder if user.is_admin or await folders.is_allowed(folder, user, "read") else None
    await store.set_expanded(folders.db, folder_id, data.is_expanded)
    return await folders.reload_folder(folder_id)


@router.post("/{folder_id}/access/update")
async def set_folder_access(folder_id: str, data: AccessForm, user: VerifiedUser, folders: FolderService) -> Answer:
    """Replace the grants of a folder, and set whether its readers may continue its chats."""
    folder = await folders.get_folder(folder_id, user)
    if folder.user_id != user.id and not user.is_admin:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    validated = await folders.grants.validate_grants(user.id, user.role, data.access_grants, "folder")
    async with folders.db.transaction() as tx:
        grants = await folders.grants.replace_grants(tx, "folder", folder_id, validated)
        if data.share_mode is not UNSET:
            await store.update_folder(tx, folder, data={"share_mode": data.share_mode})
    await folders.bus.publish(GrantsChanged("folder", folder_id))
    return {
        **encode_folder(await folders.reload_folder(folder_id)),
        "access_grants": [msgspec.structs.asdict(grant) for grant in grants],
    }


def _build_participant(user_id: str, owner_id: str, names: dict[str, str]) -> tuple[Any, Answer]:
    """Return the sort key and the entry of a chat's participant; the owner comes first, the others follow by name."""
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
    """List the chats of all users in a shared folder, with their participants."""
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
    may_write = user.is_admin or await folders.is_allowed(folder, user, "write")
    if not may_write and not await folders.is_allowed(folder, user, "read"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    skip = ((page or 1) - 1) * PAGE_SIZE
    rows = await chat_store.list_chats(
        folders.db,
        folder_id,
        user.id,
        skip=skip,
        limit=UNPAGED_LIMIT if page is None else PAGE_SIZE,
        order=PageOrder(sort_by, sort_dir),
    )
    author_ids = await chat_store.load_author_ids(folders.db, [row.id for row in rows])
    active_ids = await active_answers.list_active_chat_ids(folders.db, list(author_ids), folders.tasks)
    users = await load_user_summaries(
        folders.db, [row.user_id for row in rows] + [author_id for ids in author_ids.values() for author_id in ids]
    )
    names = {participant.id: participant.name for participant in users.values()}
    entries = [
        {
            **msgspec.structs.asdict(row),
            "last_read_at": row.last_read_at if row.user_id == user.id else row.updated_at,
            "owner_name": names.get(row.user_id, "Unknown"),
            "participants": [
                participant
                for _, participant in sorted(
                    _build_participant(author_id, row.user_id, names) for author_id in author_ids[row.id]
                )
            ],
            "active": row.id in active_ids,
            "readonly": row.user_id != user.id,
        }
        for row in rows
    ]
    answer: Answer = {"chats": entries, "folder_permission": "write" if may_write else "read"}
    if page is not None:
        total = await chat_store.count_chats(folders.db, folder_id)
        answer |= {"total": total, "has_more": skip + PAGE_SIZE < total}
    return answer


@router.post("/{folder_id}/read")
async def mark_folder_read(folder_id: str, user: VerifiedUser, folders: FolderService) -> Answer:
    """Mark the user's chats in a folder as read; for its owner and administrators also in the folders below it."""
    folder = await folders.get_folder(folder_id, user)
    with_subfolders = user.is_admin or folder.user_id == user.id
    if not with_subfolders and not await folders.is_allowed(folder, user, "read"):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    ids = await store.list_subtree_ids(folders.db, folder_id, folder.user_id) if with_subfolders else [folder_id]
    return {
        "folder_id": folder_id,
        "folder_ids": ids,
        "updated_count": await chats_store.mark_folders_read(folders.db, user.id, ids),
        "folder_unread_counts": await read_state_store.count_unread_by_folder(folders.db, user.id),
    }


@router.delete("/{folder_id}")
async def delete_folder(
    folder_id: str, user: VerifiedUser, folders: FolderService, delete_contents: bool | None = True
) -> bool:
    """Delete a folder and the folders below it; `delete_contents` deletes the owner's chats in them, too."""
    folder = await folders.get_folder(folder_id, user)
    if folder.user_id != user.id and not user.is_admin:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    await folders.delete_folder(folder, user, with_contents=bool(delete_contents))
    return True
