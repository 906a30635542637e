"""Features of the pgvector store alone: the table of Open WebUI, its indexes, numbers of 16 bits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import vector_stores
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.vectors.pgvector import PgvectorStore
from fastback.settings import Environment, load_settings
from vector_stores import make_item, make_vector

#: The table as Open WebUI creates it, with a chunk that Open WebUI wrote.
_THEIRS = """
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE document_chunk (
        id TEXT NOT NULL, vector VECTOR(64), collection_name TEXT NOT NULL, text TEXT, vmetadata JSONB,
        PRIMARY KEY (id));
    INSERT INTO document_chunk VALUES ('theirs', array_fill(0.5, ARRAY[64])::real[]::vector, 'file-a', 'their words',
        '{"file_id": "a", "page": 3, "draft": true}');
    """


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with vector_stores.pgvector_database() as address:
        yield address


@pytest.fixture
async def open_store(url: str, tmp_path: Path) -> AsyncIterator[Callable[..., PgvectorStore]]:
    stores: list[PgvectorStore] = []

    def create_store(**env: str) -> PgvectorStore:
        variables = {"PGVECTOR_DB_URL": url, "PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH": "64", **env}
        settings = load_settings(Environment({"DATA_DIR": str(tmp_path), "WEBUI_SECRET_KEY": "k", **variables}))
        stores.append(PgvectorStore(settings))
        return stores[-1]

    yield create_store
    for store in stores:
        await store.close()


async def _run_statement(url: str, text: str) -> Any:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(text) if text.startswith("SELECT") else await connection.execute(text)
    finally:
        await connection.close()


async def test_uses_the_table_of_open_webui(url: str, open_store: Callable[..., PgvectorStore]) -> None:
    await _run_statement(url, _THEIRS)
    store = open_store()
    assert [hit.id for hit in await store.find_chunks("file-a", {"page": 3, "draft": True})] == ["theirs"]
    await store.upsert("file-a", [make_item(1, "our words", make_vector(1), file_id="b")])
    assert {hit.text for hit in await store.search_words(["file-a"], "words", 5)} == {"their words", "our words"}
    assert [hit.text for hit in await store.search(["file-a"], make_vector(1), 1)] == ["our words"]
    file_id = await _run_statement(url, "SELECT vmetadata ->> 'file_id' FROM document_chunk WHERE text = 'our words'")
    assert file_id == "b"


async def test_processes_create_the_table_at_the_same_time(open_store: Callable[..., PgvectorStore]) -> None:
    stores = [open_store() for _ in range(6)]
    await asyncio.gather(*(store.has_collection("file-a") for store in stores))
    await stores[0].upsert("file-a", [make_item(1, "words", make_vector(1))])
    assert all([await store.has_collection("file-a") for store in stores])


async def test_refuses_another_length_and_another_index(url: str, open_store: Callable[..., PgvectorStore]) -> None:
    await _run_statement(url, _THEIRS)
    for env in (
        {"PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH": "128"},
        {"PGVECTOR_USE_HALFVEC": "true"},
    ):
        with pytest.raises(RetrievalError, match="cannot be used"):
            await open_store(**env).has_collection("file-a")
    assert await open_store(PGVECTOR_INDEX_METHOD="hnsw").has_collection("file-a")
    with pytest.raises(RetrievalError, match="cannot be used"):
        await open_store(PGVECTOR_INDEX_METHOD="ivfflat").has_collection("file-a")


async def test_an_ivfflat_index_waits_for_rows(url: str, open_store: Callable[..., PgvectorStore]) -> None:
    count_indexes = "SELECT count(*) FROM pg_indexes WHERE indexname = 'idx_document_chunk_vector'"
    store = open_store(PGVECTOR_IVFFLAT_LISTS="1")
    await store.upsert("many", [make_item(n, str(n), make_vector(1, n)) for n in range(60)])
    assert await _run_statement(url, count_indexes) == 0
    store = open_store(PGVECTOR_IVFFLAT_LISTS="1")
    assert [hit.text for hit in await store.search(["many"], make_vector(1, 59), 1)] == ["59"]
    assert await _run_statement(url, count_indexes) == 1


async def test_numbers_of_sixteen_bits(url: str, open_store: Callable[..., PgvectorStore]) -> None:
    store = open_store(PGVECTOR_USE_HALFVEC="true", PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH="3000")
    await store.upsert("a", [make_item(1, "east", make_vector(1)), make_item(2, "north", make_vector(0, 1))])
    assert [hit.text for hit in await store.search(["a"], make_vector(0.1, 1), 2)] == ["north", "east"]
    assert await store.copy_chunks("a", "b", {}, {"x": 1}) == 2
    assert len((await store.read_page("b", None, 1))[0][0].vector) in (4, 8)


async def test_longer_vectors_are_cut_off(open_store: Callable[..., PgvectorStore]) -> None:
    store = open_store(PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH="4")
    await store.upsert("a", [make_item(1, "east", make_vector(1)), make_item(2, "north", make_vector(0, 1))])
    hits = await store.search(["a"], make_vector(0.1, 1, 0, 0, 9), 2)
    assert [hit.text for hit in hits] == ["north", "east"]
    assert hits[0].score == pytest.approx(0.9975, abs=1e-3)


async def test_splits_words_like_postgresql(open_store: Callable[..., PgvectorStore]) -> None:
    store = open_store()
    texts = ["see docs.example.com", "since v1.2.3", "in /etc/fstab", "something else"]
    await store.upsert("a", [make_item(n, text, make_vector(1)) for n, text in enumerate(texts)])
    for question, text in (("what is docs.example.com?", 0), ("is v1.2.3 out", 1), ("where is /etc/fstab", 2)):
        assert [hit.text for hit in await store.search_words(["a"], question, 5)] == [texts[text]]


async def test_the_table_is_in_the_default_schema_like_that_of_open_webui(
    url: str, open_store: Callable[..., PgvectorStore]
) -> None:
    """Check that `DATABASE_SCHEMA` does not apply to the table of chunks."""
    await _run_statement(url, f"CREATE SCHEMA elsewhere; {_THEIRS}")
    store = open_store(PGVECTOR_DB_URL="", DATABASE_URL=url, DATABASE_SCHEMA="elsewhere")
    assert await store.has_collection("file-a")


async def test_a_vector_of_zeros_has_a_score_of_zero(open_store: Callable[..., PgvectorStore]) -> None:
    store = open_store()
    await store.upsert("a", [make_item(1, "nothing", make_vector(0)), make_item(2, "east", make_vector(1))])
    assert [hit.score for hit in await store.search(["a"], make_vector(1), 2)] == [1.0, 0.0]
