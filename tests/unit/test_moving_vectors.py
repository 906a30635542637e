"""Collections go from store to store, and are embedded anew; what was broken off goes on."""

from __future__ import annotations

import asyncio
import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import vector_stores
from chroma_directory import ChromaDirectory
from fastback.cli import main
from fastback.retrieval import setup
from fastback.retrieval.interfaces import Item, RetrievalError, Vector
from fastback.retrieval.vectors import factory, migration
from fastback.retrieval.vectors.chroma_files import ChromaFiles
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.settings import Environment, SettingsError, load_settings
from vector_stores import make_item, make_vector

ITEMS = [
    make_item(n, f"number {n}", make_vector(1, n), file_id="a", page=n, draft=n % 2 == 0, score=n / 2)
    for n in range(1, 301)
]


def _quiet(what: str, done: int, of: int) -> None:
    pass


async def _all(store: Any, name: str) -> list[Item]:
    found: list[Item] = []
    after: str | None = None
    while True:
        page, after = await store.read_page(name, after, 100)
        found += page
        if after is None:
            return found


@pytest.mark.parametrize("kind", ["qdrant", "qdrant-shared", "chroma", "pgvector"])
async def test_moves_there_and_back(kind: str, tmp_path: Path) -> None:
    async with (
        vector_stores.open_fresh_store("sqlite", tmp_path / "a") as here,
        vector_stores.open_fresh_store(kind, tmp_path / "b") as there,
    ):
        await here.upsert("file-a", ITEMS)
        await here.upsert("file-b", [make_item(1000, "b", make_vector(1))])
        steps: list[tuple[str, int, int]] = []
        done = await migration.move_collections(here, there, ["file-a", "file-b"], lambda *step: steps.append(step))
        assert (done.collections, done.chunks, done.skipped) == (2, 301, 0)
        assert steps == [("file-a", 128, 300), ("file-a", 256, 300), ("file-a", 300, 300), ("file-b", 1, 1)]
        again = await migration.move_collections(here, there, ["file-a", "file-b"], _quiet)
        assert (again.collections, again.skipped) == (0, 2)
        async with vector_stores.open_fresh_store("sqlite", tmp_path / "c") as back:
            await migration.move_collections(there, back, sorted(await there.list_collections()), _quiet)
            found = {one.id: (one.text, one.metadata) for one in await _all(back, "file-a")}
            assert found == {one.id: (one.text, one.metadata) for one in ITEMS}
            assert len(await back.search(["file-a"], (await _all(back, "file-a"))[0].vector, 3)) == 3


async def test_goes_on_where_it_was(tmp_path: Path) -> None:
    async with (
        vector_stores.open_fresh_store("sqlite", tmp_path / "a") as here,
        vector_stores.open_fresh_store("sqlite", tmp_path / "b") as there,
    ):
        await here.upsert("file-a", ITEMS)
        await there.upsert("file-a", ITEMS[:128])
        done = await migration.move_collections(here, there, ["file-a", "file-unknown"], _quiet)
        assert (done.chunks, await there.count_chunks("file-a")) == (300, 300)


async def test_reads_the_files_of_chroma(tmp_path: Path) -> None:
    made = ChromaDirectory(tmp_path)
    made.add("knowledge", ITEMS, indexed=250)
    made.add("file-b", [make_item(1000, "b", make_vector(1), file_id="b")])
    files, store = ChromaFiles(tmp_path), SqliteStore(tmp_path)
    assert await files.list_collections() == ["file-b", "knowledge"]
    assert await files.count_chunks("knowledge") == 300
    assert await _all(files, "knowledge") == ITEMS
    assert await _all(files, "of-another-database") == []
    assert (await migration.import_chroma_files(files, store, _quiet)).chunks == 301
    assert [hit.text for hit in await store.search(["knowledge"], ITEMS[76].vector, 1)] == ["number 77"]
    assert (await migration.import_chroma_files(files, store, _quiet)).skipped == 2
    await files.close()
    # Open WebUI ran again meanwhile; and here something was deleted, which does not come back.
    made.add("knowledge", [make_item(2000, "late", make_vector(0, 1))])
    await store.drop_collection("file-b")
    files = ChromaFiles(tmp_path)
    done = await migration.import_chroma_files(files, store, _quiet)
    assert (done.collections, done.skipped) == (1, 1)
    assert await store.list_collections() == ["knowledge"]
    assert await store.count_chunks("knowledge") == 301
    await files.close()
    await store.close()


