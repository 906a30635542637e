"""Vectors in Qdrant, over HTTP, in the collections that Open WebUI creates there.

In ordinary mode each collection has one of Qdrant's. In multi-tenant mode a collection of Qdrant's contains all of a
kind, and a payload field names the collection of each point.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import aiohttp

from fastback.kit.storable_text import remove_unstorable
from fastback.retrieval.embedding.vector_encoding import pack_vector, unpack_vector
from fastback.retrieval.interfaces import Hit, Item, Metadata, RetrievalError, Vector
from fastback.retrieval.vectors import ranking
from fastback.retrieval.vectors.errors import build_dimension_error
from fastback.retrieval.vectors.http_client import RequestRefused, VectorServer
from fastback.retrieval.vectors.metadata import convert_metadata, list_conditions
from fastback.retrieval.vectors.tokenising import list_query_words
from fastback.settings import Settings

Json = dict[str, Any]

_TENANT_FIELD = "tenant_id"
#: Points per read or write.
_PAGE_SIZE = 256
_HASHED = re.compile(r"[0-9a-f]{63}")
_PORT = re.compile(r":\d+$")
#: Prefixes of names, and the collection of Qdrant's that all with the prefix share.
_SHARED_COLLECTIONS = {"user-memory-": "memories", "file-": "files", "web-search-": "web-search"}


class QdrantStore:
    """A `interfaces.VectorStore` and `migration_protocol.PortableStore` in a Qdrant server."""

    def __init__(self, settings: Settings, client: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._is_multitenant = settings.enable_qdrant_multitenancy_mode
        self._prefix = settings.qdrant_collection_prefix
        headers = {"api-key": settings.qdrant_api_key} if settings.qdrant_api_key else {}
        self.address = _build_address(settings.qdrant_uri, has_key=bool(settings.qdrant_api_key))
        self._server = VectorServer(
            name="Qdrant", url=self.address, client=client, headers=headers, seconds=settings.qdrant_timeout
        )

    @property
    def has_shared_ids(self) -> bool:
        return self._is_multitenant

    # Names

    def _get_physical_name(self, collection: str) -> str:
        """Return the name of Qdrant's collection that contains a collection."""
        if not self._is_multitenant:
            return f"{self._prefix}_{collection}"
        kind = next(
            (kind for name_prefix, kind in _SHARED_COLLECTIONS.items() if collection.startswith(name_prefix)),
            "knowledge",
        )
        if _HASHED.fullmatch(collection):
            kind = "hash-based"
        return f"{self._prefix}_{kind}"

    def _build_filter(self, collections: Sequence[str], where: Mapping[str, Any] | None = None, **extra: Any) -> Json:
        must: list[Json] = []
        if self._is_multitenant:
            must.append(_build_condition(_TENANT_FIELD, list(collections)))
        must += [_build_condition(f"metadata.{key}", values) for key, values in list_conditions(where)]
        return {"must": must, **extra}

    def _group_by_physical_name(self, collections: Sequence[str]) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        for collection in dict.fromkeys(collections):
            groups.setdefault(self._get_physical_name(collection), []).append(collection)
        return groups

    async def _send_request(
        self, method: str, home: str, path: str = "", body: Any = None, *, needed: bool = False
    ) -> Any:
        return await self._server.send_request(
            method, f"/collections/{quote(home, safe='')}{path}", body, is_required=needed
        )

    # The store

    async def has_collection(self, collection: str) -> bool:
        if self._is_multitenant:
            return await self.count_chunks(collection) > 0
        return await self._send_request("GET", self._get_physical_name(collection)) is not None

    async def _find_dimension(self, home: str) -> int | None:
        """Return the length of the vectors of one of Qdrant's collections, or None if it does not exist."""
        response = await self._send_request("GET", home)
        if response is None:
            return None
        try:
            return int(response["result"]["config"]["params"]["vectors"]["size"])
        except (KeyError, TypeError) as error:
            raise RetrievalError(f"The collection {home} of Qdrant holds no plain vectors.") from error

    async def _create_collection(self, home: str, dimension: int) -> None:
        settings = self._settings
        index: Json = {"m": settings.qdrant_hnsw_m}
        if self._is_multitenant:
            index = {"payload_m": settings.qdrant_hnsw_m, "m": 0}
        vectors = {"size": dimension, "distance": "Cosine", "on_disk": settings.qdrant_on_disk}
        try:
            await self._send_request("PUT", home, body={"vectors": vectors, "hnsw_config": index})
        except RequestRefused:
            if await self._find_dimension(home) != dimension:
                raise
            return  # another request created it at the same moment
        fields: list[tuple[str, Json]] = [("metadata.hash", {}), ("metadata.file_id", {})]
        if self._is_multitenant:
            fields.insert(0, (_TENANT_FIELD, {"is_tenant": True}))
        for name, options in fields:
            schema = {"type": "keyword", "on_disk": settings.qdrant_on_disk, **options}
            await self._send_request("PUT", home, "/index?wait=true", {"field_name": name, "field_schema": schema})

    async def upsert(self, collection: str, items: Sequence[Item]) -> None:
        if not items:
            return
        home, dimension = self._get_physical_name(collection), len(items[0].vector) // 4
        existing_dimension = await self._find_dimension(home)
        if existing_dimension is None:
            await self._create_collection(home, dimension)
        elif existing_dimension != dimension:
            if self._is_multitenant or await self.count_chunks(collection):
                raise build_dimension_error(existing_dimension, dimension)
            await self.drop_collection(collection)
            await self._create_collection(home, dimension)
        max_characters = self._settings.rag_metadata_max_value_chars
        for start in range(0, len(items), _PAGE_SIZE):
            points = [
                self._build_point(
                    collection,
                    item.id,
                    unpack_vector(item.vector),
                    item.text,
                    convert_metadata(item.metadata, max_characters),
                )
                for item in items[start : start + _PAGE_SIZE]
            ]
            await self._send_request("PUT", home, "/points?wait=true", {"points": points}, needed=True)

    def _build_point(self, collection: str, id: str, vector: list[float], text: str, metadata: Metadata) -> Json:
        payload: Json = {"text": remove_unstorable(text), "metadata": metadata}
        if self._is_multitenant:
            payload[_TENANT_FIELD] = collection
        return {"id": id, "vector": vector, "payload": payload}

    async def search(
        self, collections: Sequence[str], vector: Vector, limit: int, where: Mapping[str, Any] | None = None
    ) -> list[Hit]:
        async def search_collection(home: str, names: Sequence[str]) -> list[Hit]:
            if await self._find_dimension(home) != len(vector) // 4:
                return []
            body = {"query": unpack_vector(vector), "limit": limit, "filter": self._build_filter(names, where)}
            response = await self._send_request("POST", home, "/points/query", {**body, "with_payload": True})
            points = response["result"]["points"] if response else []
            return [_build_hit(point, (float(point["score"]) + 1) / 2) for point in points]

        lists = await asyncio.gather(
            *(search_collection(home, names) for home, names in self._group_by_physical_name(collections).items())
        )
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
        fields = ["text", *(f"metadata.{key}" for key in ("name", "title", "headings", "source", "snippet"))]
        # Without an index of the field Qdrant matches parts of texts, with their case: hence the spellings.
        spellings = [form for word in words for form in dict.fromkeys((word, word.capitalize(), word.upper()))]
        should = [
            {"key": field, "match": {"text": form}} for field in fields[: None if enriched else 1] for form in spellings
        ]
        hits: list[Hit] = []
        for home, names in self._group_by_physical_name(collections).items():
            word_filter = self._build_filter(names, where, should=should)
            hits += [
                _build_hit(point)
                for point in await self._scroll_points(home, word_filter, ranking.MAX_CHUNKS - len(hits))
            ]
        return await asyncio.to_thread(ranking.rank_by_words, hits, text, limit, enriched=enriched)

    async def _scroll_points(self, home: str, point_filter: Json, limit: int | None) -> list[Json]:
        points: list[Json] = []
        after: Any = None
        while limit is None or len(points) < limit:
            size = _PAGE_SIZE if limit is None else min(_PAGE_SIZE, limit - len(points))
            page, after = await self._load_page(home, point_filter, after, size)
            points += page
            if after is None:
                break
        return points

    async def _load_page(
        self, home: str, point_filter: Json, after: Any, size: int, *, vectors: bool = False
    ) -> tuple[list[Json], Any]:
        body: Json = {"filter": point_filter, "limit": size, "with_payload": True, "with_vector": vectors}
        if after is not None:
            body["offset"] = after
        response = await self._send_request("POST", home, "/points/scroll", body)
        return (response["result"]["points"], response["result"].get("next_page_offset")) if response else ([], None)

    async def find_chunks(
        self, collection: str, where: Mapping[str, Any] | None = None, limit: int | None = None
    ) -> list[Hit]:
        points = await self._scroll_points(
            self._get_physical_name(collection), self._build_filter([collection], where), limit
        )
        hits = [_build_hit(point) for point in points]
        # Points come in the order of their random ids; the chunks of a file have a start index.
        return sorted(hits, key=lambda hit: (str(hit.metadata.get("file_id", "")), _get_start_index(hit.metadata)))

    async def delete_chunks(
        self, collection: str, *, ids: Sequence[str] | None = None, where: Mapping[str, Any] | None = None
    ) -> None:
        if ids is None and not where:
            return
        point_filter = self._build_filter([collection], where)
        if ids is not None:
            point_filter["must"].append({"has_id": list(ids)})
        await self._send_request(
            "POST", self._get_physical_name(collection), "/points/delete?wait=true", {"filter": point_filter}
        )

    async def drop_collection(self, collection: str) -> None:
        if self._is_multitenant:
            delete_body = {"filter": self._build_filter([collection])}
            await self._send_request(
                "POST", self._get_physical_name(collection), "/points/delete?wait=true", delete_body
            )
        else:
            await self._send_request("DELETE", self._get_physical_name(collection))

    async def copy_chunks(self, source: str, target: str, where: Mapping[str, Any], extra: Metadata) -> int:
        extra_metadata, after, count = convert_metadata(extra, self._settings.rag_metadata_max_value_chars), None, 0
        point_filter = self._build_filter([source], where)
        while True:
            page, after = await self._load_page(
                self._get_physical_name(source), point_filter, after, _PAGE_SIZE, vectors=True
            )
            await self.upsert(
                target,
                [
                    Item(str(uuid.uuid4()), item.text, item.vector, {**item.metadata, **extra_metadata})
                    for item in map(_build_item, page)
                ],
            )
            count += len(page)
            if after is None:
                return count

    async def list_collections(self) -> list[str]:
        homes = await self._list_physical_names()
        if not self._is_multitenant:
            return [home.removeprefix(f"{self._prefix}_") for home in homes]
        names: dict[str, None] = {}
        for home in homes:
            after: Any = None
            while True:
                body: Json = {"limit": 2000, "with_payload": [_TENANT_FIELD], "with_vector": False}
                response = await self._send_request(
                    "POST", home, "/points/scroll", body | ({"offset": after} if after else {})
                )
                result = response["result"] if response else {"points": []}
                names |= dict.fromkeys(
                    str(point["payload"][_TENANT_FIELD]) for point in result["points"] if point.get("payload")
                )
                after = result.get("next_page_offset")
                if after is None:
                    break
        return list(names)

    async def _list_physical_names(self) -> list[str]:
        response = await self._server.send_request("GET", "/collections", is_required=True)
        names = [str(collection_info["name"]) for collection_info in response["result"]["collections"]]
        return [name for name in names if name.startswith(f"{self._prefix}_")]

    async def delete_all(self) -> None:
        for home in await self._list_physical_names():
            await self._send_request("DELETE", home)

    # Moving

    async def count_chunks(self, collection: str) -> int:
        body = {"filter": self._build_filter([collection]), "exact": True}
        response = await self._send_request("POST", self._get_physical_name(collection), "/points/count", body)
        return int(response["result"]["count"]) if response else 0

    async def read_page(self, collection: str, after: str | None, limit: int) -> tuple[list[Item], str | None]:
        page, after = await self._load_page(
            self._get_physical_name(collection),
            self._build_filter([collection]),
            after,
            min(limit, _PAGE_SIZE),
            vectors=True,
        )
        return [_build_item(point) for point in page], None if after is None else str(after)

    async def rename_collection(self, old: str, new: str) -> None:
        await self.drop_collection(new)
        after: str | None = None
        while True:
            page, after = await self.read_page(old, after, _PAGE_SIZE)
            if not self._is_multitenant or self._get_physical_name(old) != self._get_physical_name(new):
                await self.upsert(new, page)
            else:
                payload = {"payload": {_TENANT_FIELD: new}, "points": [item.id for item in page]}
                await self._send_request("POST", self._get_physical_name(old), "/points/payload?wait=true", payload)
            if after is None:
                break
        await self.drop_collection(old)

    async def close(self) -> None:
        pass


