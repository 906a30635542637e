"""Vectors in a Chroma server, through version 2 of its HTTP interface."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp

from fastback.kit.storable_text import remove_unstorable
from fastback.retrieval.embedding.vector_encoding import pack_vector, unpack_vector
from fastback.retrieval.interfaces import Hit, Item, Metadata, Vector
from fastback.retrieval.vectors import ranking
from fastback.retrieval.vectors.errors import build_dimension_error
from fastback.retrieval.vectors.http_client import VectorServer
from fastback.retrieval.vectors.metadata import convert_metadata, list_conditions
from fastback.retrieval.vectors.tokenising import list_query_words
from fastback.settings import Settings

Json = dict[str, Any]

#: Chunks per read or write, and collections per page of a list.
_PAGE_SIZE = 250
_TIMEOUT_SECONDS = 60.0


class ChromaStore:
    """A `interfaces.VectorStore` and `migration_protocol.PortableStore` in a Chroma server."""

    has_shared_ids = False

    def __init__(self, settings: Settings, client: aiohttp.ClientSession) -> None:
        self._max_value_characters = settings.rag_metadata_max_value_chars
        self.address = _build_address(settings)
        self._server = VectorServer(
            name="Chroma", url=self.address, client=client, headers=_build_headers(settings), seconds=_TIMEOUT_SECONDS
        )
        tenant, database = quote(settings.chroma_tenant, safe=""), quote(settings.chroma_database, safe="")
        self._base = f"/tenants/{tenant}/databases/{database}/collections"

    async def _post_request(self, collection: Json, path: str, body: Json, *, needed: bool = False) -> Any:
        return (
            await self._server.send_request("POST", f"{self._base}/{collection['id']}/{path}", body, is_required=needed)
            or {}
        )

    async def _find_collection(self, name: str) -> Json | None:
        collection_info: Json | None = await self._server.send_request("GET", f"{self._base}/{quote(name, safe='')}")
        return collection_info

    async def has_collection(self, collection: str) -> bool:
        return await self._find_collection(collection) is not None

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        if not items:
            return
        dimension = len(items[0].vector) // 4
        body = {"name": collection, "metadata": {"hnsw:space": "cosine"}, "get_or_create": True}
        collection_info = await self._server.send_request("POST", self._base, body, is_required=True)
        if collection_info.get("dimension") not in (None, dimension):
            if await self.count_chunks(collection):
                raise build_dimension_error(int(collection_info["dimension"]), dimension)
            await self.drop_collection(collection)
            collection_info = await self._server.send_request("POST", self._base, body, is_required=True)
        for start in range(0, len(items), _PAGE_SIZE):
            batch = items[start : start + _PAGE_SIZE]
            metadata = [convert_metadata(item.metadata, self._max_value_characters) or None for item in batch]
            await self._post_request(
                collection_info,
                "upsert",
                {
                    "ids": [item.id for item in batch],
                    "embeddings": [unpack_vector(item.vector) for item in batch],
                    "documents": [remove_unstorable(item.text) for item in batch],
                    "metadatas": metadata,
                },
                needed=True,
            )

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        async def search_collection(name: str) -> list[Hit]:
            collection = await self._find_collection(name)
            if collection is None or collection.get("dimension") != len(vector) // 4:
                return []
            body: Json = {
                "query_embeddings": [unpack_vector(vector)],
                "n_results": limit,
                "include": ["documents", "metadatas", "distances"],
            }
            response = await self._post_request(collection, "query", body | _build_filter(where))
            if not response.get("ids"):
                return []
            scores = [(2 - float(distance)) / 2 for distance in response["distances"][0]]
            return _build_hits(
                {key: (response.get(key) or [None])[0] for key in ("ids", "documents", "metadatas")}, scores
            )

        lists = await asyncio.gather(*(search_collection(name) for name in dict.fromkeys(collections)))
        return sorted((hit for hits in lists for hit in hits), key=lambda hit: -hit.score)[:limit]

    async def search_words(
        self,
        collections: Sequence[str],
        text: str,
        limit: int,
        where: Mapping[str, Any] | None = None,
        *,
        enriched: bool = False,
    ) -> list[Hit]:
        words = list_query_words(text)
        if not words:
            return []
        # Chroma matches parts of texts, with their case: hence the spellings. It does not search metadata.
        spellings = [form for word in words for form in dict.fromkeys((word, word.capitalize(), word.upper()))]
        conditions_any = [{"$contains": form} for form in spellings]
        document_filter: Json = (
            {}
            if enriched
            else {"where_document": conditions_any[0] if len(conditions_any) == 1 else {"$or": conditions_any}}
        )
        hits: list[Hit] = []
        for name in dict.fromkeys(collections):
            collection = await self._find_collection(name)
            if collection is not None and len(hits) < ranking.MAX_CHUNKS:
                hits += await self._get_hits(collection, where, ranking.MAX_CHUNKS - len(hits), document_filter)
        return await asyncio.to_thread(ranking.rank_by_words, hits, text, limit, enriched=enriched)

    async def _get_hits(
        self, collection: Json, where: Mapping[str, Any] | None, limit: int | None, extra: Mapping[str, Any]
    ) -> list[Hit]:
        hits: list[Hit] = []
        while limit is None or len(hits) < limit:
            size = _PAGE_SIZE if limit is None else min(_PAGE_SIZE, limit - len(hits))
            body: Json = {"limit": size, "offset": len(hits), "include": ["documents", "metadatas"], **extra}
            page = _build_hits(await self._post_request(collection, "get", body | _build_filter(where)))
            hits += page
            if len(page) < size:
                break
        return hits

    async def find_chunks(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        collection_info = await self._find_collection(collection)
        return [] if collection_info is None else await self._get_hits(collection_info, where, limit, {})

    async def delete_chunks(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        collection_info = await self._find_collection(collection)
        if collection_info is None or (not ids and not where):
            return
        body: Json = _build_filter(where)
        if ids is not None:
            body["ids"] = list(ids)
        await self._post_request(collection_info, "delete", body)

    async def drop_collection(self, collection: str) -> None:
        await self._server.send_request("DELETE", f"{self._base}/{quote(collection, safe='')}")

    async def copy_chunks(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        source_info, count = await self._find_collection(source), 0
        extra_metadata = convert_metadata(extra, self._max_value_characters)
        while source_info is not None:
            page = await self._load_page(source_info, count, _PAGE_SIZE, where)
            await self.upsert(
                target,
                [Item(str(uuid.uuid4()), item.text, item.vector, {**item.metadata, **extra_metadata}) for item in page],
            )
            count += len(page)
            if len(page) < _PAGE_SIZE:
                break
        return count

    async def list_collections(self) -> list[str]:
        names: list[str] = []
        while True:
            page = await self._server.send_request("GET", f"{self._base}?limit={_PAGE_SIZE}&offset={len(names)}") or []
            names += [str(collection_info["name"]) for collection_info in page]
            if len(page) < _PAGE_SIZE:
                return names

    async def delete_all(self) -> None:
        for name in await self.list_collections():
            await self.drop_collection(name)

    # Moving

    async def count_chunks(self, collection: str) -> int:
        collection_info = await self._find_collection(collection)
        return (
            0
            if collection_info is None
            else int(await self._server.send_request("GET", f"{self._base}/{collection_info['id']}/count") or 0)
        )

    async def _load_page(
        self, collection_info: Json, start: int, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Item]:
        body: Json = {"limit": limit, "offset": start, "include": ["documents", "metadatas", "embeddings"]}
        response = await self._post_request(collection_info, "get", body | _build_filter(where))
        vectors = response.get("embeddings") or []
        return [
            Item(hit.id, hit.text, pack_vector(vector), hit.metadata)
            for hit, vector in zip(_build_hits(response), vectors, strict=True)
        ]

    async def read_page(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        collection_info, start = await self._find_collection(collection), int(after or 0)
        if collection_info is None:
            return [], None
        items = await self._load_page(collection_info, start, limit)
        return items, str(start + limit) if len(items) == limit else None

    async def rename_collection(self, old: str, new: str) -> None:
        collection_info = await self._find_collection(old)
        if collection_info is not None:
            await self.drop_collection(new)
            await self._server.send_request("PUT", f"{self._base}/{collection_info['id']}", {"new_name": new})

    async def close(self) -> None:
        pass


def _build_address(settings: Settings) -> str:
    """Return the address of the interface. As in Chroma's own client the host may be an address with its own port."""
    host = settings.chroma_http_host
    if not host.startswith("http"):
        host = f"http://{host}:{settings.chroma_http_port}"
    scheme, _, rest = host.rstrip("/").removesuffix("/api/v2").partition("://")
    return f"{'https' if settings.chroma_http_ssl else scheme}://{rest}/api/v2"


def _build_headers(settings: Settings) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in settings.chroma_http_headers.split(",") if "=" in pair)
    headers = {name.strip(): value.strip() for name, _, value in pairs}
    provider, credentials = settings.chroma_client_auth_provider, settings.chroma_client_auth_credentials
    if credentials and "Basic" in provider:
        headers["authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
    elif credentials and provider:
        headers["authorization"] = f"Bearer {credentials}"
    return headers


def _build_filter(where: Mapping[str, Any] | None) -> Json:
    parts: list[Json] = [
        {key: {"$eq": values[0]} if len(values) == 1 else {"$in": values}} for key, values in list_conditions(where)
    ]
    if not parts:
        return {}
    return {"where": parts[0] if len(parts) == 1 else {"$and": parts}}


def _build_hits(response: Mapping[str, Any], scores: Sequence[float] | None = None) -> list[Hit]:
    ids = response.get("ids") or []
    texts, metadata = response.get("documents") or [None] * len(ids), response.get("metadatas") or [None] * len(ids)
    return [
        Hit(id, text or "", chunk_metadata or {}, score)
        for id, text, chunk_metadata, score in zip(ids, texts, metadata, scores or [0.0] * len(ids), strict=True)
    ]
