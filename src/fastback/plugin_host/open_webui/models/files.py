"""Files that users have uploaded."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import OpenRecord, Record, dump_form
from fastback.plugin_host.record_tables import RecordTable, escape_pattern, get_time
from fastback.plugin_host.sql_records import find_record_class


class FileModel(Record):
    id: str
    user_id: str
    hash: str | None = None
    filename: str
    path: str | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    created_at: int | None
    updated_at: int | None


class FileMeta(OpenRecord):
    name: str | None = None
    content_type: str | None = None
    size: int | None = None


class FileModelResponse(OpenRecord):
    id: str
    user_id: str
    hash: str | None = None
    filename: str
    data: dict[str, Any] | None = None
    meta: FileMeta | None = None
    created_at: int
    updated_at: int | None = None


class FileMetadataResponse(Record):
    id: str
    hash: str | None = None
    meta: dict[str, Any] | None = None
    created_at: int
    updated_at: int


class FileListResponse(Record):
    items: list[FileModelResponse]
    total: int


class FileForm(Record):
    id: str
    hash: str | None = None
    filename: str
    path: str
    data: dict[str, Any] = {}
    meta: dict[str, Any] = {}


class FileUpdateForm(Record):
    hash: str | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None


class FilesTable(RecordTable):
    table = "file"
    model = FileModel

    @awaited_or_not
    async def insert_new_file(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        now = get_time()
        values = {**dump_form(form_data), "user_id": user_id, "created_at": now, "updated_at": now}
        await self._call("rows.insert", table="file", values=values)
        return await self._find(id=values["id"])

    @awaited_or_not
    async def get_file_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_file_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def get_file_metadata_by_id(self, id: str, db: Any = None) -> Any:
        file = await self._find(id=id)
        return FileMetadataResponse.model_validate(file) if file is not None else None

    @awaited_or_not
    async def get_files(self, db: Any = None) -> Any:
        return await self._list()

    @awaited_or_not
    async def count_files_by_user_id(self, user_id: str | None = None, db: Any = None) -> Any:
        return await self._count(**({"user_id": user_id} if user_id else {}))

    @awaited_or_not
    async def check_access_by_user_id(self, id: str, user_id: str, permission: str = "write", db: Any = None) -> Any:
        """Return whether the file is the user's own."""
        return await self._find(id=id, user_id=user_id) is not None

    @awaited_or_not
    async def get_files_by_ids(self, ids: list[str], db: Any = None) -> Any:
        return await self._list(order="-updated_at", id=list(ids))

    @awaited_or_not
    async def get_file_metadatas_by_ids(self, ids: list[str], db: Any = None) -> Any:
        files = await self._list(order="-updated_at", id=list(ids))
        return [FileMetadataResponse.model_validate(file) for file in files]

    @awaited_or_not
    async def get_files_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._list(user_id=user_id)

    @awaited_or_not
    async def get_file_list(self, user_id: str | None = None, skip: int = 0, limit: int = 50, db: Any = None) -> Any:
        where = {"user_id": user_id} if user_id else {}
        files = await self._list(order="-updated_at", skip=skip, limit=limit, **where)
        items = [FileModelResponse.model_validate(file.model_dump()) for file in files]
        return FileListResponse(items=items, total=await self._count(**where))

    @awaited_or_not
    async def search_files(
        self, user_id: str | None = None, filename: str = "*", skip: int = 0, limit: int = 100, db: Any = None
    ) -> Any:
        """Return files whose names match a pattern with `*` and `?`, the newest first."""
        pattern = escape_pattern(filename).replace("*", "%").replace("?", "_")
        where = {"filename~": pattern, **({"user_id": user_id} if user_id else {})}
        return await self._list(order="-created_at", skip=skip, limit=limit, **where)

    @awaited_or_not
    async def update_file_by_id(self, id: str, form_data: Any, db: Any = None) -> Any:
        fields = {name: value for name, value in dump_form(form_data).items() if value is not None}
        return await self._update(id, fields, [name for name in ("data", "meta") if name in fields])

    @awaited_or_not
    async def update_file_hash_by_id(self, id: str, hash: str | None, db: Any = None) -> Any:
        return await self._update(id, {"hash": hash})

    @awaited_or_not
    async def update_file_data_by_id(self, id: str, data: dict[str, Any], db: Any = None) -> Any:
        return await self._update(id, {"data": data}, ["data"])

    @awaited_or_not
    async def update_file_metadata_by_id(self, id: str, meta: dict[str, Any], db: Any = None) -> Any:
        return await self._update(id, {"meta": meta}, ["meta"])

    @awaited_or_not
    async def update_file_name_by_id(self, id: str, name: str, db: Any = None) -> Any:
        return await self._update(id, {"filename": name, "meta": {"name": name}}, ["meta"])

    @awaited_or_not
    async def delete_file_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._call("files.delete", file_id=id))


Files = FilesTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"File": "file"})
