"""Methods that count chats, by folder and by tag, and that change all chats of a user or a folder."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.forms import ChatTitleIdResponse
from fastback.plugin_host.chat_records.rows import ChatRows
from fastback.plugin_host.open_webui.models.tags import Tags, build_tag_id


class ChatCounts(ChatRows):
    """Numbers of chats, and changes of many; chats of notes and subagents do not count."""

    @awaited_or_not
    async def count_archived_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return await self._count_chats(user_id=user_id, archived=True)

    @awaited_or_not
    async def count_chats_by_folder_id_and_user_id(self, folder_id: str, user_id: str, db: Any = None) -> Any:
        return await self._count_chats(folder_id=folder_id, user_id=user_id)

    @awaited_or_not
    async def count_chats_by_folder_ids_and_user_id(self, folder_ids: list[str], user_id: str, db: Any = None) -> Any:
        return await self._count_chats(folder_id=list(folder_ids), user_id=user_id) if folder_ids else 0

    @awaited_or_not
    async def count_all_chats_by_folder_id(self, folder_id: str, db: Any = None) -> Any:
        """Return the number of chats that a folder's list shows, of all users."""
        return await self._count_chats(folder_id=folder_id, archived=False, is_unpinned=True)

    @awaited_or_not
    async def count_unread_by_folder_ids(self, user_id: str, folder_ids: list[str], db: Any = None) -> Any:
        """Return the numbers of chats that wait for the user, by folder, without the folders that have none."""
        where = {"user_id": user_id, "folder_id": list(folder_ids), "archived": False, "is_waiting": True}
        rows = await self._list_rows("chat", where, columns="folder_id") if folder_ids else []
        return dict(Counter(row["folder_id"] for row in rows))

    # -- tags ------------------------------------------------------------------------------------------------------

    async def _list_tagged(self, user_id: str) -> list[tuple[dict[str, Any], set[str]]]:
        """Return a user's chats, as entries of lists, with the ids of their tags."""
        columns = "id title updated_at created_at last_read_at meta"
        where = {"user_id": user_id, "is_visible": True}
        rows = await self._list_rows("chat", where, order="-updated_at id", columns=columns)
        return [(row, set((row.get("meta") or {}).get("tags") or ())) for row in rows]

    @awaited_or_not
    async def get_chat_list_by_user_id_and_tag_name(
        self, user_id: str, tag_name: str, skip: int = 0, limit: int = 50, db: Any = None
    ) -> Any:
        tag_id = build_tag_id(tag_name)
        rows = [row for row, tag_ids in await self._list_tagged(user_id) if tag_id in tag_ids]
        stop = skip + limit if limit else None
        return [ChatTitleIdResponse.model_validate(row) for row in rows[skip:stop]]

    @awaited_or_not
    async def count_chats_by_tag_name_and_user_id(self, tag_name: str, user_id: str, db: Any = None) -> Any:
        tag_id = build_tag_id(tag_name)
        return (await self.count_chats_by_tag_ids_and_user_id([tag_id], user_id))[tag_id]

    @awaited_or_not
    async def count_chats_by_tag_ids_and_user_id(self, tag_ids: list[str], user_id: str, db: Any = None) -> Any:
        """Return the numbers of chats by tag."""
        chats = await self._list_tagged(user_id) if tag_ids else []
        return {tag_id: sum(build_tag_id(tag_id) in ids for _, ids in chats) for tag_id in tag_ids}

    @awaited_or_not
    async def delete_orphan_tags_for_user(
        self, tag_ids: list[str], user_id: str, threshold: int = 0, db: Any = None
    ) -> Any:
        """Delete the tags that no more than `threshold` chats have."""
        counts = await self.count_chats_by_tag_ids_and_user_id(tag_ids, user_id)
        orphans = [tag_id for tag_id in tag_ids if counts[tag_id] <= threshold]
        await Tags.delete_tags_by_ids_and_user_id(orphans, user_id)

    # -- many chats ------------------------------------------------------------------------------------------------

    @awaited_or_not
    async def archive_all_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return bool(await self._run(user_id, "POST", "/api/v1/chats/archive/all"))

    @awaited_or_not
    async def unarchive_all_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return bool(await self._run(user_id, "POST", "/api/v1/chats/unarchive/all"))

    @awaited_or_not
    async def delete_chats_by_user_id(self, user_id: str, db: Any = None) -> Any:
        return bool(await self._run(user_id, "DELETE", "/api/v1/chats/"))

    @awaited_or_not
    async def delete_chats_by_user_id_and_folder_id(self, user_id: str, folder_id: str, db: Any = None) -> Any:
        rows = await self._list_rows("chat", {"user_id": user_id, "folder_id": folder_id}, columns="id")
        for row in rows:
            await self._call("chats.delete", chat_id=row["id"])
        return True

    @awaited_or_not
    async def move_chats_by_folder_id(self, folder_id: str, new_folder_id: str | None, db: Any = None) -> Any:
        where, values = {"folder_id": folder_id}, {"folder_id": new_folder_id}
        return await self._call("rows.update", table="chat", where=where, values=values) is not None
