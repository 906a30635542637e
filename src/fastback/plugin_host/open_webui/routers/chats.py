"""Chats of the user."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.open_webui.models.chats import ChatForm as ChatForm
from fastback.plugin_host.open_webui.models.chats import ChatResponse, ChatTitleIdResponse
from fastback.plugin_host.open_webui.models.tags import TagModel
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.router_operations import define_operation


class TagForm(Record):
    name: str


class MessageForm(Record):
    content: str


class ChatFolderIdForm(Record):
    folder_id: str | None = None


_ROOT = "/api/v1/chats"

get_session_user_chat_list: Any = define_operation(
    "GET", f"{_ROOT}/", "user page include_pinned include_folders db", result=ChatTitleIdResponse
)
create_new_chat: Any = define_operation("POST", f"{_ROOT}/new", "form_data user db", result=ChatResponse)
search_user_chats: Any = define_operation("GET", f"{_ROOT}/search", "text page user db", result=ChatTitleIdResponse)
get_chat_by_id: Any = define_operation("GET", f"{_ROOT}/{{id}}", "id user db", result=ChatResponse)
update_chat_by_id: Any = define_operation("POST", f"{_ROOT}/{{id}}", "id form_data user db", result=ChatResponse)
update_chat_message_by_id: Any = define_operation(
    "POST", f"{_ROOT}/{{id}}/messages/{{message_id}}", "id message_id form_data user db", result=ChatResponse
)
delete_chat_by_id: Any = define_operation("DELETE", f"{_ROOT}/{{id}}", "request id user db")
pin_chat_by_id: Any = define_operation("POST", f"{_ROOT}/{{id}}/pin", "id user db", result=ChatResponse)
archive_chat_by_id: Any = define_operation("POST", f"{_ROOT}/{{id}}/archive", "id user db", result=ChatResponse)
share_chat_by_id: Any = define_operation("POST", f"{_ROOT}/{{id}}/share", "id user db", result=ChatResponse)
update_chat_folder_id_by_id: Any = define_operation(
    "POST", f"{_ROOT}/{{id}}/folder", "id form_data user db", result=ChatResponse
)
get_chat_tags_by_id: Any = define_operation("GET", f"{_ROOT}/{{id}}/tags", "id user db", result=TagModel)
add_tag_by_id_and_tag_name: Any = define_operation(
    "POST", f"{_ROOT}/{{id}}/tags", "id form_data user db", result=TagModel
)
