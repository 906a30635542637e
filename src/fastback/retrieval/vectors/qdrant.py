"""Vectors in Qdrant, over HTTP, in the collections that Open WebUI makes there.

In its ordinary mode each collection is one of Qdrant's; with many tenants a few of Qdrant's hold all of a kind, and
a payload field says to which one a point belongs.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp

from fastback.retrieval.embedding.vector_encoding import packed, unpacked
from fastback.retrieval.interfaces import Hit, Item, Metadata, RetrievalError, Vector
from fastback.retrieval.vectors import ranking
from fastback.retrieval.vectors.errors import wrong_length
from fastback.retrieval.vectors.http_client import Refused, Server
from fastback.retrieval.vectors.metadata import clean, conditions, stored
from fastback.retrieval.vectors.tokenising import words_of
from fastback.settings import Settings

Json = dict[str, Any]

_TENANT = "tenant_id"
#: Points that are read or written together.
_PAGE = 256
_HASHED = re.compile(r"[0-9a-f]{63}")
#: Beginnings of names, and the collection of Qdrant that all of those share.
_SHARED = {"user-memory-": "memories", "file-": "files", "web-search-": "web-search"}


class QdrantStore:
    """See `fastback.retrieval.interfaces.VectorStore` and `portable.Portable`."""

    def __init__(self, settings: Settings, client: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._shared = settings.enable_qdrant_multitenancy_mode
        self._prefix = settings.qdrant_collection_prefix
        headers = {"api-key": settings.qdrant_api_key} if settings.qdrant_api_key else {}
        self.address = _address(settings.qdrant_uri, secret=bool(settings.qdrant_api_key))
        self._server = Server(
            name="Qdrant", url=self.address, client=client, headers=headers, seconds=settings.qdrant_timeout
        )

    @property
    def shared_ids(self) -> bool:
        return self._shared

    # Names

    def _home(self, collection: str) -> str:
        """The collection of Qdrant that holds a collection."""
        if not self._shared:
            return f"{self._prefix}_{collection}"
        kind = next((kind for begin, kind in _SHARED.items() if collection.startswith(begin)), "knowledge")
        if _HASHED.fullmatch(collection):
            kind = "hash-based"
        return f"{self._prefix}_{kind}"

    def _filter(self, collections: Sequence[str], where: Mapping[str, Any] | None = None, **more: Any) -> Json:
        must: list[Json] = []
        if self._shared:
            must.append(_any(_TENANT, list(collections)))
        must += [_any(f"metadata.{key}", values) for key, values in conditions(where)]
        return {"must": must, **more}

    def _by_home(self, collections: Sequence[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for one in dict.fromkeys(collections):
            found.setdefault(self._home(one), []).append(one)
        return found

    async def _ask(self, method: str, home: str, path: str = "", body: Any = None, *, needed: bool = False) -> Any:
        return await self._server.ask(method, f"/collections/{quote(home, safe='')}{path}", body, needed=needed)

    # The store

    async def has(self, collection: str) -> bool:
        if self._shared:
            return await self.count(collection) > 0
        return await self._ask("GET", self._home(collection)) is not None

    async def _dimension(self, home: str) -> int | None:
        """The length of the vectors of one of Qdrant's collections; None where there is none."""
        found = await self._ask("GET", home)
        if found is None:
            return None
        try:
            return int(found["result"]["config"]["params"]["vectors"]["size"])
        except (KeyError, TypeError) as error:
            raise RetrievalError(f"The collection {home} of Qdrant holds no plain vectors.") from error

    async def _make(self, home: str, dimension: int) -> None:
        settings = self._settings
        index: Json = {"m": settings.qdrant_hnsw_m}
        if self._shared:
            index = {"payload_m": settings.qdrant_hnsw_m, "m": 0}
        vectors = {"size": dimension, "distance": "Cosine", "on_disk": settings.qdrant_on_disk}
        try:
            await self._ask("PUT", home, body={"vectors": vectors, "hnsw_config": index})
        except Refused:
            if await self._dimension(home) != dimension:
                raise
            return  # somebody else made it in this moment
        fields: list[tuple[str, Json]] = [("metadata.hash", {}), ("metadata.file_id", {})]
        if self._shared:
            fields.insert(0, (_TENANT, {"is_tenant": True}))
        for name, more in fields:
            schema = {"type": "keyword", "on_disk": settings.qdrant_on_disk, **more}
            await self._ask("PUT", home, "/index?wait=true", {"field_name": name, "field_schema": schema})

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        if not items:
            return
        home, dimension = self._home(collection), len(items[0].vector) // 4
        known = await self._dimension(home)
        if known is None:
            await self._make(home, dimension)
        elif known != dimension:
            if self._shared or await self.count(collection):
                raise wrong_length(known, dimension)
            await self.drop(collection)
            await self._make(home, dimension)
        longest = self._settings.rag_metadata_max_value_chars
        for start in range(0, len(items), _PAGE):
            points = [
                self._point(collection, item.id, unpacked(item.vector), item.text, stored(item.metadata, longest))
                for item in items[start : start + _PAGE]
            ]
            await self._ask("PUT", home, "/points?wait=true", {"points": points}, needed=True)

    def _point(self, collection: str, id: str, vector: list[float], text: str, metadata: Metadata) -> Json:
        payload: Json = {"text": clean(text), "metadata": metadata}
        if self._shared:
            payload[_TENANT] = collection
        return {"id": id, "vector": vector, "payload": payload}

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        async def one(home: str, names: Sequence[str]) -> list[Hit]:
            if await self._dimension(home) != len(vector) // 4:
                return []
            body = {"query": unpacked(vector), "limit": limit, "filter": self._filter(names, where)}
            found = await self._ask("POST", home, "/points/query", {**body, "with_payload": True})
            points = found["result"]["points"] if found else []
            return [_hit(point, (float(point["score"]) + 1) / 2) for point in points]

        lists = await asyncio.gather(*(one(home, names) for home, names in self._by_home(collections).items()))
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
        fields = ["text", *(f"metadata.{key}" for key in ("name", "title", "headings", "source", "snippet"))]
        # Without an index of the field Qdrant finds parts of texts as they are written: hence both spellings.
        spelled = [form for word in words for form in dict.fromkeys((word, word.capitalize(), word.upper()))]
        should = [
            {"key": field, "match": {"text": form}} for field in fields[: None if enriched else 1] for form in spelled
        ]
        found: list[Hit] = []
        for home, names in self._by_home(collections).items():
            wanted = self._filter(names, where, should=should)
            found += [_hit(point) for point in await self._scroll(home, wanted, ranking.MOST - len(found))]
        return await asyncio.to_thread(ranking.ranked, found, text, limit, enriched=enriched)

    async def _scroll(self, home: str, wanted: Json, limit: int | None) -> list[Json]:
        points: list[Json] = []
        after: Any = None
        while limit is None or len(points) < limit:
            size = _PAGE if limit is None else min(_PAGE, limit - len(points))
            page, after = await self._page(home, wanted, after, size)
            points += page
            if after is None:
                break
        return points

    async def _page(
        self, home: str, wanted: Json, after: Any, size: int, *, vectors: bool = False
    ) -> tuple[list[Json], Any]:
        body: Json = {"filter": wanted, "limit": size, "with_payload": True, "with_vector": vectors}
        if after is not None:
            body["offset"] = after
        found = await self._ask("POST", home, "/points/scroll", body)
        return (found["result"]["points"], found["result"].get("next_page_offset")) if found else ([], None)

    async def find(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        points = await self._scroll(self._home(collection), self._filter([collection], where), limit)
        found = [_hit(point) for point in points]
        # Points come in the order of their ids, which is none; a file's chunks know where they begin.
        return sorted(found, key=lambda hit: (str(hit.metadata.get("file_id", "")), _start(hit.metadata)))

    async def delete(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        if ids is None and not where:
            return
        wanted = self._filter([collection], where)
        if ids is not None:
            wanted["must"].append({"has_id": list(ids)})
        await self._ask("POST", self._home(collection), "/points/delete?wait=true", {"filter": wanted})

    async def drop(self, collection: str) -> None:
        if self._shared:
            wanted = {"filter": self._filter([collection])}
            await self._ask("POST", self._home(collection), "/points/delete?wait=true", wanted)
        else:
            await self._ask("DELETE", self._home(collection))

    async def copy(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        laid_over, after, count = stored(extra, self._settings.rag_metadata_max_value_chars), None, 0
        wanted = self._filter([source], where)
        while True:
            page, after = await self._page(self._home(source), wanted, after, _PAGE, vectors=True)
            await self.upsert(
                target,
                [
                    Item(str(uuid.uuid4()), one.text, one.vector, {**one.metadata, **laid_over})
                    for one in map(_item, page)
                ],
            )
            count += len(page)
            if after is None:
                return count

    async def collections(self) -> list[str]:
        homes = await self._homes()
        if not self._shared:
            return [home.removeprefix(f"{self._prefix}_") for home in homes]
        found: dict[str, None] = {}
        for home in homes:
            after: Any = None
            while True:
                body: Json = {"limit": 2000, "with_payload": [_TENANT], "with_vector": False}
                answer = await self._ask("POST", home, "/points/scroll", body | ({"offset": after} if after else {}))
                result = answer["result"] if answer else {"points": []}
                found |= dict.fromkeys(str(one["payload"][_TENANT]) for one in result["points"] if one.get("payload"))
                after = result.get("next_page_offset")
                if after is None:
                    break
        return list(found)

    async def _homes(self) -> list[str]:
        found = await self._server.ask("GET", "/collections", needed=True)
        names = [str(one["name"]) for one in found["result"]["collections"]]
        return [name for name in names if name.startswith(f"{self._prefix}_")]

    async def reset(self) -> None:
        for home in await self._homes():
            await self._ask("DELETE", home)

    # Moving

    async def count(self, collection: str) -> int:
        body = {"filter": self._filter([collection]), "exact": True}
        found = await self._ask("POST", self._home(collection), "/points/count", body)
        return int(found["result"]["count"]) if found else 0

    async def items(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        page, after = await self._page(
            self._home(collection), self._filter([collection]), after, min(limit, _PAGE), vectors=True
        )
        return [_item(point) for point in page], None if after is None else str(after)

    async def rename(self, old: str, new: str) -> None:
        await self.drop(new)
        after: str | None = None
        while True:
            page, after = await self.items(old, after, _PAGE)
            if not self._shared or self._home(old) != self._home(new):
                await self.upsert(new, page)
            else:
                payload = {"payload": {_TENANT: new}, "points": [one.id for one in page]}
                await self._ask("POST", self._home(old), "/points/payload?wait=true", payload)
            if after is None:
                break
        await self.drop(old)

    async def close(self) -> None:
        pass


def _address(uri: str, *, secret: bool) -> str:
    """A server's address, read as Qdrant's own client does: port 6333 unless one is named, HTTPS where there is a key
    and nothing else said."""
    whole = uri if "://" in uri else f"{'https' if secret else 'http'}://{uri}"
    scheme, _, rest = whole.partition("://")
    host, slash, path = rest.partition("/")
    named = re.search(r":\d+$", host)
    return f"{scheme}://{host if named or not host else f'{host}:6333'}{slash}{path}".rstrip("/")


def _any(key: str, values: list[Any]) -> Json:
    """A condition: one of these values. Only texts and whole numbers can be looked for in lists."""
    if len(values) == 1:
        if isinstance(values[0], float):
            return {"key": key, "range": {"gte": values[0], "lte": values[0]}}
        return {"key": key, "match": {"value": values[0]}}
    return {"key": key, "match": {"any": values}}


def _hit(point: Json, score: float = 0.0) -> Hit:
    payload = point.get("payload") or {}
    return Hit(str(point["id"]), str(payload.get("text") or ""), payload.get("metadata") or {}, score)


def _item(point: Json) -> Item:
    hit = _hit(point)
    return Item(hit.id, hit.text, packed(point.get("vector") or []), hit.metadata)


def _start(metadata: Metadata) -> float:
    found = metadata.get("start_index")
    return float(found) if isinstance(found, (int, float)) else 0.0
