"""Documents: indexing of files, texts and pages, and search in collections."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.awaited_or_not import awaited_or_not
from fastback.plugin_host.open_webui.models.files import FileModel
from fastback.plugin_host.record_models import Record
from fastback.plugin_host.router_operations import define_operation, find_user


class CollectionNameForm(Record):
    collection_name: str | None = None


class ProcessUrlForm(CollectionNameForm):
    url: str


class SearchForm(Record):
    queries: list[str]


class ProcessFileForm(Record):
    file_id: str
    content: str | None = None
    collection_name: str | None = None


class ProcessTextForm(Record):
    name: str
    content: str
    collection_name: str | None = None


class QueryDocForm(Record):
    collection_name: str
    query: str
    k: int | None = None
    k_reranker: int | None = None
    r: float | None = None
    hybrid: bool | None = None
    hybrid_bm25_weight: float | None = None


class QueryCollectionsForm(Record):
    collection_names: list[str]
    query: str
    k: int | None = None
    k_reranker: int | None = None
    r: float | None = None
    hybrid: bool | None = None
    hybrid_bm25_weight: float | None = None
    enable_enriched_texts: bool | None = None


class DeleteForm(Record):
    collection_name: str
    file_id: str


class BatchProcessFilesForm(Record):
    files: list[FileModel]
    collection_name: str


_ROOT = "/api/v1/retrieval"

process_file: Any = define_operation("POST", f"{_ROOT}/process/file", "request form_data user db")
process_text: Any = define_operation("POST", f"{_ROOT}/process/text")
process_url: Any = define_operation("POST", f"{_ROOT}/process/url", "request form_data process user")
process_web: Any = define_operation("POST", f"{_ROOT}/process/web", "request form_data process overwrite user")
process_youtube_video: Any = define_operation("POST", f"{_ROOT}/process/youtube")
process_web_search: Any = define_operation("POST", f"{_ROOT}/process/web/search")
query_doc_handler: Any = define_operation("POST", f"{_ROOT}/query/doc")
query_collection_handler: Any = define_operation("POST", f"{_ROOT}/query/collection")
process_files_batch: Any = define_operation("POST", f"{_ROOT}/process/files/batch", "request form_data user db")
delete_entries_from_collection: Any = define_operation("POST", f"{_ROOT}/delete", "request form_data user db")
get_embedding_config: Any = define_operation("GET", f"{_ROOT}/embedding", "request user")
get_rag_config: Any = define_operation("GET", f"{_ROOT}/config", "request user")


class FoundPage(Record):
    """A result of a web search."""

    link: str
    title: str | None = None
    snippet: str | None = None


@awaited_or_not
async def search_web(request: Any, engine: str = "", query: str = "", user: Any = None, **more: Any) -> Any:
    """Search the web with the configured engine; `engine` is not used."""
    form = SearchForm(queries=[query])
    response = await process_web_search(request, form, user=user or find_user(request))
    return [FoundPage.model_validate(item) for item in response.get("items") or ()]


def get_ef(*args: Any, **kwargs: Any) -> Any:
    """Return the embedding function of the server."""
    from fastback.plugin_host.application_state import compute_embeddings

    return compute_embeddings


get_embedding_function = get_ef
