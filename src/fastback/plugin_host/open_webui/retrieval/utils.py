"""Search in collections, embedding of texts, and the sources of a question."""

from __future__ import annotations

from typing import Any

from fastback.plugin_host.application_state import compute_embeddings
from fastback.plugin_host.awaited_or_not import awaited_or_not, call_server
from fastback.plugin_host.http_operations import send_operation
from fastback.plugin_host.open_webui.retrieval.vector.async_client import ASYNC_VECTOR_DB_CLIENT


@awaited_or_not
async def query_doc(collection_name: str, query_embedding: list[float], k: int, user: Any = None) -> Any:
    """Return the nearest chunks of a collection to a vector."""
    return await ASYNC_VECTOR_DB_CLIENT.search(collection_name, [query_embedding], limit=k)


@awaited_or_not
async def get_doc(collection_name: str, user: Any = None) -> Any:
    """Return all chunks of a collection."""
    return await ASYNC_VECTOR_DB_CLIENT.get(collection_name)


@awaited_or_not
async def query_collection(
    request: Any = None,
    collection_names: list[str] | None = None,
    queries: list[str] | None = None,
    embedding_function: Any = None,
    k: int = 5,
    **more: Any,
) -> Any:
    """Return the chunks of several collections that are nearest to any of the questions, in one list each."""
    names = collection_names if collection_names is not None else request
    vectors = await call_server("embeddings.compute", texts=list(queries or ()), is_query=True)
    results = []
    for name in names or ():
        if await call_server("vectors.has_collection", name=name):
            results.append(await call_server("vectors.search", name=name, vectors=vectors, limit=k))
    rows = [row for result in results for row in _list_rows(result)]
    return merge_and_sort_query_results([_build_result(rows)], k)


def _list_rows(result: dict[str, Any]) -> list[tuple[float, str, Any]]:
    return [
        (score, text, metadata)
        for scores, texts, metadatas in zip(result["distances"], result["documents"], result["metadatas"], strict=True)
        for score, text, metadata in zip(scores, texts, metadatas, strict=True)
    ]


def _build_result(rows: list[tuple[float, str, Any]]) -> dict[str, Any]:
    return {
        "distances": [[score for score, _, _ in rows]],
        "documents": [[text for _, text, _ in rows]],
        "metadatas": [[metadata for _, _, metadata in rows]],
    }


def merge_get_results(get_results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the chunks of several results in one."""
    return {
        name: [[entry for result in get_results for entry in (result.get(name) or [[]])[0]]]
        for name in ("documents", "metadatas", "ids")
    }


def merge_and_sort_query_results(query_results: list[dict[str, Any]], k: int) -> dict[str, Any]:
    """Return the best chunks of several results; equal texts count once, with their best score."""
    best: dict[str, tuple[float, str, Any]] = {}
    for result in query_results:
        for row in _list_rows(result):
            if row[1] not in best or row[0] > best[row[1]][0]:
                best[row[1]] = row
    return _build_result(sorted(best.values(), key=lambda row: row[0], reverse=True)[:k])


def get_embedding_function(*args: Any, **kwargs: Any) -> Any:
    """Return the embedding function of the server, whichever engine is named."""
    return compute_embeddings


async def generate_embeddings(engine: str, model: str, text: Any, prefix: str | None = None, **more: Any) -> Any:
    """Return the vectors of a text or of texts, with the embedding model of the server."""
    return await compute_embeddings(text, prefix=prefix)


async def get_content_from_url(request: Any, url: str, *, config: Any = None, user: Any = None) -> Any:
    """Return the text of a page, and its documents as dictionaries."""
    from fastback.plugin_host.router_operations import find_user

    owner = user or find_user(request)
    response = await send_operation(
        owner, "POST", "/api/v1/retrieval/process/url", query={"process": False}, content={"url": url}
    )
    content = (response or {}).get("content") or ""
    return content, [{"page_content": content, "metadata": {"source": url}}]


def get_model_path(model: str, update_model: bool = False) -> str:
    """Return the name of a model: this server downloads models itself."""
    return model
