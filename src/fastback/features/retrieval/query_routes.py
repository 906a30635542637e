"""`/api/v1/retrieval/query`: searching collections over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import msgspec
from starlette.requests import Request

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.retrieval.collection_access import CollectionAccess
from fastback.kit.http import BadRequest, Router
from fastback.providers.request_context import build_request_context
from fastback.retrieval.interfaces import Hit, RetrievalError, VectorStore
from fastback.retrieval.search.retriever import Retriever, SearchOptions

router = Router("/api/v1/retrieval/query")

JsonObject = dict[str, Any]


class DocumentQueryForm(msgspec.Struct):
    collection_name: str
    query: str
    k: int | None = None
    k_reranker: int | None = None
    r: float | None = None
    hybrid: bool | None = None
    hybrid_bm25_weight: float | None = None


class CollectionsQueryForm(msgspec.Struct):
    collection_names: list[str]
    query: str
    k: int | None = None
    k_reranker: int | None = None
    r: float | None = None
    hybrid: bool | None = None
    hybrid_bm25_weight: float | None = None
    enable_enriched_texts: bool | None = None


def _build_search(
    form: DocumentQueryForm | CollectionsQueryForm, configured: SearchOptions, enriched: bool | None = None
) -> SearchOptions:
    """Return the parameters of a search: those of the form, within what is configured."""
    words = configured.word_weight if form.hybrid_bm25_weight is None else form.hybrid_bm25_weight
    return SearchOptions(
        limit=max(1, form.k or configured.limit),
        hybrid=configured.hybrid and form.hybrid is not False,
        reranked=max(1, form.k_reranker or configured.reranked),
        threshold=form.r or configured.threshold,
        word_weight=min(1.0, max(0.0, words)),
        enriched=configured.enriched if enriched is None else enriched,
    )


def build_response(hits: list[Hit]) -> JsonObject:
    """Return hits in the shape of the reference: parallel lists, each in a list for the one query."""
    return {
        "distances": [[hit.score for hit in hits]],
        "documents": [[hit.text for hit in hits]],
        "metadatas": [[hit.metadata for hit in hits]],
    }


async def _run_query(query: Awaitable[list[Hit]]) -> list[Hit]:
    try:
        return await query
    except RetrievalError as error:
        raise BadRequest(messages.wrap_reason("Error querying knowledge base")) from error


@router.post("/doc")
async def query_document(
    data: DocumentQueryForm,
    request: Request,
    user: VerifiedUser,
    access: CollectionAccess,
    retriever: Retriever,
    store: VectorStore,
) -> JsonObject | None:
    """Search one collection; null if it does not exist."""
    await access.require_access([data.collection_name], user)
    search = _build_search(data, retriever.get_configured_options(), enriched=False)
    ctx = build_request_context(request, user)
    if search.hybrid:
        return build_response(await _run_query(retriever.search([data.collection_name], [data.query], search, ctx=ctx)))
    if not await store.has_collection(data.collection_name):
        return None
    hits = await _run_query(retriever.find_nearest(data.collection_name, data.query, search.limit, ctx=ctx))
    response = build_response(hits)
    return {
        "ids": [[hit.id for hit in hits]],
        **{key: response[key] for key in ("documents", "metadatas", "distances")},
    }


@router.post("/collection")
async def query_collections(
    data: CollectionsQueryForm, request: Request, user: VerifiedUser, access: CollectionAccess, retriever: Retriever
) -> JsonObject:
    await access.require_access(data.collection_names, user)
    search = _build_search(data, retriever.get_configured_options(), data.enable_enriched_texts)
    ctx = build_request_context(request, user)
    return build_response(await _run_query(retriever.search(data.collection_names, [data.query], search, ctx=ctx)))


class Passage(msgspec.Struct):
    """A passage that matches the query; `score` from 0 (nothing in common) to 1."""

    id: str
    text: str
    score: float
    metadata: dict[str, Any]


@router.get("")
async def query_passages(
    request: Request,
    user: VerifiedUser,
    access: CollectionAccess,
    retriever: Retriever,
    collection: list[str],
    q: str,
    k: int | None = None,
) -> list[Passage]:
    """For API clients: search collections (`collection`, repeatable) for passages that answer a question."""
    await access.require_access(collection, user)
    search = _build_search(CollectionsQueryForm(collection, q, k), retriever.get_configured_options())
    hits = await _run_query(retriever.search(collection, [q], search, ctx=build_request_context(request, user)))
    return [Passage(hit.id, hit.text, hit.score, hit.metadata) for hit in hits]
