"""Knowledge in vector databases of others: asked over their own protocols, and what comes of their mistakes."""

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


class Foreign:
    """Somebody else's database: what it was asked, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.answers: Any = {}
        self.status = 200
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.asked.append((request.path, headers, await request.json()))
        return web.json_response(self.answers, status=self.status)


@pytest.fixture
async def foreign() -> AsyncIterator[Foreign]:
    made = Foreign()
    application = web.Application()
    application.router.add_post("/{path:.*}", made.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def connection(foreign: Foreign, provider: str, **more: Any) -> dict[str, Any]:
    return {"name": "Birds", "provider": provider, "endpoint": foreign.url, "auth_config": {"api_key": "k"}, **more}


async def test_qdrant(server: Server, ada: Person, bob: Person, foreign: Foreign) -> None:
    point = {"id": 7, "score": 0.5, "payload": {"text": "Herons.", "metadata": {"file_id": "x", "page": 3}}}
    foreign.answers = {"result": {"points": [point, {**point, "id": 8, "payload": {}}]}}
    source = {"name": "birds", "config": {"content_field": "payload.text", "vector_field": "dense"}}
    form = {
        "name": " Far ",
        "connection": connection(foreign, "qdrant"),
        "source": source,
        "test_query": "fish?",
        "test_count": 2,
    }
    made = (await ada.post(f"{EXTERNAL}/source/create", form)).ok()
    assert made["name"] == "Far" and made["meta"]["external"]["source"]["config"] == source["config"]
    path, headers, asked = foreign.asked[0]
    assert path == "/collections/birds/points/query" and headers["api-key"] == "k"
    assert asked["using"] == "dense" and asked["limit"] == 2 and len(asked["query"]) > 10
    connection_id = made["meta"]["external"]["connection_id"]
    tried = (await ada.post(f"{EXTERNAL}/connections/{connection_id}/retrieve-test", {"query": "x", "count": 1})).ok()
    assert tried["documents"] == ["Herons."] and tried["distances"] == [0.5]
    assert tried["metadatas"] == [
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
    (await bob.get(f"{KNOWLEDGE}/{made['id']}")).refused(401)
    # Nothing found: nothing is changed.
    foreign.answers = {"result": {"points": []}}
    one = f"{EXTERNAL}/source/{made['id']}"
    (await ada.patch(one, {**form, "name": "Else"})).refused(400, "Test query returned no results.")
    foreign.answers = {"result": {"points": [point]}}
    changed = (await ada.patch(one, {**form, "name": "Else", "description": "d"})).ok()
    assert (changed["name"], changed["description"]) == ("Else", "d")
    assert (await ada.get(f"{EXTERNAL}/connections/{connection_id}")).ok()["auth_configured"] is True
    assert (await ada.delete(f"{KNOWLEDGE}/{made['id']}/delete")).ok() is True
    assert (await ada.get(f"{EXTERNAL}/connections")).ok()["total"] == 0


async def test_milvus(server: Server, ada: Person, foreign: Foreign) -> None:
    foreign.answers = {"code": 0, "data": [{"id": 1, "distance": 0.25, "data": {"text": "Egrets."}, "title": "White"}]}
    config = {"content_field": "data.text", "vector_field": "v"}
    form = {
        "connection": connection(foreign, "milvus", config={"db_name": "zoo"}),
        "source": {"name": "birds", "config": config},
        "query": "white?",
    }
    found = (await ada.post(f"{EXTERNAL}/source/test", form)).ok()
    assert found["documents"] == ["Egrets."] and found["metadatas"][0]["name"] == "White"
    path, headers, asked = foreign.asked[0]
    assert path == "/v2/vectordb/entities/search" and headers["authorization"] == "Bearer k"
    assert (asked["collectionName"], asked["annsField"], asked["dbName"]) == ("birds", "v", "zoo")
    assert asked["outputFields"] == ["data", "metadata"]
    foreign.answers = {"code": 100, "message": "no such collection"}
    (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400, "Milvus refuses: no such collection")


async def test_a_database_that_fails_is_told_about(server: Server, ada: Person, foreign: Foreign) -> None:
    form: dict[str, Any] = {
        "connection": connection(foreign, "qdrant"),
        "source": {"name": "birds", "config": {"content_field": "payload.text"}},
        "query": "x",
    }
    foreign.status, foreign.answers = 403, {"status": "forbidden"}
    detail = (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)
    assert "403" in detail and "forbidden" in detail
    for endpoint, word in (("http://127.0.0.1:1", "reached"), ("localhost", "http address")):
        form["connection"]["endpoint"] = endpoint
        assert word in (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)
    form["connection"] |= {"endpoint": foreign.url, "enabled": False}
    assert "disabled" in (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)


async def test_pgvector(ada: Person) -> None:
    if not POSTGRES:
        pytest.skip("FASTBACK_TEST_POSTGRES names no server")
    async with postgres_database(empty=True) as url:
        db = await asyncpg.connect(url)
        # The extension is not everywhere: what we need of it is a type and an operator.
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
        found = (await ada.post(f"{EXTERNAL}/source/test", form)).ok()
        assert found["documents"] == ["Egrets.", "Herons."] and found["distances"] == [1.0, 2.0]
        assert [one["name"] for one in found["metadatas"]] == ["Own", "h.txt"]
        assert found["metadatas"][1]["document_id"] == "a"
        form["source"]["config"]["table_name"] = "nothing"
        assert "nothing" in (await ada.post(f"{EXTERNAL}/source/test", form)).refused(400)


def test_names_are_never_more_than_names() -> None:
    for fields in ({"table_name": "a; DROP TABLE b"}, {"content_field": 'x" --'}, {"vector_field": "a.b"}):
        with pytest.raises(RetrievalError):
            build_statement(SearchTarget({}, "c", fields, "k", "n"))
    assert '"zoo"."birds"' in build_statement(SearchTarget({}, "c", {"table_name": "zoo.birds"}, "k", "n"))
