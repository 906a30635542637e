"""What only pgvector does: the table of Open WebUI, its indexes, numbers of 16 bits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import vector_stores
from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.vectors.pgvector import PgvectorStore
from fastback.settings import Environment, load_settings
from vector_stores import make_item, make_vector

#: As Open WebUI makes it, with a chunk of its own.
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
    async with vector_stores.pgvector_database() as made:
        yield made


@pytest.fixture
async def opened(url: str, tmp_path: Path) -> AsyncIterator[Callable[..., PgvectorStore]]:
    made: list[PgvectorStore] = []

    def store(**env: str) -> PgvectorStore:
        given = {"PGVECTOR_DB_URL": url, "PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH": "64", **env}
        settings = load_settings(Environment({"DATA_DIR": str(tmp_path), "WEBUI_SECRET_KEY": "k", **given}))
        made.append(PgvectorStore(settings))
        return made[-1]

    yield store
    for one in made:
        await one.close()


async def _run(url: str, text: str) -> Any:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(text) if text.startswith("SELECT") else await connection.execute(text)
    finally:
        await connection.close()


async def test_goes_on_with_the_table_of_open_webui(url: str, opened: Callable[..., PgvectorStore]) -> None:
    await _run(url, _THEIRS)
    store = opened()
    assert [hit.id for hit in await store.find_chunks("file-a", {"page": 3, "draft": True})] == ["theirs"]
    await store.upsert("file-a", [make_item(1, "our words", make_vector(1), file_id="b")])
    assert {hit.text for hit in await store.search_words(["file-a"], "words", 5)} == {"their words", "our words"}
    assert [hit.text for hit in await store.search(["file-a"], make_vector(1), 1)] == ["our words"]
    kept = await _run(url, "SELECT vmetadata ->> 'file_id' FROM document_chunk WHERE text = 'our words'")
    assert kept == "b"


async def test_refuses_another_length_and_another_index(url: str, opened: Callable[..., PgvectorStore]) -> None:
    await _run(url, _THEIRS)
    for env in (
        {"PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH": "128"},
        {"PGVECTOR_USE_HALFVEC": "true"},
    ):
        with pytest.raises(RetrievalError, match="cannot be used"):
            await opened(**env).has_collection("file-a")
    assert await opened(PGVECTOR_INDEX_METHOD="hnsw").has_collection("file-a")
    with pytest.raises(RetrievalError, match="cannot be used"):
        await opened(PGVECTOR_INDEX_METHOD="ivfflat").has_collection("file-a")


async def test_an_ivfflat_index_waits_for_rows(url: str, opened: Callable[..., PgvectorStore]) -> None:
    known = "SELECT count(*) FROM pg_indexes WHERE indexname = 'idx_document_chunk_vector'"
    store = opened(PGVECTOR_IVFFLAT_LISTS="1")
    await store.upsert("many", [make_item(n, str(n), make_vector(1, n)) for n in range(60)])
    assert await _run(url, known) == 0
    store = opened(PGVECTOR_IVFFLAT_LISTS="1")
    assert [hit.text for hit in await store.search(["many"], make_vector(1, 59), 1)] == ["59"]
    assert await _run(url, known) == 1


async def test_numbers_of_sixteen_bits(url: str, opened: Callable[..., PgvectorStore]) -> None:
    store = opened(PGVECTOR_USE_HALFVEC="true", PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH="3000")
    await store.upsert("a", [make_item(1, "east", make_vector(1)), make_item(2, "north", make_vector(0, 1))])
    assert [hit.text for hit in await store.search(["a"], make_vector(0.1, 1), 2)] == ["north", "east"]
    assert await store.copy_chunks("a", "b", {}, {"x": 1}) == 2
    assert len((await store.read_page("b", None, 1))[0][0].vector) in (4, 8)


async def test_longer_vectors_are_cut_off(opened: Callable[..., PgvectorStore]) -> None:
    store = opened(PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH="4")
    await store.upsert("a", [make_item(1, "east", make_vector(1)), make_item(2, "north", make_vector(0, 1))])
    found = await store.search(["a"], make_vector(0.1, 1, 0, 0, 9), 2)
    assert [hit.text for hit in found] == ["north", "east"]
    assert found[0].score == pytest.approx(0.9975, abs=1e-3)


async def test_takes_words_apart_as_postgresql_does(opened: Callable[..., PgvectorStore]) -> None:
    store = opened()
    texts = ["see docs.example.com", "since v1.2.3", "in /etc/fstab", "something else"]
    await store.upsert("a", [make_item(n, text, make_vector(1)) for n, text in enumerate(texts)])
    for question, text in (("what is docs.example.com?", 0), ("is v1.2.3 out", 1), ("where is /etc/fstab", 2)):
        assert [hit.text for hit in await store.search_words(["a"], question, 5)] == [texts[text]]


async def test_the_table_lies_where_open_webui_has_it(url: str, opened: Callable[..., PgvectorStore]) -> None:
    """`DATABASE_SCHEMA` is of the other tables alone."""
    await _run(url, f"CREATE SCHEMA elsewhere; {_THEIRS}")
    store = opened(PGVECTOR_DB_URL="", DATABASE_URL=url, DATABASE_SCHEMA="elsewhere")
    assert await store.has_collection("file-a")


async def test_a_vector_of_zeros_is_like_nothing(opened: Callable[..., PgvectorStore]) -> None:
    store = opened()
    await store.upsert("a", [make_item(1, "nothing", make_vector(0)), make_item(2, "east", make_vector(1))])
    assert [hit.score for hit in await store.search(["a"], make_vector(1), 2)] == [1.0, 0.0]
