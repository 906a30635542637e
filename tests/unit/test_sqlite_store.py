"""Features of the built-in vector store alone."""

from __future__ import annotations

import random
from pathlib import Path

import apsw
import pytest

from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.vectors.sqlite import FILE, SqliteStore
from fastback.retrieval.vectors.tokenising import (
    build_any_word_query,
    list_query_words,
    list_terms,
    space_dense_characters,
)
from vector_stores import make_item, make_vector


async def test_large_collections_are_searched_approximately_then_exactly(tmp_path: Path) -> None:
    chance = random.Random(7)

    def make_random_point() -> list[float]:
        return [chance.gauss(0, 1) for _ in range(64)]

    store = SqliteStore(tmp_path)
    points = [make_random_point() for _ in range(3000)]
    await store.upsert("many", [make_item(n, str(n), make_vector(*point, size=64)) for n, point in enumerate(points)])
    for n in (5, 1500, 2999):
        near = make_vector(*(coordinate + chance.gauss(0, 0.3) for coordinate in points[n]), size=64)
        assert (await store.search(["many"], near, 3))[0].text == str(n)
    await store.close()


async def test_many_chunks_are_copied_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastback.retrieval.vectors.sqlite._COPY_RANGE", 3)
    store = SqliteStore(tmp_path)
    for n in range(10):
        await store.upsert("one", [make_item(n, f"number{n}", make_vector(1, n))])
        await store.upsert("other", [make_item(n, f"stranger{n}", make_vector(1, n))])
    for times in (1, 2):
        assert await store.copy_chunks("one", "both", {}, {"copied": times}) == 10
    assert [hit.text for hit in await store.find_chunks("both")] == [f"number{n}" for n in range(10)] * 2
    for n in range(10):
        assert {hit.text for hit in await store.search(["both"], make_vector(1, n), 2)} == {f"number{n}"}
        assert {hit.text for hit in await store.search_words(["both"], f"number{n}", 3)} == {f"number{n}"}
    await store.close()


async def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "vector_db")
    assert await store.list_collections() == []
    assert (tmp_path / "vector_db" / FILE).stat().st_mode & 0o777 == 0o600
    await store.close()


async def test_an_invalid_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    store = SqliteStore(tmp_path)
    with pytest.raises(RetrievalError, match="cannot be used"):
        await store.has_collection("a")
    await store.close()


async def test_refuses_a_file_of_another_version(tmp_path: Path) -> None:
    apsw.Connection(str(tmp_path / FILE)).execute("PRAGMA user_version=99")
    store = SqliteStore(tmp_path)
    with pytest.raises(RetrievalError, match="cannot be used"):
        await store.has_collection("a")
    await store.close()


async def test_two_programs_share_the_file(tmp_path: Path) -> None:
    first, second = SqliteStore(tmp_path), SqliteStore(tmp_path)
    await first.upsert("a", [make_item(1, "eins", make_vector(1))])
    await second.upsert("a", [make_item(2, "zwei", make_vector(0, 1))])
    assert [hit.text for hit in await first.find_chunks("a")] == ["eins", "zwei"]
    await first.close()
    await second.close()


async def test_vectors_need_not_fill_bytes(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.upsert(
        "a", [make_item(1, "eins", make_vector(1, size=5)), make_item(2, "zwei", make_vector(0, 1, size=5))]
    )
    assert [hit.text for hit in await store.search(["a"], make_vector(0, 1, size=5), 1)] == ["zwei"]
    await store.close()


async def test_a_vector_of_zeros_has_a_score_of_zero(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.upsert("a", [make_item(1, "nothing", make_vector(0)), make_item(2, "east", make_vector(1))])
    hits = await store.search(["a"], make_vector(1), 2)
    assert [hit.text for hit in hits] == ["east", "nothing"]
    assert hits[1].score == 0.0
    await store.close()


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", ""),
        ("Straße, café!", '"straße" OR "café"'),
        ("東京都 is", '"東 京" OR "京 都" OR "is"'),
        ("wind wind", '"wind"'),
    ],
)
def test_words_of_a_question(text: str, query: str) -> None:
    assert build_any_word_query(list_query_words(text)) == query


async def test_finds_words_without_spaces_between_them(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    await store.upsert(
        "a", [make_item(1, "我住在東京都新宿区", make_vector(1)), make_item(2, "Café crème", make_vector(1))]
    )
    assert [hit.text for hit in await store.search_words(["a"], "東京", 5)] == ["我住在東京都新宿区"]
    assert [hit.text for hit in await store.search_words(["a"], "cafe", 5)] == ["Café crème"]
    assert space_dense_characters("plain") == "plain"
    await store.close()


async def test_finds_words_in_many_collections(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    for n in range(70):
        await store.upsert(f"file-{n}", [make_item(n, f"wind number {n}", make_vector(1), page=n)])
    names = [f"file-{n}" for n in range(66)]
    assert [hit.text for hit in await store.search_words(names, "number 65 68", 1)] == ["wind number 65"]
    assert len(await store.search_words(names, "wind", 100)) == 66
    assert [hit.text for hit in await store.search_words(names, "wind", 100, {"page": 3})] == ["wind number 3"]
    await store.close()


@pytest.mark.parametrize(
    ("word", "terms"), [("café", ["cafe"]), ("東京", ["東", "京"]), ("हिन्दी", ["ह", "न", "द"]), ("plain", ["plain"])]
)
def test_the_terms_of_a_word_are_those_of_the_index(word: str, terms: list[str]) -> None:
    db = apsw.Connection(":memory:")
    db.execute("CREATE VIRTUAL TABLE words USING fts5 (text, tokenize='unicode61 remove_diacritics 2')")
    db.execute("CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'instance')")
    db.execute("INSERT INTO words VALUES (?)", (space_dense_characters(word),))
    indexed = [row[0] for row in db.execute("SELECT term FROM vocabulary ORDER BY offset")]
    assert list_terms(word) == indexed == terms