async def test_chunks_without_vectors_are_left_out(tmp_path: Path) -> None:
    made = ChromaDirectory(tmp_path)
    made.add("knowledge", ITEMS[:2])
    made.db.execute("DELETE FROM embeddings_queue WHERE id = ?", (ITEMS[0].id,))
    files = ChromaFiles(tmp_path)
    assert await _all(files, "knowledge") == [ITEMS[1]]
    await files.close()


async def test_a_pickle_calls_nothing(tmp_path: Path) -> None:
    made = ChromaDirectory(tmp_path)
    made.add("knowledge", ITEMS[:5], indexed=5)

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    (tmp_path / "VECTOR-knowledge" / "index_metadata.pickle").write_bytes(pickle.dumps({"id_to_label": Evil()}))
    files = ChromaFiles(tmp_path)
    with pytest.raises(RetrievalError, match="cannot be read"):
        await files.read_page("knowledge", None, 10)
    assert not (tmp_path / "made").exists()
    await files.close()


async def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    files = ChromaFiles(tmp_path)
    with pytest.raises(RetrievalError, match="cannot be read"):
        await files.list_collections()
    await files.close()


class _Embedder:
    """Makes vectors of another length, or of a given one; breaks off after so many batches."""

    def __init__(self, batches: int = 1000, *, model: str = "another", numbers: int = 16) -> None:
        self.left = batches
        self.model = model
        self.numbers = numbers
        self.texts: list[str] = []

    @property
    def signature(self) -> dict[str, Any]:
        return {"engine": "openai", "model": self.model}

    async def embed_content(self, texts: Sequence[str], *, ctx: Any = None) -> list[Vector]:
        if not self.left:
            raise RetrievalError("the engine is down")
        self.left -= 1
        self.texts += texts
        return [make_vector(1, len(text), size=self.numbers) for text in texts]

    async def embed_queries(self, texts: Sequence[str], *, ctx: Any = None) -> list[Vector]:
        raise AssertionError


@pytest.mark.parametrize("kind", ["sqlite", "qdrant", "chroma"])
async def test_embeds_anew_and_goes_on_where_it_was(kind: str, tmp_path: Path) -> None:
    async with vector_stores.open_fresh_store(kind, tmp_path) as store:
        await store.upsert("file-a", ITEMS)
        await store.upsert("file-b", [make_item(1000, "two\nlines", make_vector(1))])
        with pytest.raises(RetrievalError, match="the engine is down"):
            await migration.reindex_collections(store, _Embedder(1), ["file-a", "file-b"], _quiet)
        assert [hit.text for hit in await store.search(["file-a"], ITEMS[4].vector, 1)] == ["number 5"]
        embedder = _Embedder()
        done = await migration.reindex_collections(store, embedder, sorted(await store.list_collections()), _quiet)
        assert (done.collections, done.skipped) == (2, 0)
        assert sorted(embedder.texts) == sorted([*(one.text for one in ITEMS[128:]), "two lines"])
        assert sorted(await store.list_collections()) == ["file-a", "file-b"]
        found = await _all(store, "file-a")
        assert [one.id for one in found] == [one.id for one in ITEMS]
        assert {len(one.vector) for one in found} == {64}
        assert found[0].metadata == {**ITEMS[0].metadata, "embedding_config": str(embedder.signature)}
        assert (await migration.reindex_collections(store, embedder, ["file-a", "file-b", "none"], _quiet)).skipped == 3


