"""What models remember of users."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class MemoryModel(Record):
    id: str
    user_id: str
    type: str = "context"
    path: str | None = None
    content: str
    meta: dict[str, Any] | None = None
    updated_at: int
    created_at: int


class MemoriesTable(RecordTable):
    table = "memory"
    model = MemoryModel

    @awaited_or_not
    async def get_memories(self, db: Any = None) -> Any:
        return await self._list()

    @awaited_or_not
    async def get_memories_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._list(user_id=user_id)

    @awaited_or_not
    async def get_memory_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def insert_new_memory(
        self,
        user_id: str,
        content: str,
        memory_type: str | None = None,
        path: str | None = None,
        meta: dict[str, Any] | None = None,
        db: Any = None,
    ) -> Any:
        """Add a memory, to its collection of vectors too."""
        form = {"content": content, "type": memory_type or "context", "path": path}
        created = await self._run(user_id, "POST", "/api/v1/memories/add", content=form)
        if created and meta is not None:
            return await self._update(created["id"], {"meta": meta})
        return MemoryModel.model_validate(created) if created else None

    @awaited_or_not
    async def update_memory_by_id_and_user_id(
        self,
        id: str,
        user_id: str,
        content: str | None,
        memory_type: str | None = None,
        path: str | None = None,
        update_path: bool = False,
        meta: dict[str, Any] | None = None,
        db: Any = None,
    ) -> Any:
        form = {"content": content, "type": memory_type, **({"path": path} if update_path or path else {})}
        await self._run(user_id, "POST", f"/api/v1/memories/{id}/update", content=form)
        return await self._find(id=id, user_id=user_id)

    @awaited_or_not
    async def delete_memory_by_id(self, id: str, db: Any = None) -> Any:
        memory = await self._find(id=id)
        return memory is not None and bool(await self._run(memory.user_id, "DELETE", f"/api/v1/memories/{id}"))

    @awaited_or_not
    async def delete_memory_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return bool(await self._run(user_id, "DELETE", f"/api/v1/memories/{id}"))

    @awaited_or_not
    async def delete_memories_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return bool(await self._run(user_id, "DELETE", "/api/v1/memories/delete/user"))


Memories = MemoriesTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Memory": "memory"})
