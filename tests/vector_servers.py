"""Servers that implement what the vector stores need of the protocols of Qdrant and Chroma, with strict checks."""

from __future__ import annotations

import json
import math
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

Json = dict[str, Any]


@asynccontextmanager
async def run_server(server: QdrantServer | ChromaServer, variable: str) -> AsyncIterator[str]:
    """Run a server and yield its address; yield the address in the environment variable instead, if it is set."""
    if os.environ.get(variable):
        yield os.environ[variable]
        return
    application = web.Application(client_max_size=1 << 26)
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    finally:
        await runner.cleanup()


async def create_chroma_database(url: str) -> str:
    """Create a database on a Chroma server. Return its name."""
    name = f"t{uuid.uuid4().hex[:8]}"
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/api/v2/tenants/default_tenant/databases", json={"name": name}) as response,
    ):
        assert response.status == 200
    return name


def _compute_cosine(first: list[float], second: list[float]) -> float:
    lengths = math.hypot(*first) * math.hypot(*second)
    return sum(a * b for a, b in zip(first, second, strict=True)) / lengths if lengths else 0.0


class QdrantServer:
    """A Qdrant server with collections of points in memory."""

    def __init__(self) -> None:
        self.collections: dict[str, Json] = {}
        self.points: dict[str, dict[str, Json]] = {}

    async def handle(self, request: web.Request) -> web.Response:
        parts = request.path.strip("/").split("/", 2)
        body = await request.json() if request.can_read_body else {}
        assert parts[0] == "collections"
        if len(parts) == 1:
            return self._build_reply({"collections": [{"name": name} for name in self.collections]})
        name, operation = parts[1], (request.method, parts[2] if len(parts) > 2 else "")
        if operation == ("PUT", ""):
            assert body["vectors"]["distance"] == "Cosine"
            if name in self.collections:
                text = f"Wrong input: Collection `{name}` already exists!"
                return web.json_response({"status": {"error": text}}, status=409)
            self.collections[name], self.points[name] = body, {}
            return self._build_reply(True)
        if name not in self.collections:
            return web.json_response({"status": {"error": f"Collection `{name}` doesn't exist!"}}, status=404)
        return self._build_reply(self._run_operation(name, operation, body))

    @staticmethod
    def _build_reply(result: Any) -> web.Response:
        return web.json_response({"result": result, "status": "ok", "time": 0.0})

    def _run_operation(self, name: str, operation: tuple[str, str], body: Json) -> Any:
        points = self.points[name]
        match operation:
            case ("GET", ""):
                return {"config": {"params": {"vectors": self.collections[name]["vectors"]}}}
            case ("DELETE", ""):
                del self.collections[name], self.points[name]
                return True
            case ("PUT", "index"):
                assert body["field_schema"]["type"] == "keyword"
                return {}
            case ("PUT", "points"):
                for point in body["points"]:
                    uuid.UUID(point["id"])
                    assert len(point["vector"]) == self.collections[name]["vectors"]["size"]
                    points[point["id"]] = point
                return {}
            case ("POST", "points/query"):
                matches = [
                    {
                        "id": point["id"],
                        "payload": point["payload"],
                        "score": _compute_cosine(point["vector"], body["query"]),
                    }
                    for point in self._select_matches(name, body["filter"])
                ]
                return {"points": sorted(matches, key=lambda point: -point["score"])[: body["limit"]]}
            case ("POST", "points/scroll"):
                ids = sorted(point["id"] for point in self._select_matches(name, body.get("filter") or {}))
                ids = [id for id in ids if id >= body.get("offset", "")]
                page = [points[id] for id in ids[: body["limit"]]]
                if not body["with_vector"]:
                    page = [{key: value for key, value in point.items() if key != "vector"} for point in page]
                following = ids[body["limit"]] if len(ids) > body["limit"] else None
                return {"points": page, "next_page_offset": following}
            case ("POST", "points/count"):
                return {"count": len(self._select_matches(name, body["filter"]))}
            case ("POST", "points/delete"):
                for point in self._select_matches(name, body["filter"]):
                    del points[point["id"]]
                return {}
            case ("POST", "points/payload"):
                for id in body["points"]:
                    points[id]["payload"] |= body["payload"]
                return {}
        raise AssertionError(operation)

    def _select_matches(self, name: str, where: Json) -> list[Json]:
        return [
            point
            for point in self.points[name].values()
            if all(self._matches_filter(point, condition) for condition in where.get("must", ()))
            and (
                not where.get("should") or any(self._matches_filter(point, condition) for condition in where["should"])
            )
        ]

    @staticmethod
    def _matches_filter(point: Json, condition: Json) -> bool:
        if "has_id" in condition:
            return point["id"] in condition["has_id"]
        value: Any = point["payload"]
        for part in condition["key"].split("."):
            value = value.get(part) if isinstance(value, dict) else None
        match = condition["match"]
        if "text" in match:
            return isinstance(value, str) and match["text"] in value
        return value in match["any"] if "any" in match else value == match["value"]