@pytest.mark.parametrize("kind", ["qdrant-shared", "pgvector"])
async def test_embeds_anew_where_ids_are_shared(kind: str, tmp_path: Path) -> None:
    async with vector_stores.open_fresh_store(kind, tmp_path) as store:
        await store.upsert("knowledge", ITEMS)
        await store.upsert("other", [make_item(1000, "two\nlines", make_vector(1))])
        with pytest.raises(RetrievalError, match="the engine is down"):
            await migration.reindex_collections(store, _Embedder(1, numbers=8), ["knowledge", "other"], _quiet)
        assert await store.count_chunks("knowledge") == 300
        embedder = _Embedder(numbers=8)
        done = await migration.reindex_collections(store, embedder, sorted(await store.list_collections()), _quiet)
        assert (done.collections, done.chunks, done.skipped) == (2, 173, 0)
        assert embedder.texts == [*(one.text for one in ITEMS[128:]), "two lines"]
        assert sorted(await store.list_collections()) == ["knowledge", "other"]
        found = await _all(store, "knowledge")
        assert {one.id for one in found} == {one.id for one in ITEMS}
        assert {one.metadata["embedding_config"] for one in found} == {str(embedder.signature)}
        assert (
            await migration.reindex_collections(store, embedder, ["knowledge", "other", "none"], _quiet)
        ).skipped == 3


@pytest.mark.parametrize("kind", ["sqlite", "qdrant", "chroma"])
async def test_what_was_embedded_anew_takes_its_place_later(kind: str, tmp_path: Path) -> None:
    embedder = _Embedder()
    about = {"embedding_config": str(embedder.signature)}
    made = [make_item(n, f"number {n}", make_vector(1, n, size=16), **about) for n in range(1, 6)]
    async with vector_stores.open_fresh_store(kind, tmp_path) as store:
        await store.upsert("fastback-reindex-whole", made)
        await store.upsert("fastback-reindex-partly", made)
        await store.upsert("partly", made[:2])
        done = await migration.reindex_collections(store, embedder, sorted(await store.list_collections()), _quiet)
        assert (done.collections, embedder.texts) == (2, [])
        assert sorted(await store.list_collections()) == ["partly", "whole"]
        for name in ("partly", "whole"):
            assert {one.id for one in await _all(store, name)} == {one.id for one in made}


async def test_what_was_begun_for_another_model_is_begun_anew(tmp_path: Path) -> None:
    async with vector_stores.open_fresh_store("sqlite", tmp_path) as store:
        await store.upsert("file-a", ITEMS)
        with pytest.raises(RetrievalError):
            await migration.reindex_collections(store, _Embedder(1, model="given up"), ["file-a"], _quiet)
        embedder = _Embedder(numbers=24)
        assert (await migration.reindex_collections(store, embedder, ["file-a"], _quiet)).chunks == 300
        assert {len(one.vector) for one in await _all(store, "file-a")} == {96}


async def test_one_chunk_of_another_model_is_enough(tmp_path: Path) -> None:
    embedder = _Embedder(numbers=8)
    about = {"embedding_config": str(embedder.signature)}
    async with vector_stores.open_fresh_store("sqlite", tmp_path) as store:
        await store.upsert(
            "file-a", [make_item(1, "new", make_vector(1), **about), make_item(2, "old", make_vector(1))]
        )
        assert (await migration.reindex_collections(store, embedder, ["file-a"], _quiet)).collections == 1
        assert {one.metadata["embedding_config"] for one in await _all(store, "file-a")} == set(about.values())


async def test_a_start_takes_over_what_chroma_keeps(tmp_path: Path) -> None:
    ChromaDirectory(tmp_path / "vector_db").add("file-a", ITEMS[:3])
    settings = _settings(DATA_DIR=str(tmp_path))
    store = SqliteStore(factory.get_directory(settings))
    await setup._import_chroma_files(settings, store)
    assert await store.count_chunks("file-a") == 3
    await store.close()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ChromaDirectory(tmp_path / "vector_db").add("file-a", ITEMS[:3])
    where = ["--data-dir", str(tmp_path)]
    assert main(["vectors", "move", "chroma", "sqlite", *where]) == 0
    assert capsys.readouterr().out == "1 collections with 3 chunks moved\n"
    assert main(["vectors", "list", *where]) == 0
    assert capsys.readouterr().out == "file-a  3\n"
    assert main(["vectors", "move", "sqlite", "chroma", *where]) == 1
    assert "CHROMA_HTTP_HOST" in capsys.readouterr().err
    assert main(["vectors", "move", "sqlite", "sqlite", *where]) == 1
    for store, said in (("qdrant", "QDRANT_URI"), ("pgvector", "PGVECTOR_DB_URL")):
        capsys.readouterr()
        assert main(["vectors", "move", "sqlite", store, *where]) == 1
        assert said in capsys.readouterr().err
        assert main(["vectors", "list", store, *where]) == 1
        assert said in capsys.readouterr().err
    assert main(["vectors", "move", "sqlite", "qdrant", "--changed", *where]) == 1
    assert "--changed" in capsys.readouterr().err
    assert main(["vectors", "move", "chroma", "sqlite", "--collection", "unknown", *where]) == 0
    assert capsys.readouterr().out == "0 collections with 0 chunks moved; 1 already up to date\n"
    assert main(["vectors", "list", "chroma", "--data-dir", str(tmp_path / "other")]) == 1
    assert "no files of Chroma" in capsys.readouterr().err


