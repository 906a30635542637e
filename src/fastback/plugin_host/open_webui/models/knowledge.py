"""Knowledge: collections of files."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.access_grants import AccessGrantModel
from fastback.plugin_host.open_webui.models.files import FileMetadataResponse, FileModel
from fastback.plugin_host.open_webui.models.users import UserResponse
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable, get_time
from fastback.plugin_host.sql_records import find_record_class


class KnowledgeModel(Record):
    id: str
    user_id: str
    name: str
    description: str
    meta: dict[str, Any] | None = None
    access_grants: list[AccessGrantModel] = []
    created_at: int
    updated_at: int


class KnowledgeFileModel(Record):
    id: str
    knowledge_id: str
    file_id: str
    directory_id: str | None = None
    user_id: str
    created_at: int
    updated_at: int


class KnowledgeDirectoryModel(Record):
    id: str
    knowledge_id: str
    parent_id: str | None = None
    name: str
    user_id: str
    created_at: int
    updated_at: int


class KnowledgeUserModel(KnowledgeModel):
    user: UserResponse | None = None
    file_count: int | None = None


class KnowledgeResponse(KnowledgeModel):
    files: list[Any] | None = None


class KnowledgeForm(Record):
    name: str
    description: str
    access_grants: list[dict[str, Any]] | None = None


class KnowledgeTable(RecordTable):
    table = "knowledge"
    model = KnowledgeModel
    grant_type = "knowledge"

    @awaited_or_not
    async def get_knowledge_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_knowledge_bases(self, skip: int = 0, limit: int = 30, db: Any = None) -> Any:
        records = await self._list(order="-updated_at", skip=skip, limit=limit)
        owners = await self._list_owners(records)
        return [
            KnowledgeUserModel.model_validate({**record.model_dump(), "user": owners.get(record.user_id)})
            for record in records
        ]

    @awaited_or_not
    async def get_knowledge_bases_by_user_id(self, user_id: str, permission: str = "write", db: Any = None) -> Any:
        """Return the knowledge that is the user's own, or that grants allow the user."""
        records = await self._list(order="-updated_at")
        granted = await self._list_granted(user_id, [record.id for record in records], permission)
        return [record for record in records if record.user_id == user_id or record.id in granted]

    @awaited_or_not
    async def check_access_by_user_id(
        self, id: str, user_id: str, permission: str = "write", db: Any = None, user_group_ids: Any = None
    ) -> Any:
        record = await self._find(id=id)
        if record is None:
            return False
        return record.user_id == user_id or id in await self._list_granted(user_id, [id], permission)

    @awaited_or_not
    async def get_knowledges_by_file_id(self, file_id: str, db: Any = None) -> Any:
        links = await self._list_rows("knowledge_file", {"file_id": file_id})
        return await self._list(id=[link["knowledge_id"] for link in links])

    async def _list_file_rows(self, knowledge_id: str) -> list[dict[str, Any]]:
        links = await self._list_rows("knowledge_file", {"knowledge_id": knowledge_id})
        return await self._list_rows("file", {"id": [link["file_id"] for link in links]}, order="-updated_at")

    @awaited_or_not
    async def get_files_by_id(self, knowledge_id: str, db: Any = None) -> Any:
        return [FileModel.model_validate(row) for row in await self._list_file_rows(knowledge_id)]

    @awaited_or_not
    async def get_file_metadatas_by_id(self, knowledge_id: str, db: Any = None) -> Any:
        return [FileMetadataResponse.model_validate(row) for row in await self._list_file_rows(knowledge_id)]

    @awaited_or_not
    async def has_file(self, knowledge_id: str, file_id: str, db: Any = None) -> Any:
        return bool(await self._list_rows("knowledge_file", {"knowledge_id": knowledge_id, "file_id": file_id}))

    @awaited_or_not
    async def get_all_directories(self, knowledge_id: str, db: Any = None) -> Any:
        rows = await self._list_rows("knowledge_directory", {"knowledge_id": knowledge_id}, order="name")
        return [KnowledgeDirectoryModel.model_validate(row) for row in rows]

    @awaited_or_not
    async def insert_new_knowledge(self, user_id: str, form_data: Any, db: Any = None) -> Any:
        created = await self._run(user_id, "POST", "/api/v1/knowledge/create", content=dump_form(form_data))
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def update_knowledge_by_id(self, id: str, form_data: Any, overwrite: bool = False, db: Any = None) -> Any:
        await self._run(None, "POST", f"/api/v1/knowledge/{id}/update", content=dump_form(form_data))
        return await self._find(id=id)

    @awaited_or_not
    async def update_knowledge_meta_by_id(self, id: str, meta: dict[str, Any], db: Any = None) -> Any:
        return await self._update(id, {"meta": meta})

    @awaited_or_not
    async def add_file_to_knowledge_by_id(
        self, knowledge_id: str, file_id: str, user_id: str, directory_id: str | None = None, db: Any = None
    ) -> Any:
        """Link a file to knowledge; its content is indexed by `process_file`, as in Open WebUI."""
        import uuid

        now = get_time()
        values = {
            "id": str(uuid.uuid4()),
            "knowledge_id": knowledge_id,
            "file_id": file_id,
            "user_id": user_id,
            "directory_id": directory_id,
            "created_at": now,
            "updated_at": now,
        }
        await self._call("rows.insert", table="knowledge_file", values=values)
        return KnowledgeFileModel.model_validate(values)

    @awaited_or_not
    async def remove_file_from_knowledge_by_id(self, knowledge_id: str, file_id: str, db: Any = None) -> Any:
        where = {"knowledge_id": knowledge_id, "file_id": file_id}
        return bool(await self._call("rows.delete", table="knowledge_file", where=where))

    @awaited_or_not
    async def delete_knowledge_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/knowledge/{id}/delete"))


Knowledges = KnowledgeTable()


def __getattr__(name: str) -> Any:
    return find_record_class(
        name, {"Knowledge": "knowledge", "KnowledgeFile": "knowledge_file", "KnowledgeDirectory": "knowledge_directory"}
    )
