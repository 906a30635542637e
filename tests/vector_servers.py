"""Servers that speak like Qdrant and like Chroma, as far as vector stores ask: strict about what they are sent."""

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
    """The address of a server; another one where the variable names it."""
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
    """A new database of a Chroma server."""
    name = f"t{uuid.uuid4().hex[:8]}"
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/api/v2/tenants/default_tenant/databases", json={"name": name}) as response,
    ):
        assert response.status == 200
    return name


def _cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


class QdrantServer:
    """Collections of points in memory."""

    def __init__(self) -> None:
        self.collections: dict[str, Json] = {}
        self.points: dict[str, dict[str, Json]] = {}

    async def handle(self, request: web.Request) -> web.Response:
        parts = request.path.strip("/").split("/", 2)
        body = await request.json() if request.can_read_body else {}
        assert parts[0] == "collections"
        if len(parts) == 1:
            return self._ok({"collections": [{"name": name} for name in self.collections]})
        name, operation = parts[1], (request.method, parts[2] if len(parts) > 2 else "")
        if operation == ("PUT", ""):
            assert body["vectors"]["distance"] == "Cosine"
            if name in self.collections:
                text = f"Wrong input: Collection `{name}` already exists!"
                return web.json_response({"status": {"error": text}}, status=409)
            self.collections[name], self.points[name] = body, {}
            return self._ok(True)
        if name not in self.collections:
            return web.json_response({"status": {"error": f"Collection `{name}` doesn't exist!"}}, status=404)
        return self._ok(self._done(name, operation, body))

    @staticmethod
    def _ok(result: Any) -> web.Response:
        return web.json_response({"result": result, "status": "ok", "time": 0.0})

    def _done(self, name: str, operation: tuple[str, str], body: Json) -> Any:
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
                found = [
                    {"id": point["id"], "payload": point["payload"], "score": _cosine(point["vector"], body["query"])}
                    for point in self._meant(name, body["filter"])
                ]
                return {"points": sorted(found, key=lambda point: -point["score"])[: body["limit"]]}
            case ("POST", "points/scroll"):
                ids = sorted(point["id"] for point in self._meant(name, body.get("filter") or {}))
                ids = [one for one in ids if one >= body.get("offset", "")]
                page = [points[one] for one in ids[: body["limit"]]]
                if not body["with_vector"]:
                    page = [{key: value for key, value in point.items() if key != "vector"} for point in page]
                following = ids[body["limit"]] if len(ids) > body["limit"] else None
                return {"points": page, "next_page_offset": following}
            case ("POST", "points/count"):
                return {"count": len(self._meant(name, body["filter"]))}
            case ("POST", "points/delete"):
                for point in self._meant(name, body["filter"]):
                    del points[point["id"]]
                return {}
            case ("POST", "points/payload"):
                for one in body["points"]:
                    points[one]["payload"] |= body["payload"]
                return {}
        raise AssertionError(operation)

    def _meant(self, name: str, wanted: Json) -> list[Json]:
        return [
            point
            for point in self.points[name].values()
            if all(self._fits(point, one) for one in wanted.get("must", ()))
            and (not wanted.get("should") or any(self._fits(point, one) for one in wanted["should"]))
        ]

    @staticmethod
    def _fits(point: Json, condition: Json) -> bool:
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
    """Databases of collections in memory."""

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
            made = request.method == "POST"
            text = {"error": "InvalidArgumentError" if made else "NotFoundError", "message": "does not exist"}
            return web.json_response(text, status=400 if made else 404)
        known = self.databases[database]
        parts = rest.strip("/").split("/") if rest.strip("/") else []
        if not parts:
            return web.json_response(
                self._listed(known, request) if request.method == "GET" else self._made(known, body)
            )
        found = next((one for one in known.values() if parts[0] in (one["name"], one["id"])), None)
        if found is None:
            return web.json_response({"error": "NotFoundError", "message": "does not exist"}, status=404)
        return self._done(known, found, request.method, parts[1] if len(parts) > 1 else "", body)

    @staticmethod
    def _shown(collection: Json) -> Json:
        return {key: collection[key] for key in ("id", "name", "dimension", "metadata")}

    def _listed(self, known: dict[str, Json], request: web.Request) -> list[Json]:
        start, size = int(request.query["offset"]), int(request.query["limit"])
        return [self._shown(one) for one in list(known.values())[start : start + size]]

    def _made(self, known: dict[str, Json], body: Json) -> Json:
        assert body["get_or_create"] is True and body["metadata"] == {"hnsw:space": "cosine"}
        new = {
            "id": str(uuid.uuid4()),
            "name": body["name"],
            "dimension": None,
            "metadata": body["metadata"],
            "items": {},
        }
        return self._shown(known.setdefault(body["name"], new))

    def _done(self, known: dict[str, Json], found: Json, method: str, operation: str, body: Json) -> web.Response:
        items: dict[str, Json] = found["items"]
        answer: Any = {}
        if (method, operation) == ("GET", ""):
            answer = self._shown(found)
        elif (method, operation) == ("DELETE", ""):
            del known[found["name"]]
        elif (method, operation) == ("PUT", ""):
            known[body["new_name"]] = known.pop(found["name"])
            found["name"] = body["new_name"]
        elif (method, operation) == ("GET", "count"):
            answer = len(items)
        elif operation == "upsert":
            for id, text, vector, about in zip(
                body["ids"], body["documents"], body["embeddings"], body["metadatas"], strict=True
            ):
                assert found["dimension"] in (None, len(vector)) and about != {}
                found["dimension"] = len(vector)
                # A chunk that is written anew keeps metadata that it is not given.
                about = {**(items[id]["metadata"] or {}), **(about or {})} if id in items else about
                items[id] = {"id": id, "document": text, "embedding": vector, "metadata": about}
        elif operation == "delete":
            for one in self._meant(items, body):
                del items[one["id"]]
        elif operation == "get":
            hits = self._meant(items, body)[body["offset"] :][: body["limit"]]
            answer = {
                "ids": [one["id"] for one in hits],
                **{f"{key}s": [one[key] for one in hits] for key in ("document", "metadata", "embedding")
                   if f"{key}s" in body["include"]},
            }  # fmt: skip
        elif operation == "query":
            (question,) = body["query_embeddings"]
            hits = sorted(self._meant(items, body), key=lambda one: -_cosine(one["embedding"], question))
            hits = hits[: body["n_results"]]
            answer = {
                "ids": [[one["id"] for one in hits]],
                "documents": [[one["document"] for one in hits]],
                "metadatas": [[one["metadata"] for one in hits]],
                "distances": [[1 - _cosine(one["embedding"], question) for one in hits]],
            }
        else:
            raise AssertionError((method, operation))
        return web.Response(text=json.dumps(answer), content_type="application/json")

    def _meant(self, items: dict[str, Json], body: Json) -> list[Json]:
        found = [one for one in items.values() if self._fits(one["metadata"] or {}, body.get("where"))]
        if "where_document" in body:
            found = [one for one in found if self._says(one["document"], body["where_document"])]
        if body.get("ids") is not None:
            found = [one for one in found if one["id"] in body["ids"]]
        return found

    def _says(self, text: str, wanted: Json) -> bool:
        return any(self._says(text, one) for one in wanted["$or"]) if "$or" in wanted else wanted["$contains"] in text

    def _fits(self, metadata: Json, wanted: Json | None) -> bool:
        if wanted is None:
            return True
        if "$and" in wanted:
            return all(self._fits(metadata, one) for one in wanted["$and"])
        ((key, condition),) = wanted.items()
        return metadata.get(key) in condition["$in"] if "$in" in condition else metadata.get(key) == condition["$eq"]