def _settings(**env: str) -> Any:
    return load_settings(Environment({"DATA_DIR": "/nowhere", "WEBUI_SECRET_KEY": "k", **env}))


@pytest.mark.parametrize(
    ("env", "kind"),
    [
        ({}, "sqlite"),
        ({"VECTOR_DB": "chroma"}, "sqlite"),
        ({"VECTOR_DB": "Chroma", "CHROMA_HTTP_HOST": "chroma"}, "chroma"),
        ({"VECTOR_DB": "pgvector", "PGVECTOR_DB_URL": "postgresql://h/d"}, "pgvector"),
        ({"VECTOR_DB": "pgvector", "DATABASE_URL": "postgresql://h/d"}, "pgvector"),
        ({"VECTOR_DB": "qdrant", "QDRANT_URI": "http://q:6333"}, "qdrant"),
    ],
)
def test_the_store_that_is_chosen(env: dict[str, str], kind: str) -> None:
    assert factory.get_kind(_settings(**env)) == kind


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"VECTOR_DB": "milvus"}, "VECTOR_DB: 'milvus' is not supported; use chroma"),
        ({"VECTOR_DB": "pgvector"}, "PGVECTOR_DB_URL"),
        ({"VECTOR_DB": "qdrant"}, "QDRANT_URI"),
        (
            {"VECTOR_DB": "pgvector", "PGVECTOR_DB_URL": "postgresql://h/d", "PGVECTOR_PGCRYPTO": "true"},
            "PGVECTOR_PGCRYPTO_KEY",
        ),
        (
            {
                "VECTOR_DB": "pgvector",
                "PGVECTOR_DB_URL": "postgresql://h/d",
                "PGVECTOR_INITIALIZE_MAX_VECTOR_LENGTH": "3072",
            },
            "PGVECTOR_USE_HALFVEC",
        ),
    ],
)
def test_stores_that_cannot_be_chosen(env: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        factory.get_kind(_settings(**env))


async def test_the_server_takes_over_what_chroma_keeps(start_server: Any, tmp_path: Path) -> None:
    from fastback.retrieval.interfaces import VectorStore

    ChromaDirectory(tmp_path / "vector_db").add("file-a", ITEMS[:3])
    async with start_server() as server:
        store = server.services.get(VectorStore)
        for _ in range(200):
            if await store.has_collection("file-a") and len(await store.find_chunks("file-a")) == 3:
                break
            await asyncio.sleep(0.1)
        assert len(await store.find_chunks("file-a")) == 3


async def test_a_store_that_is_not_there_says_so(tmp_path: Path, start_server: Any) -> None:
    from fastback.retrieval.interfaces import VectorStore

    for env in (
        {"VECTOR_DB": "qdrant", "QDRANT_URI": "http://127.0.0.1:9"},
        {"VECTOR_DB": "chroma", "CHROMA_HTTP_HOST": "127.0.0.1", "CHROMA_HTTP_PORT": "9"},
        {"VECTOR_DB": "pgvector", "PGVECTOR_DB_URL": "postgresql://x@127.0.0.1:9/x"},
    ):
        async with start_server(**env) as server:
            with pytest.raises(RetrievalError, match=r"cannot be (reached|used)"):
                await server.services.get(VectorStore).find_chunks("file-a")
