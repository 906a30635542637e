"""Tags of chats."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.record_tables import RecordTable
from fastback.plugin_host.sql_records import find_record_class


class TagModel(Record):
    id: str
    name: str
    user_id: str
    meta: dict[str, Any] | None = None


class TagChatIdForm(Record):
    name: str
    chat_id: str


def build_tag_id(name: str) -> str:
    """Return the id of a tag."""
    return name.replace(" ", "_").lower()


class TagTable(RecordTable):
    table = "tag"
    model = TagModel

    @awaited_or_not
    async def insert_new_tag(self, name: str, user_id: str, db: Any = None) -> Any:
        values = {"id": build_tag_id(name), "name": name, "user_id": user_id}
        await self._call("rows.insert", table="tag", values=values)
        return await self._find(id=values["id"], user_id=user_id)

    @awaited_or_not
    async def get_tag_by_name_and_user_id(self, name: str, user_id: str, db: Any = None) -> Any:
        return await self._find(id=build_tag_id(name), user_id=user_id)

    @awaited_or_not
    async def get_tags_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._list(user_id=user_id)

    @awaited_or_not
    async def get_tags_by_ids_and_user_id(self, ids: list[str], user_id: str, db: Any = None) -> Any:
        return await self._list(id=list(ids), user_id=user_id)

    @awaited_or_not
    async def ensure_tags_exist(self, names: list[str], user_id: str, db: Any = None) -> Any:
        existing_ids = {tag.id for tag in await self._list(user_id=user_id)}
        for name in names:
            if build_tag_id(name) not in existing_ids:
                await self.insert_new_tag(name, user_id)

    @awaited_or_not
    async def delete_tag_by_name_and_user_id(self, name: str, user_id: str, db: Any = None) -> Any:
        where = {"id": build_tag_id(name), "user_id": user_id}
        return bool(await self._call("rows.delete", table="tag", where=where))

    @awaited_or_not
    async def delete_tags_by_ids_and_user_id(self, ids: list[str], user_id: str, db: Any = None) -> Any:
        where = {"id": list(ids), "user_id": user_id}
        return not ids or await self._call("rows.delete", table="tag", where=where) is not None


Tags = TagTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Tag": "tag"})
