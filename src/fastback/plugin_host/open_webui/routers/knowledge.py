"""Knowledge: collections of files."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.open_webui.models.knowledge import KnowledgeForm as KnowledgeForm
from fastback.plugin_host.open_webui.models.knowledge import KnowledgeResponse, KnowledgeUserModel
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.router_operations import define_operation


class KnowledgeFileIdForm(Record):
    file_id: str
    directory_id: str | None = None


class KnowledgeList(Record):
    items: list[KnowledgeUserModel]
    total: int


_ROOT = "/api/v1/knowledge"

get_knowledge_bases: Any = define_operation("GET", f"{_ROOT}/", "page user db", result=KnowledgeList)
search_knowledge_bases: Any = define_operation(
    "GET", f"{_ROOT}/search", "query view_option page user db", result=KnowledgeList
)
get_knowledge_by_id: Any = define_operation("GET", f"{_ROOT}/{{id}}", "id user db", result=KnowledgeResponse)
create_new_knowledge: Any = define_operation(
    "POST", f"{_ROOT}/create", "request form_data user db", result=KnowledgeResponse
)
update_knowledge_by_id: Any = define_operation(
    "POST", f"{_ROOT}/{{id}}/update", "request id form_data user db", result=KnowledgeResponse
)
get_knowledge_files_by_id: Any = define_operation("GET", f"{_ROOT}/{{id}}/files", "id query page user db")
add_file_to_knowledge_by_id: Any = define_operation(
    "POST", f"{_ROOT}/{{id}}/file/add", "request id form_data user db", result=KnowledgeResponse
)
update_file_from_knowledge_by_id: Any = define_operation(
    "POST", f"{_ROOT}/{{id}}/file/update", "request id form_data user db", result=KnowledgeResponse
)
remove_file_from_knowledge_by_id: Any = define_operation(
    "POST", f"{_ROOT}/{{id}}/file/remove", "id form_data delete_file user db", result=KnowledgeResponse
)
delete_knowledge_by_id: Any = define_operation("DELETE", f"{_ROOT}/{{id}}/delete", "id user db")
reset_knowledge_by_id: Any = define_operation("POST", f"{_ROOT}/{{id}}/reset", "id user db")
