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
from fastback.retrieval.search.retriever import Retriever, Search

router = Router("/api/v1/retrieval/query")

Answer = dict[str, Any]


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


def _search(form: DocumentQueryForm | CollectionsQueryForm, configured: Search, enriched: bool | None = None) -> Search:
    """How is searched: as the form says, where it does, and within what is configured."""
    words = configured.words if form.hybrid_bm25_weight is None else form.hybrid_bm25_weight
    return Search(
        limit=max(1, form.k or configured.limit),
        hybrid=configured.hybrid and form.hybrid is not False,
        reranked=max(1, form.k_reranker or configured.reranked),
        threshold=form.r or configured.threshold,
        words=min(1.0, max(0.0, words)),
        enriched=configured.enriched if enriched is None else enriched,
    )


def shaped(hits: list[Hit]) -> Answer:
    """Passages as the reference answers them: lists side by side, in a list for the one question."""
    return {
        "distances": [[hit.score for hit in hits]],
        "documents": [[hit.text for hit in hits]],
        "metadatas": [[hit.metadata for hit in hits]],
    }


async def _found(searching: Awaitable[list[Hit]]) -> list[Hit]:
    try:
        return await searching
    except RetrievalError as error:
        raise BadRequest(messages.wrap_reason("Error querying knowledge base")) from error


@router.post("/doc")
async def of_document(
    data: DocumentQueryForm,
    request: Request,
    user: VerifiedUser,
    access: CollectionAccess,
    retriever: Retriever,
    store: VectorStore,
) -> Answer | None:
    """The chunks of one collection; null for one that there is not."""
    await access.check([data.collection_name], user)
    search = _search(data, retriever.configured(), enriched=False)
    ctx = build_request_context(request, user)
    if search.hybrid:
        return shaped(await _found(retriever.query([data.collection_name], [data.query], search, ctx=ctx)))
    if not await store.has(data.collection_name):
        return None
    hits = await _found(retriever.nearest(data.collection_name, data.query, search.limit, ctx=ctx))
    found = shaped(hits)
    return {"ids": [[hit.id for hit in hits]], **{key: found[key] for key in ("documents", "metadatas", "distances")}}


@router.post("/collection")
async def of_collections(
    data: CollectionsQueryForm, request: Request, user: VerifiedUser, access: CollectionAccess, retriever: Retriever
) -> Answer:
    await access.check(data.collection_names, user)
    search = _search(data, retriever.configured(), data.enable_enriched_texts)
    ctx = build_request_context(request, user)
    return shaped(await _found(retriever.query(data.collection_names, [data.query], search, ctx=ctx)))


class Passage(msgspec.Struct):
    """A passage that was found; `score` from 0 (nothing in common) to 1."""

    id: str
    text: str
    score: float
    metadata: dict[str, Any]


@router.get("")
async def plain(
    request: Request,
    user: VerifiedUser,
    access: CollectionAccess,
    retriever: Retriever,
    collection: list[str],
    q: str,
    k: int | None = None,
) -> list[Passage]:
    """For API clients: the passages of some collections (`collection`, as often as wanted) that answer a question."""
    await access.check(collection, user)
    search = _search(CollectionsQueryForm(collection, q, k), retriever.configured())
    hits = await _found(retriever.query(collection, [q], search, ctx=build_request_context(request, user)))
    return [Passage(hit.id, hit.text, hit.score, hit.metadata) for hit in hits]