def _build_address(uri: str, *, has_key: bool) -> str:
    """Return a server's address, parsed as Qdrant's own client does: port 6333 unless one is given; HTTPS if there is a
    key and no scheme."""
    url = uri if "://" in uri else f"{'https' if has_key else 'http'}://{uri}"
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    explicit_port = _PORT.search(host)
    return f"{scheme}://{host if explicit_port or not host else f'{host}:6333'}{slash}{path}".rstrip("/")


def _build_condition(key: str, values: list[Any]) -> Json:
    """Return a condition that accepts these values. Qdrant's lists accept texts and whole numbers only."""
    if len(values) == 1:
        if isinstance(values[0], float):
            return {"key": key, "range": {"gte": values[0], "lte": values[0]}}
        return {"key": key, "match": {"value": values[0]}}
    return {"key": key, "match": {"any": values}}


def _build_hit(point: Json, score: float = 0.0) -> Hit:
    payload = point.get("payload") or {}
    return Hit(str(point["id"]), str(payload.get("text") or ""), payload.get("metadata") or {}, score)


def _build_item(point: Json) -> Item:
    hit = _build_hit(point)
    return Item(hit.id, hit.text, pack_vector(point.get("vector") or []), hit.metadata)


def _get_start_index(metadata: Metadata) -> float:
    start_index = metadata.get("start_index")
    return float(start_index) if isinstance(start_index, (int, float)) else 0.0
