"""Vectors in a Chroma server, over the second version of its HTTP interface."""

from __future__ import annotations

import asyncio
import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp

from fastback.retrieval.embedding.vector_encoding import packed, unpacked
from fastback.retrieval.interfaces import Hit, Item, Metadata, Vector
from fastback.retrieval.vectors import ranking
from fastback.retrieval.vectors.errors import wrong_length
from fastback.retrieval.vectors.http_client import Server
from fastback.retrieval.vectors.metadata import clean, conditions, stored
from fastback.retrieval.vectors.tokenising import words_of
from fastback.settings import Settings

Json = dict[str, Any]

#: Chunks that are read or written together, and collections that are listed together.
_PAGE = 250
_SECONDS = 60.0


class ChromaStore:
    """See `fastback.retrieval.interfaces.VectorStore` and `portable.Portable`."""

    shared_ids = False

    def __init__(self, settings: Settings, client: aiohttp.ClientSession) -> None:
        self._longest = settings.rag_metadata_max_value_chars
        self.address = _address(settings)
        self._server = Server(
            name="Chroma", url=self.address, client=client, headers=_headers(settings), seconds=_SECONDS
        )
        tenant, database = quote(settings.chroma_tenant, safe=""), quote(settings.chroma_database, safe="")
        self._base = f"/tenants/{tenant}/databases/{database}/collections"

    async def _ask(self, collection: Json, path: str, body: Json, *, needed: bool = False) -> Any:
        return await self._server.ask("POST", f"{self._base}/{collection['id']}/{path}", body, needed=needed) or {}

    async def _collection(self, name: str) -> Json | None:
        found: Json | None = await self._server.ask("GET", f"{self._base}/{quote(name, safe='')}")
        return found

    async def has(self, collection: str) -> bool:
        return await self._collection(collection) is not None

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        if not items:
            return
        dimension = len(items[0].vector) // 4
        body = {"name": collection, "metadata": {"hnsw:space": "cosine"}, "get_or_create": True}
        made = await self._server.ask("POST", self._base, body, needed=True)
        if made.get("dimension") not in (None, dimension):
            if await self.count(collection):
                raise wrong_length(int(made["dimension"]), dimension)
            await self.drop(collection)
            made = await self._server.ask("POST", self._base, body, needed=True)
        for start in range(0, len(items), _PAGE):
            page = items[start : start + _PAGE]
            metadata = [stored(item.metadata, self._longest) or None for item in page]
            await self._ask(
                made,
                "upsert",
                {
                    "ids": [item.id for item in page],
                    "embeddings": [unpacked(item.vector) for item in page],
                    "documents": [clean(item.text) for item in page],
                    "metadatas": metadata,
                },
                needed=True,
            )

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        async def one(name: str) -> list[Hit]:
            collection = await self._collection(name)
            if collection is None or collection.get("dimension") != len(vector) // 4:
                return []
            body: Json = {
                "query_embeddings": [unpacked(vector)],
                "n_results": limit,
                "include": ["documents", "metadatas", "distances"],
            }
            found = await self._ask(collection, "query", body | _where(where))
            if not found.get("ids"):
                return []
            scores = [(2 - float(distance)) / 2 for distance in found["distances"][0]]
            return _hits({key: (found.get(key) or [None])[0] for key in ("ids", "documents", "metadatas")}, scores)

        lists = await asyncio.gather(*(one(name) for name in dict.fromkeys(collections)))
        return sorted((hit for hits in lists for hit in hits), key=lambda hit: -hit.score)[:limit]

    async def lexical(
        self,
        collections: Sequence[str],
        text: str,
        limit: int,
        where: Mapping[str, Any] | None = None,
        *,
        enriched: bool = False,
    ) -> list[Hit]:
        words = words_of(text)
        if not words:
            return []
        # Chroma looks for parts of texts as they are written: hence the spellings. It knows no words of metadata.
        spelled = [form for word in words for form in dict.fromkeys((word, word.capitalize(), word.upper()))]
        parts = [{"$contains": form} for form in spelled]
        more: Json = {} if enriched else {"where_document": parts[0] if len(parts) == 1 else {"$or": parts}}
        found: list[Hit] = []
        for name in dict.fromkeys(collections):
            collection = await self._collection(name)
            if collection is not None and len(found) < ranking.MOST:
                found += await self._get(collection, where, ranking.MOST - len(found), more)
        return await asyncio.to_thread(ranking.ranked, found, text, limit, enriched=enriched)

    async def _get(
        self, collection: Json, where: Mapping[str, Any] | None, limit: int | None, more: Mapping[str, Any]
    ) -> list[Hit]:
        hits: list[Hit] = []
        while limit is None or len(hits) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(hits))
            body: Json = {"limit": size, "offset": len(hits), "include": ["documents", "metadatas"], **more}
            page = _hits(await self._ask(collection, "get", body | _where(where)))
            hits += page
            if len(page) < size:
                break
        return hits

    async def find(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        known = await self._collection(collection)
        return [] if known is None else await self._get(known, where, limit, {})

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        known = await self._collection(collection)
        if known is None or (not ids and not where):
            return
        body: Json = _where(where)
        if ids is not None:
            body["ids"] = list(ids)
        await self._ask(known, "delete", body)

    async def drop(self, collection: str) -> None:
        await self._server.ask("DELETE", f"{self._base}/{quote(collection, safe='')}")

    async def copy(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        known, count = await self._collection(source), 0
        laid_over = stored(extra, self._longest)
        while known is not None:
            page = await self._page(known, count, _PAGE, where)
            await self.upsert(
                target,
                [Item(str(uuid.uuid4()), one.text, one.vector, {**one.metadata, **laid_over}) for one in page],
            )
            count += len(page)
            if len(page) < _PAGE:
                break
        return count

    async def collections(self) -> list[str]:
        names: list[str] = []
        while True:
            page = await self._server.ask("GET", f"{self._base}?limit={_PAGE}&offset={len(names)}") or []
            names += [str(one["name"]) for one in page]
            if len(page) < _PAGE:
                return names

    async def reset(self) -> None:
        for name in await self.collections():
            await self.drop(name)

    # Moving

    async def count(self, collection: str) -> int:
        known = await self._collection(collection)
        return 0 if known is None else int(await self._server.ask("GET", f"{self._base}/{known['id']}/count") or 0)

    async def _page(self, known: Json, start: int, limit: int, where: Mapping[str, Any] | None = None) -> list[Item]:
        body: Json = {"limit": limit, "offset": start, "include": ["documents", "metadatas", "embeddings"]}
        found = await self._ask(known, "get", body | _where(where))
        vectors = found.get("embeddings") or []
        return [
            Item(hit.id, hit.text, packed(vector), hit.metadata)
            for hit, vector in zip(_hits(found), vectors, strict=True)
        ]

    async def items(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        known, start = await self._collection(collection), int(after or 0)
        if known is None:
            return [], None
        found = await self._page(known, start, limit)
        return found, str(start + limit) if len(found) == limit else None

    async def rename(self, old: str, new: str) -> None:
        known = await self._collection(old)
        if known is not None:
            await self.drop(new)
            await self._server.ask("PUT", f"{self._base}/{known['id']}", {"new_name": new})

    async def close(self) -> None:
        pass


def _address(settings: Settings) -> str:
    """Where the interface is; as for Chroma's own client, a host may be an address, whose port counts then."""
    host = settings.chroma_http_host
    if not host.startswith("http"):
        host = f"http://{host}:{settings.chroma_http_port}"
    scheme, _, rest = host.rstrip("/").removesuffix("/api/v2").partition("://")
    return f"{'https' if settings.chroma_http_ssl else scheme}://{rest}/api/v2"


def _headers(settings: Settings) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in settings.chroma_http_headers.split(",") if "=" in pair)
    found = {name.strip(): value.strip() for name, _, value in pairs}
    provider, credentials = settings.chroma_client_auth_provider, settings.chroma_client_auth_credentials
    if credentials and "Basic" in provider:
        found["authorization"] = "Basic " + base64.b64encode(credentials.encode()).decode()
    elif credentials and provider:
        found["authorization"] = f"Bearer {credentials}"
    return found


def _where(where: Mapping[str, Any] | None) -> Json:
    parts: list[Json] = [
        {key: {"$eq": values[0]} if len(values) == 1 else {"$in": values}} for key, values in conditions(where)
    ]
    if not parts:
        return {}
    return {"where": parts[0] if len(parts) == 1 else {"$and": parts}}


def _hits(found: Mapping[str, Any], scores: Sequence[float] | None = None) -> list[Hit]:
    ids = found.get("ids") or []
    texts, metadata = found.get("documents") or [None] * len(ids), found.get("metadatas") or [None] * len(ids)
    return [
        Hit(id, text or "", about or {}, score)
        for id, text, about, score in zip(ids, texts, metadata, scores or [0.0] * len(ids), strict=True)
    ]
