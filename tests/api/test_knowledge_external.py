"""Knowledge in external vector databases: queries over their own protocols, and their failures."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from aiohttp import web

from conftest import POSTGRES, Person, Server, postgres_database
from fastback.retrieval.external.pgvector import build_statement
from fastback.retrieval.external.results import SearchTarget
from fastback.retrieval.interfaces import RetrievalError
from knowledge_samples import KNOWLEDGE, embedding_settings

EXTERNAL = f"{KNOWLEDGE}/external"


@pytest.fixture
def environment(upstream: str) -> dict[str, str]:
    return embedding_settings(upstream)


class VectorDatabaseStub:
    """A stand-in for an external vector database: it records its requests, and answers each with `reply`."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.reply: Any = {}
        self.status = 200
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((request.path, headers, await request.json()))
        return web.json_response(self.reply, status=self.status)


@pytest.fixture
async def vector_database() -> AsyncIterator[VectorDatabaseStub]:
    stub = VectorDatabaseStub()
    application = web.Application()
    application.router.add_post("/{path:.*}", stub.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    stub.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stub
    await runner.cleanup()


def make_connection(database: VectorDatabaseStub, provider: str, **more: Any) -> dict[str, Any]:
    return {"name": "Birds", "provider": provider, "endpoint": database.url, "auth_config": {"api_key": "k"}, **more}


async def test_qdrant(server: Server, ada: Person, bob: Person, vector_database: VectorDatabaseStub) -> None:
    point = {"id": 7, "score": 0.5, "payload": {"text": "Herons.", "metadata": {"file_id": "x", "page": 3}}}
    vector_database.reply = {"result": {"points": [point, {**point, "id": 8, "payload": {}}]}}
    source = {"name": "birds", "config": {"content_field": "payload.text", "vector_field": "dense"}}
    form = {
        "name": " Far ",
        "connection": make_connection(vector_database, "qdrant"),
        "source": source,
        "test_query": "fish?",
        "test_count": 2,
    }
    created = (await ada.post(f"{EXTERNAL}/source/create", form)).ok()
    assert created["name"] == "Far" and created["meta"]["external"]["source"]["config"] == source["config"]
    path, headers, body = vector_database.requests[0]
    assert path == "/collections/birds/points/query" and headers["api-key"] == "k"
    assert body["using"] == "dense" and body["limit"] == 2 and len(body["query"]) > 10
    connection_id = created["meta"]["external"]["connection_id"]
    result = (await ada.post(f"{EXTERNAL}/connections/{connection_id}/retrieve-test", {"query": "x", "count": 1})).ok()
    assert result["documents"] == ["Herons."] and result["distances"] == [0.5]
    assert result["metadatas"] == [
        {
            "page": 3,
            "name": "Birds",
            "source": "Birds",
            "url": None,
            "knowledge_id": "external-test",
            "knowledge_name": "Birds",
            "external": True,
            "document_id": 7,
        }
    ]
    (await bob.get(f"{KNOWLEDGE}/{created['id']}")).refused(401)
    # The test query finds nothing, so nothing is changed.
    vector_database.reply = {"result": {"points": []}}
    source_url = f"{EXTERNAL}/source/{created['id']}"
    (await ada.patch(source_url, {**form, "name": "Else"})).refused(400, "Test query returned no results.")
    vector_database.reply = {"result": {"points": [point]}}
    changed = (await ada.patch(source_url, {**form, "name": "Else", "description": "d"})).ok()
    assert (changed["name"], changed["description"]) == ("Else", "d")
    assert (await ada.get(f"{EXTERNAL}/connections/{connection_id}")).ok()["auth_configured"] is True
    assert (await ada.delete(f"{KNOWLEDGE}/{created['id']}/delete")).ok() is True
    assert (await ada.get(f"{EXTERNAL}/connections")).ok()["total"] == 0


async def test_milvus(server: Server, ada: Person, vector_database: VectorDatabaseStub) -> None:
    vector_database.reply = {
        "code": 0,
        "data": [{"id": 1, "distance": 0.25, "data": {"text": "Egrets."}, "title": "White"}],
    }
    config = {"content_field": "data.text", "vector_field": "v"}
    form = {
        "connection": make_connection(vector_database, "milvus", config={"db_name": "zoo"}),
        "source": {"name": "birds", "config": config},
        "query": "white?",
    }
    result = (await ada.post(f"{EXTERNAL}/source/test", form)).ok()
    assert result["documents"] == ["Egrets."] and result["metadatas"][0]["name"] == "White"
    path, headers, body = vector_database.requests[0]
    assert path == "/v2/vectordb/entities/search" and headers["authorization"] == "Bearer k"
    assert (body["collectionName"], body["annsField"], body["dbName"]) == ("birds", "v", "zoo")
    assert body["outputFields"] == ["data", "metadata"]
    vector_database.reply = {"code": 100, "message": "no such collection"}
    (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400, "Milvus refuses: no such collection")


async def test_failures_of_a_database_are_explained(
    server: Server, ada: Person, vector_database: VectorDatabaseStub
) -> None:
    form: dict[str, Any] = {
        "connection": make_connection(vector_database, "qdrant"),
        "source": {"name": "birds", "config": {"content_field": "payload.text"}},
        "query": "x",
    }
    vector_database.status, vector_database.reply = 403, {"status": "forbidden"}
    detail = (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)
    assert "403" in detail and "forbidden" in detail
    for endpoint, word in (("http://127.0.0.1:1", "reached"), ("localhost", "http address")):
        form["connection"]["endpoint"] = endpoint
        assert word in (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)
    form["connection"] |= {"endpoint": vector_database.url, "enabled": False}
    assert "disabled" in (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)


async def test_pgvector(ada: Person) -> None:
    if not POSTGRES:
        pytest.skip("FASTBACK_TEST_POSTGRES names no server")
    async with postgres_database(empty=True) as url:
        db = await asyncpg.connect(url)
        # The extension is not installed everywhere; a type and an operator are enough to stand in for it.
        await db.execute("""
            CREATE DOMAIN vector AS text;
            CREATE FUNCTION far(text, text) RETURNS float8 LANGUAGE sql AS 'SELECT length($1)::float8';
            CREATE OPERATOR <=> (leftarg = text, rightarg = text, function = far);
            CREATE TABLE document_chunk (id text, collection_name text, text text, vmetadata json, vector vector);
            INSERT INTO document_chunk VALUES ('a', 'birds', 'Herons.', '{"name": "h.txt"}', 'xx'),
                ('b', 'birds', 'Egrets.', NULL, 'x'), ('c', 'ants', 'Ants.', NULL, 'x')""")
        await db.close()
        form = {
            "connection": {"name": "Own", "provider": "pgvector", "endpoint": url},
            "source": {"name": "birds", "config": {"content_field": "text", "vector_field": "vector"}},
            "query": "x",
        }
        result = (await ada.post(f"{EXTERNAL}/source/test", form)).ok()
        assert result["documents"] == ["Egrets.", "Herons."] and result["distances"] == [1.0, 2.0]
        assert [metadata["name"] for metadata in result["metadatas"]] == ["Own", "h.txt"]
        assert result["metadatas"][1]["document_id"] == "a"
        form["source"]["config"]["table_name"] = "nothing"
        assert "nothing" in (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)


def test_invalid_identifiers_never_reach_sql() -> None:
    for fields in ({"table_name": "a; DROP TABLE b"}, {"content_field": 'x" --'}, {"vector_field": "a.b"}):
        with pytest.raises(RetrievalError):
            build_statement(SearchTarget({}, "c", fields, "k", "n"))
    assert '"zoo"."birds"' in build_statement(SearchTarget({}, "c", {"table_name": "zoo.birds"}, "k", "n"))
