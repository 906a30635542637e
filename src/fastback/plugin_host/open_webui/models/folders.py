"""Folders of chats."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class FolderModel(Record):
    id: str
    parent_id: str | None = None
    user_id: str
    name: str
    items: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    is_expanded: bool = False
    created_at: int
    updated_at: int


class FolderNameIdResponse(Record):
    id: str
    name: str
    meta: dict[str, Any] | None = None
    parent_id: str | None = None
    is_expanded: bool = False
    unread_count: int = 0
    created_at: int
    updated_at: int


class FolderForm(Record):
    name: str
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    parent_id: str | None = None


class FolderUpdateForm(Record):
    name: str | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class FolderTable(RecordTable):
    table = "folder"
    model = FolderModel

    @awaited_or_not
    async def get_folder_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_folder_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def get_folders_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._list(user_id=user_id)

    @awaited_or_not
    async def get_folders_by_parent_id_and_user_id(self, parent_id: str | None, user_id: str, db: Any = None) -> Any:
        return await self._list(parent_id=parent_id, user_id=user_id)

    @awaited_or_not
    async def get_folder_by_parent_id_and_user_id_and_name(
        self, parent_id: str | None, user_id: str, name: str, db: Any = None
    ) -> Any:
        folders = await self._list(parent_id=parent_id, user_id=user_id)
        return next((folder for folder in folders if folder.name.lower() == name.lower()), None)

    @awaited_or_not
    async def get_children_folders_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        """Return the folders below one, of all levels."""
        folders = await self._list(user_id=user_id)
        children: list[FolderModel] = []
        parent_ids = {id}
        while below := [folder for folder in folders if folder.parent_id in parent_ids and folder not in children]:
            children += below
            parent_ids = {folder.id for folder in below}
        return children

    @awaited_or_not
    async def insert_new_folder(
        self, user_id: str, form_data: Any, parent_id: str | None = None, db: Any = None
    ) -> Any:
        content = {**dump_form(form_data), **({"parent_id": parent_id} if parent_id else {})}
        created = await self._run(user_id, "POST", "/api/v1/folders/", content=content)
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def update_folder_by_id_and_user_id(self, id: str, user_id: str, form_data: Any, db: Any = None) -> Any:
        content = dump_form(form_data, exclude_unset=True)
        await self._run(user_id, "POST", f"/api/v1/folders/{id}/update", content=content)
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def update_folder_parent_id_by_id_and_user_id(
        self, id: str, user_id: str, parent_id: str | None, db: Any = None
    ) -> Any:
        content = {"parent_id": parent_id}
        await self._run(user_id, "POST", f"/api/v1/folders/{id}/update/parent", content=content)
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def update_folder_is_expanded_by_id_and_user_id(
        self, id: str, user_id: str, is_expanded: bool, db: Any = None
    ) -> Any:
        content = {"is_expanded": is_expanded}
        await self._run(user_id, "POST", f"/api/v1/folders/{id}/update/expanded", content=content)
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def delete_folder_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        """Delete a folder with its chats and the folders below; return the ids of the folders."""
        children = await self.get_children_folders_by_id_and_user_id(id, user_id)
        deleted = await self._run(user_id, "DELETE", f"/api/v1/folders/{id}")
        return [id, *(folder.id for folder in children)] if deleted else []


Folders = FolderTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Folder": "folder"})
