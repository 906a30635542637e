"""Channels."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.access_grants import AccessGrantModel
from fastback.plugin_host.record_models import Record, dump_form
from fastback.plugin_host.record_tables import RecordTable, get_time
from fastback.plugin_host.sql_records import find_record_class


class ChannelModel(Record):
    id: str
    user_id: str
    type: str | None = None
    name: str
    description: str | None = None
    is_private: bool | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    access_grants: list[AccessGrantModel] = []
    created_at: int
    updated_at: int
    updated_by: str | None = None
    archived_at: int | None = None
    archived_by: str | None = None
    deleted_at: int | None = None
    deleted_by: str | None = None


class ChannelMemberModel(Record):
    id: str
    channel_id: str
    user_id: str | None = None
    app_id: str | None = None
    role: str | None = None
    status: str | None = None
    is_active: bool = True
    is_channel_muted: bool = False
    is_channel_pinned: bool = False
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    invited_at: int | None = None
    invited_by: str | None = None
    joined_at: int | None = None
    left_at: int | None = None
    last_read_at: int | None = None
    created_at: int | None = None
    updated_at: int | None = None


class ChannelFileModel(Record):
    id: str
    channel_id: str
    file_id: str
    user_id: str
    created_at: int
    updated_at: int


class ChannelResponse(ChannelModel):
    is_manager: bool = False
    write_access: bool = False
    user_count: int | None = None


class ChannelForm(Record):
    name: str = ""
    description: str | None = None
    is_private: bool | None = None
    data: dict[str, Any] | None = None
    meta: dict[str, Any] | None = None
    group_ids: list[str] | None = None
    user_ids: list[str] | None = None


class CreateChannelForm(ChannelForm):
    access_grants: list[dict[str, Any]] | None = None
    type: str | None = None


class ChannelTable(RecordTable):
    table = "channel"
    model = ChannelModel
    grant_type = "channel"

    @awaited_or_not
    async def get_channel_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find(id=id)

    @awaited_or_not
    async def get_channels(self, db: Any = None) -> Any:
        return await self._list()

    @awaited_or_not
    async def get_channels_by_user_id(self, user_id: str, db: Any = None) -> Any:
        """Return the channels that the user's page lists."""
        entries = await self._run(user_id, "GET", "/api/v1/channels/") or []
        return await self._list(id=[entry["id"] for entry in entries])

    @awaited_or_not
    async def get_members_by_channel_id(self, channel_id: str, db: Any = None) -> Any:
        rows = await self._list_rows("channel_member", {"channel_id": channel_id})
        return [ChannelMemberModel.model_validate(row) for row in rows]

    @awaited_or_not
    async def get_member_by_channel_and_user_id(self, channel_id: str, user_id: str, db: Any = None) -> Any:
        rows = await self._list_rows("channel_member", {"channel_id": channel_id, "user_id": user_id})
        return ChannelMemberModel.model_validate(rows[0]) if rows else None

    @awaited_or_not
    async def is_user_channel_member(self, channel_id: str, user_id: str, db: Any = None) -> Any:
        where = {"channel_id": channel_id, "user_id": user_id, "is_active": True}
        return bool(await self._list_rows("channel_member", where))

    @awaited_or_not
    async def add_file_to_channel_by_id(self, channel_id: str, file_id: str, user_id: str, db: Any = None) -> Any:
        import uuid

        now = get_time()
        values = {
            "id": str(uuid.uuid4()),
            "channel_id": channel_id,
            "file_id": file_id,
            "user_id": user_id,
            "created_at": now,
            "updated_at": now,
        }
        await self._call("rows.insert", table="channel_file", values=values)
        return ChannelFileModel.model_validate(values)

    @awaited_or_not
    async def insert_new_channel(self, form_data: Any, user_id: str, db: Any = None) -> Any:
        created = await self._run(user_id, "POST", "/api/v1/channels/create", content=dump_form(form_data))
        return await self._find(id=created["id"]) if created else None

    @awaited_or_not
    async def delete_channel_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._run(None, "DELETE", f"/api/v1/channels/{id}/delete"))


Channels = ChannelTable()


def __getattr__(name: str) -> Any:
    return find_record_class(
        name, {"Channel": "channel", "ChannelMember": "channel_member", "ChannelFile": "channel_file"}
    )
