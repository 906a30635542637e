"""The features that all vector stores share."""

from __future__ import annotations

import array
import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

import vector_stores
from fastback.retrieval.interfaces import Hit, Item, RetrievalError, VectorStore
from fastback.retrieval.vectors.migration_protocol import PortableStore
from fastback.retrieval.vectors.pgvector import PgvectorStore
from vector_stores import make_item, make_vector

EAST, NORTH, BETWEEN = make_vector(1, 0), make_vector(0, 1), make_vector(1, 1)


@pytest.fixture(params=vector_stores.KINDS)
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[PortableStore]:
    async with vector_stores.open_fresh_store(request.param, tmp_path) as vector_store:
        yield vector_store


def _list_texts(hits: Sequence[Hit]) -> list[str]:
    return [hit.text for hit in hits]


async def _fill_store(store: VectorStore) -> None:
    await store.upsert(
        "file-a",
        [
            make_item(1, "the east wind", EAST, file_id="a", hash="x", name="winds_of_may.txt", page=1, start_index=0),
            make_item(
                2, "the north wind", NORTH, file_id="a", hash="x", name="winds_of_may.txt", page=2, start_index=20
            ),
        ],
    )
    await store.upsert("file-b", [make_item(3, "something between", BETWEEN, file_id="b", hash="y", draft=True)])


async def test_finds_the_nearest_chunks_of_all_collections(store: VectorStore) -> None:
    await _fill_store(store)
    hits = await store.search(["file-a", "file-b", "file-unknown"], EAST, 10)
    assert _list_texts(hits) == ["the east wind", "something between", "the north wind"]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 0.853553, 0.5], abs=1e-3)
    metadata = {"file_id": "a", "hash": "x", "name": "winds_of_may.txt", "page": 1, "start_index": 0}
    assert hits[0].metadata == metadata
    assert _list_texts(await store.search(["file-a", "file-b"], NORTH, 1)) == ["the north wind"]
    assert await store.search(["file-unknown"], EAST, 10) == []
    assert await store.search([], EAST, 10) == []


async def test_searches_with_conditions_on_metadata(store: VectorStore) -> None:
    await _fill_store(store)
    both = ["file-a", "file-b"]
    assert _list_texts(await store.search(both, EAST, 10, {"file_id": "b"})) == ["something between"]
    assert _list_texts(await store.search(both, EAST, 10, {"page": 2})) == ["the north wind"]
    assert _list_texts(await store.search(both, EAST, 10, {"draft": True})) == ["something between"]
    assert _list_texts(await store.search(both, EAST, 10, {"file_id": {"$in": ["a", "c"]}, "page": 1})) == [
        "the east wind"
    ]
    assert await store.search(both, EAST, 10, {"file_id": "c"}) == []


async def test_finds_words(store: VectorStore) -> None:
    await _fill_store(store)
    both = ["file-a", "file-b"]
    assert _list_texts(await store.search_words(both, "Where does the EAST wind blow?", 10))[0] == "the east wind"
    assert _list_texts(await store.search_words(both, "between", 10)) == ["something between"]
    assert _list_texts(await store.search_words(["file-a"], "between", 10)) == []
    assert _list_texts(await store.search_words(both, "wind", 1, {"page": 2})) == ["the north wind"]
    assert await store.search_words(both, "nothing of this", 10) == []
    assert await store.search_words(["file-unknown"], "wind", 10) == []
    # Operators and quotes have no special meaning.
    for strange in (
        '"',
        "'",
        "AND",
        "wind OR NOT (",
        "text:wind",
        "*",
        "",
        "wind\x00s",
        "-wind ^a",
        "\U0001f468\u200d\U0001f4bb",
    ):
        await store.search_words(both, strange, 10)
    # A long query still works.
    for long in ("x" * 100_000, f"{'wind ' * 20_000} east", f"{'0' * 3000} EAST"):
        assert _list_texts(await store.search_words(both, f"east {long}", 10))[0] == "the east wind"


async def test_words_are_found_however_their_accents_are_written(store: VectorStore) -> None:
    texts = ["ein re\u0301sume\u0301 pour toi", "हिन्दी में लिखा", "nothing of the kind"]
    await store.upsert("file-a", [make_item(n, text, EAST) for n, text in enumerate(texts, 1)])
    assert _list_texts(await store.search_words(["file-a"], "re\u0301sume\u0301?", 10)) == texts[:1]
    assert _list_texts(await store.search_words(["file-a"], "क्या हिन्दी", 10)) == texts[1:2]


