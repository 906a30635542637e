"""Chats with their messages."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.chat_records.counts import ChatCounts
from fastback.plugin_host.chat_records.forms import ChatFileModel as ChatFileModel
from fastback.plugin_host.chat_records.forms import ChatForm as ChatForm
from fastback.plugin_host.chat_records.forms import ChatImportForm as ChatImportForm
from fastback.plugin_host.chat_records.forms import ChatListResponse as ChatListResponse
from fastback.plugin_host.chat_records.forms import ChatModel as ChatModel
from fastback.plugin_host.chat_records.forms import ChatResponse as ChatResponse
from fastback.plugin_host.chat_records.forms import ChatsImportForm as ChatsImportForm
from fastback.plugin_host.chat_records.forms import ChatTitleForm as ChatTitleForm
from fastback.plugin_host.chat_records.forms import ChatTitleIdResponse as ChatTitleIdResponse
from fastback.plugin_host.chat_records.forms import SharedChatResponse as SharedChatResponse
from fastback.plugin_host.chat_records.history import ChatHistory
from fastback.plugin_host.chat_records.lists import ChatLists
from fastback.plugin_host.chat_records.messages import ChatMessageMethods
from fastback.plugin_host.chat_records.reading import ChatReading
from fastback.plugin_host.chat_records.sharing import ChatSharing
from fastback.plugin_host.open_webui.models.tags import Tags, build_tag_id
from fastback.plugin_host.record_models import dump_form
from fastback.plugin_host.record_tables import get_time
from fastback.plugin_host.sql_records import find_record_class


class ChatTable(ChatLists, ChatCounts, ChatReading, ChatSharing, ChatMessageMethods, ChatHistory):
    @awaited_or_not
    async def get_chat_by_id(self, id: str, db: Any = None) -> Any:
        return await self._find_chat(id)

    @awaited_or_not
    async def get_chat_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        return await self._find_chat(id, user_id)

    @awaited_or_not
    async def insert_new_chat(
        self,
        id: str,
        user_id: str,
        form_data: Any,
        db: Any = None,
        *,
        internal_meta: dict[str, Any] | None = None,
        timer_at: int | None = None,
    ) -> Any:
        form = dump_form(form_data)
        return await self._change("chats.insert", id, user_id=user_id, form={**form, "meta": internal_meta or {}})

    @awaited_or_not
    async def import_chats(self, user_id: str, chat_import_forms: list[Any], db: Any = None) -> Any:
        content = {"chats": [dump_form(form) for form in chat_import_forms]}
        created = await self._run(user_id, "POST", "/api/v1/chats/import", content=content) or []
        return [ChatModel.model_validate(chat) for chat in created]

    @awaited_or_not
    async def update_chat_by_id(self, id: str, chat: dict[str, Any], db: Any = None, *, touch: bool = True) -> Any:
        """Merge fields into the chat's document."""
        return await self._change("chats.update", id, document=chat)

    @awaited_or_not
    async def update_chat_title_by_id(self, id: str, title: str) -> Any:
        return await self._change("chats.set_title", id, title=title)

    @awaited_or_not
    async def update_chat_tags_by_id(self, id: str, tags: list[str], user: Any) -> Any:
        """Replace the tags of a chat, and create those that are missing."""
        ids = [build_tag_id(tag) for tag in tags if build_tag_id(tag) != "none"]
        await self._set_columns(id, {"meta": {"tags": ids}}, ["meta"])
        await Tags.ensure_tags_exist([tag for tag in tags if build_tag_id(tag) != "none"], user.id)

    @awaited_or_not
    async def update_chat_params_by_id(self, id: str, params: dict[str, Any]) -> Any:
        """Merge parameters of models into the chat's document."""
        chat = await self._find_chat(id)
        if chat is None:
            return None
        document = {"params": {**(chat.chat.get("params") or {}), **params}}
        return await self._change("chats.update", id, document=document)

    @awaited_or_not
    async def update_chat_variables_by_id(
        self, id: str, variables: dict[str, Any] | None, db: Any = None, *, touch: bool = True
    ) -> Any:
        return await self._set_columns(id, {"variables": variables or {}})

    @awaited_or_not
    async def update_chat_folder_id_by_id_and_user_id(
        self, id: str, user_id: str, folder_id: str | None, db: Any = None
    ) -> Any:
        await self._set_columns(id, {"folder_id": folder_id, "pinned": False, "updated_at": get_time()})
        return await self._find_chat(id, user_id)

    @awaited_or_not
    async def toggle_chat_pinned_by_id(self, id: str, db: Any = None) -> Any:
        chat = await self._find_chat(id)
        return await self._set_columns(id, {"pinned": not chat.pinned}) if chat is not None else None

    @awaited_or_not
    async def toggle_chat_archive_by_id(self, id: str, db: Any = None) -> Any:
        chat = await self._find_chat(id)
        values = {"archived": not chat.archived, "folder_id": None} if chat is not None else {}
        return await self._set_columns(id, values) if chat is not None else None

    @awaited_or_not
    async def delete_chat_by_id(self, id: str, db: Any = None) -> Any:
        return bool(await self._call("chats.delete", chat_id=id))

    @awaited_or_not
    async def delete_chat_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        is_own = await self._count(id=id, user_id=user_id) > 0
        return is_own and bool(await self._call("chats.delete", chat_id=id))

    # -- parts of chats --------------------------------------------------------------------------------------------

    @awaited_or_not
    async def get_chat_title_by_id(self, id: str) -> Any:
        chat = await self._find_chat(id)
        return chat.chat.get("title", "New Chat") if chat is not None else None

    @awaited_or_not
    async def get_chat_folder_id(self, id: str, user_id: str, db: Any = None) -> Any:
        chat = await self._find_chat(id, user_id)
        return chat.folder_id if chat is not None else None

    @awaited_or_not
    async def is_chat_owner(self, id: str, user_id: str, db: Any = None) -> Any:
        return await self._count(id=id, user_id=user_id) > 0

    @awaited_or_not
    async def get_owner_ids_by_chat_ids(self, chat_ids: list[str], db: Any = None) -> Any:
        return {chat.id: chat.user_id for chat in await self._list(id=list(chat_ids))}

    @awaited_or_not
    async def get_chat_tasks_by_id(self, id: str) -> Any:
        chat = await self._find_chat(id)
        return (chat.tasks or []) if chat is not None else []

    @awaited_or_not
    async def update_chat_tasks_by_id(self, id: str, tasks: list[dict[str, Any]]) -> Any:
        return await self._set_columns(id, {"tasks": tasks})

    @awaited_or_not
    async def get_chat_tags_by_id_and_user_id(self, id: str, user_id: str, db: Any = None) -> Any:
        chat = await self._find_chat(id, user_id)
        ids = chat.meta.get("tags", []) if chat is not None else []
        return await Tags.get_tags_by_ids_and_user_id(ids, user_id)

    @awaited_or_not
    async def add_chat_tag_by_id_and_user_id_and_tag_name(
        self, id: str, user_id: str, tag_name: str, db: Any = None
    ) -> Any:
        await self._run(user_id, "POST", f"/api/v1/chats/{id}/tags", content={"name": tag_name})

    @awaited_or_not
    async def delete_tag_by_id_and_user_id_and_tag_name(
        self, id: str, user_id: str, tag_name: str, db: Any = None
    ) -> Any:
        path = f"/api/v1/chats/{id}/tags"
        return await self._run(user_id, "DELETE", path, content={"name": tag_name}) is not None


Chats = ChatTable()


def __getattr__(name: str) -> Any:
    return find_record_class(name, {"Chat": "chat", "ChatFile": "chat_file"})