class ChromaServer:
    """A Chroma server with databases of collections in memory."""

    def __init__(self) -> None:
        self.databases: dict[str, dict[str, Json]] = {}

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else {}
        head = "/api/v2/tenants/default_tenant/databases"
        assert request.path.startswith(head)
        if request.path == head:
            self.databases[body["name"]] = {}
            return web.json_response({})
        database, _, rest = request.path.removeprefix(f"{head}/").partition("/collections")
        if database not in self.databases:
            is_post = request.method == "POST"
            text = {"error": "InvalidArgumentError" if is_post else "NotFoundError", "message": "does not exist"}
            return web.json_response(text, status=400 if is_post else 404)
        collections = self.databases[database]
        parts = rest.strip("/").split("/") if rest.strip("/") else []
        if not parts:
            return web.json_response(
                self._list_collections(collections, request)
                if request.method == "GET"
                else self._create_collection(collections, body)
            )
        collection = next(
            (collection for collection in collections.values() if parts[0] in (collection["name"], collection["id"])),
            None,
        )
        if collection is None:
            return web.json_response({"error": "NotFoundError", "message": "does not exist"}, status=404)
        return self._run_operation(collections, collection, request.method, parts[1] if len(parts) > 1 else "", body)

    @staticmethod
    def _describe_collection(collection: Json) -> Json:
        return {key: collection[key] for key in ("id", "name", "dimension", "metadata")}

    def _list_collections(self, collections: dict[str, Json], request: web.Request) -> list[Json]:
        start, size = int(request.query["offset"]), int(request.query["limit"])
        return [
            self._describe_collection(collection) for collection in list(collections.values())[start : start + size]
        ]

    def _create_collection(self, collections: dict[str, Json], body: Json) -> Json:
        assert body["get_or_create"] is True and body["metadata"] == {"hnsw:space": "cosine"}
        new = {
            "id": str(uuid.uuid4()),
            "name": body["name"],
            "dimension": None,
            "metadata": body["metadata"],
            "items": {},
        }
        return self._describe_collection(collections.setdefault(body["name"], new))

    def _run_operation(
        self, collections: dict[str, Json], collection: Json, method: str, operation: str, body: Json
    ) -> web.Response:
        items: dict[str, Json] = collection["items"]
        answer: Any = {}
        if (method, operation) == ("GET", ""):
            answer = self._describe_collection(collection)
        elif (method, operation) == ("DELETE", ""):
            del collections[collection["name"]]
        elif (method, operation) == ("PUT", ""):
            collections[body["new_name"]] = collections.pop(collection["name"])
            collection["name"] = body["new_name"]
        elif (method, operation) == ("GET", "count"):
            answer = len(items)
        elif operation == "upsert":
            for id, text, vector, metadata in zip(
                body["ids"], body["documents"], body["embeddings"], body["metadatas"], strict=True
            ):
                assert collection["dimension"] in (None, len(vector)) and metadata != {}
                collection["dimension"] = len(vector)
                # An update keeps the metadata keys that it does not contain.
                metadata = {**(items[id]["metadata"] or {}), **(metadata or {})} if id in items else metadata
                items[id] = {"id": id, "document": text, "embedding": vector, "metadata": metadata}
        elif operation == "delete":
            for item in self._select_matches(items, body):
                del items[item["id"]]
        elif operation == "get":
            hits = self._select_matches(items, body)[body["offset"] :][: body["limit"]]
            answer = {
                "ids": [item["id"] for item in hits],
                **{f"{key}s": [item[key] for item in hits] for key in ("document", "metadata", "embedding")
                   if f"{key}s" in body["include"]},
            }  # fmt: skip
        elif operation == "query":
            (question,) = body["query_embeddings"]
            hits = sorted(
                self._select_matches(items, body), key=lambda item: -_compute_cosine(item["embedding"], question)
            )
            hits = hits[: body["n_results"]]
            answer = {
                "ids": [[item["id"] for item in hits]],
                "documents": [[item["document"] for item in hits]],
                "metadatas": [[item["metadata"] for item in hits]],
                "distances": [[1 - _compute_cosine(item["embedding"], question) for item in hits]],
            }
        else:
            raise AssertionError((method, operation))
        return web.Response(text=json.dumps(answer), content_type="application/json")

    def _select_matches(self, items: dict[str, Json], body: Json) -> list[Json]:
        matches = [item for item in items.values() if self._matches_filter(item["metadata"] or {}, body.get("where"))]
        if "where_document" in body:
            matches = [item for item in matches if self._contains_text(item["document"], body["where_document"])]
        if body.get("ids") is not None:
            matches = [item for item in matches if item["id"] in body["ids"]]
        return matches

    def _contains_text(self, text: str, where: Json) -> bool:
        return (
            any(self._contains_text(text, part) for part in where["$or"])
            if "$or" in where
            else where["$contains"] in text
        )

    def _matches_filter(self, metadata: Json, where: Json | None) -> bool:
        if where is None:
            return True
        if "$and" in where:
            return all(self._matches_filter(metadata, part) for part in where["$and"])
        ((key, condition),) = where.items()
        return metadata.get(key) in condition["$in"] if "$in" in condition else metadata.get(key) == condition["$eq"]