async def test_words_of_the_name_count_on_request(store: VectorStore) -> None:
    await _fill_store(store)
    assert await store.search_words(["file-a"], "may", 10) == []
    assert len(await store.search_words(["file-a"], "may", 10, enriched=True)) == 2


async def test_finds_by_metadata_in_the_order_of_writing(store: VectorStore) -> None:
    await _fill_store(store)
    assert _list_texts(await store.find_chunks("file-a")) == ["the east wind", "the north wind"]
    assert _list_texts(await store.find_chunks("file-a", {"page": 2})) == ["the north wind"]
    assert _list_texts(await store.find_chunks("file-a", {"hash": "x"}, 1)) == ["the east wind"]
    assert await store.find_chunks("file-a", {"hash": "z"}) == []
    assert await store.find_chunks("file-unknown") == []


async def test_a_chunk_with_an_existing_id_is_replaced(store: VectorStore) -> None:
    await _fill_store(store)
    await store.upsert("file-a", [make_item(1, "a western gale", NORTH, file_id="a")])
    assert sorted(_list_texts(await store.find_chunks("file-a"))) == ["a western gale", "the north wind"]
    assert _list_texts(await store.search_words(["file-a"], "east", 10)) == []
    assert _list_texts(await store.search_words(["file-a"], "gale", 10)) == ["a western gale"]


async def test_metadata_are_stored_as_strings_and_numbers(store: VectorStore) -> None:
    metadata = {
        "none": None,
        "list": ["a", 1],
        "object": {"engine": "openai"},
        "pages": [1],
        "n": 0.5,
        "t": "a\x00\ud800b",
    }
    await store.upsert("file-a", [make_item(1, "text\x00", EAST, **metadata)])
    (chunk,) = await store.find_chunks("file-a")
    assert chunk.metadata == {"list": "['a', 1]", "object": "{'engine': 'openai'}", "n": 0.5, "t": "ab"}
    assert chunk.text == "text"


async def test_deletes_chunks_by_id_and_metadata(store: VectorStore) -> None:
    await _fill_store(store)
    await store.delete_chunks("file-a", ids=[make_item(1, "", EAST).id, "00000000-0000-4000-8000-999999999999"])
    assert _list_texts(await store.find_chunks("file-a")) == ["the north wind"]
    await store.delete_chunks("file-a", where={"file_id": "b"})
    assert _list_texts(await store.find_chunks("file-a")) == ["the north wind"]
    await store.delete_chunks("file-a", where={"file_id": "a"})
    assert await store.find_chunks("file-a") == []
    assert await store.search(["file-a"], EAST, 10) == []
    assert await store.search_words(["file-a"], "wind", 10) == []
    await store.delete_chunks("file-unknown", ids=["1"])
    assert _list_texts(await store.find_chunks("file-b")) == ["something between"]


async def test_lists_and_drops_collections(store: VectorStore) -> None:
    await _fill_store(store)
    assert await store.has_collection("file-a")
    assert not await store.has_collection("file-unknown")
    assert sorted(await store.list_collections()) == ["file-a", "file-b"]
    await store.drop_collection("file-a")
    await store.drop_collection("file-unknown")
    assert not await store.has_collection("file-a")
    assert await store.list_collections() == ["file-b"]
    await store.delete_all()
    assert await store.list_collections() == []
    await _fill_store(store)
    assert len(await store.search(["file-a"], EAST, 10)) == 2


async def test_copies_with_vectors_and_words(store: VectorStore) -> None:
    await _fill_store(store)
    count = await store.copy_chunks("file-a", "knowledge", {"file_id": "a"}, {"knowledge": "k", "name": "copies.txt"})
    assert count == 2
    assert await store.copy_chunks("file-unknown", "knowledge", {}, {}) == 0
    hits = await store.search(["knowledge"], NORTH, 1)
    assert _list_texts(hits) == ["the north wind"]
    assert hits[0].score == pytest.approx(1.0, abs=1e-3)
    metadata = {"file_id": "a", "hash": "x", "name": "copies.txt", "page": 2, "start_index": 20, "knowledge": "k"}
    assert hits[0].metadata == metadata
    assert hits[0].id != make_item(2, "", NORTH).id
    assert _list_texts(await store.search_words(["knowledge"], "north", 10)) == ["the north wind"]
    assert len(await store.search_words(["knowledge"], "copies", 10, enriched=True)) == 2
    assert _list_texts(await store.find_chunks("knowledge")) == ["the east wind", "the north wind"]
    await store.drop_collection("knowledge")
    assert _list_texts(await store.find_chunks("file-a")) == ["the east wind", "the north wind"]


