"""What models remember of users."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.open_webui.models.memories import MemoryModel
from fastback.plugin_host.open_webui.retrieval.vector.main import SearchResult
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.router_operations import define_operation


class AddMemoryForm(Record):
    content: str
    type: str = "context"
    path: str | None = None


class MemoryUpdateModel(Record):
    content: str | None = None
    type: str | None = None
    path: str | None = None


class MemoryOperationModel(Record):
    action: str
    id: str | None = None
    content: str | None = None
    type: str | None = None
    path: str | None = None


class UpdateMemoriesForm(Record):
    operations: list[MemoryOperationModel]
    source: str | None = None


class SearchMemoriesForm(Record):
    query: str | None = None
    type: str = "all"
    path: str | None = None
    memory_id: str | None = None
    limit: int = 20


class ListMemoryPathsForm(Record):
    query: str | None = None
    type: str = "all"
    limit: int = 100


class ReadMemoryPathForm(Record):
    path: str
    type: str = "all"
    include_children: bool = True
    limit: int = 50


class QueryMemoryForm(Record):
    content: str
    k: int | None = 1


_REQUEST_ID_FORM = "memory_id request form_data user"

get_memories: Any = define_operation("GET", "/api/v1/memories/", "request user db", result=MemoryModel)
add_memory: Any = define_operation("POST", "/api/v1/memories/add", result=MemoryModel)
update_memories: Any = define_operation("POST", "/api/v1/memories/update")
query_memory: Any = define_operation("POST", "/api/v1/memories/query", result=SearchResult)
search_memories: Any = define_operation("POST", "/api/v1/memories/search", "form_data user", result=MemoryModel)
list_memory_paths: Any = define_operation("POST", "/api/v1/memories/paths", "form_data user")
read_memory_path: Any = define_operation("POST", "/api/v1/memories/path", "form_data user")
reset_memory_from_vector_db: Any = define_operation("POST", "/api/v1/memories/reset", "request user")
delete_memory_by_user_id: Any = define_operation("DELETE", "/api/v1/memories/delete/user", "request user db")
update_memory_by_id: Any = define_operation(
    "POST", "/api/v1/memories/{memory_id}/update", _REQUEST_ID_FORM, result=MemoryModel
)
delete_memory_by_id: Any = define_operation("DELETE", "/api/v1/memories/{memory_id}", "memory_id request user db")