async def test_refuses_vectors_of_another_length(store: VectorStore) -> None:
    if isinstance(store, PgvectorStore):
        pytest.skip("pgvector cuts vectors off like Open WebUI: see test_pgvector_store")
    await _fill_store(store)
    with pytest.raises(RetrievalError, match=r"dimension of \d+, got 80"):
        await store.upsert("file-a", [make_item(4, "longer", make_vector(1, size=80))])
    assert await store.search(["file-a"], make_vector(1, size=80), 10) == []
    assert len(await store.find_chunks("file-a")) == 2


async def test_an_emptied_collection_accepts_vectors_of_another_length(store: PortableStore) -> None:
    if store.has_shared_ids:
        pytest.skip("all collections of this store have vectors of the same length")
    await _fill_store(store)
    await store.delete_chunks("file-b", where={"file_id": "b"})
    await store.upsert("file-b", [make_item(4, "longer", make_vector(1, size=16))])
    assert _list_texts(await store.search(["file-b"], make_vector(1, size=16), 1)) == ["longer"]
    await store.delete_chunks("file-b", ids=[make_item(4, "", EAST).id])
    await store.copy_chunks("file-a", "file-b", {}, {})
    assert _list_texts(await store.search(["file-b"], EAST, 1)) == ["the east wind"]


async def test_concurrent_writes_succeed(store: VectorStore) -> None:
    names = [f"file-{n}" for n in range(6)]
    await asyncio.gather(
        *(store.upsert(name, [make_item(n, name, make_vector(1, n))]) for n, name in enumerate(names)),
        *(store.upsert("knowledge", [make_item(100 + n, str(n), make_vector(1, n))]) for n in range(6)),
    )
    assert sorted(await store.list_collections()) == [*names, "knowledge"]
    assert len(await store.find_chunks("knowledge")) == 6


async def test_finds_the_nearest_among_many(store: VectorStore) -> None:
    items = [make_item(n, f"number {n}", make_vector(1, n / 100, (n * 7919 % 13) / 50), n=n) for n in range(1, 400)]
    await store.upsert("many", items)
    hits = await store.search(["many"], items[200].vector, 3)
    assert hits[0].text == "number 201"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert len(await store.find_chunks("many")) == 399


async def test_can_be_read_page_by_page_with_vectors(store: PortableStore) -> None:
    items = [make_item(n, f"number {n}", make_vector(1, n), n=n) for n in range(1, 12)]
    await store.upsert("many", items)
    assert await store.count_chunks("many") == 11
    assert await store.count_chunks("unknown") == 0
    chunks: list[Item] = []
    after: str | None = None
    while True:
        page, after = await store.read_page("many", after, 4)
        chunks += page
        if after is None:
            break
    assert {chunk.id: chunk.text for chunk in chunks} == {item.id: item.text for item in items}
    assert {chunk.id: chunk.metadata for chunk in chunks} == {item.id: item.metadata for item in items}
    for chunk in chunks:
        expected = array.array("f", items[chunk.metadata["n"] - 1].vector).tolist()
        numbers = array.array("f", chunk.vector).tolist()
        assert numbers == pytest.approx(expected[: len(numbers)], abs=1e-3)
        assert not any(expected[len(numbers) :])
    assert await store.read_page("unknown", None, 4) == ([], None)


async def test_renaming_replaces_an_existing_collection(store: PortableStore) -> None:
    await _fill_store(store)
    await store.rename_collection("file-b", "file-a")
    assert await store.list_collections() == ["file-a"]
    assert _list_texts(await store.search(["file-a"], EAST, 5)) == ["something between"]
    assert _list_texts(await store.search_words(["file-a"], "between wind", 5)) == ["something between"]
