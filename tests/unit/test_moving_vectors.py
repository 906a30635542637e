"""Moving collections from store to store and reindexing them, with resumption after an interruption."""

from __future__ import annotations

import os
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import vector_stores
from chroma_directory import ChromaDirectory
from fastback.cli import main
from fastback.retrieval.interfaces import Item, RetrievalError, Vector
from fastback.retrieval.vectors import chroma_import, factory, migration
from fastback.retrieval.vectors.chroma_files import ChromaFiles
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.settings import Environment, SettingsError, load_settings
from vector_stores import make_item, make_vector

ITEMS = [
    make_item(n, f"number {n}", make_vector(1, n), file_id="a", page=n, draft=n % 2 == 0, score=n / 2)
    for n in range(1, 301)
]


def _ignore_progress(collection: str, count: int, total: int) -> None:
    pass


async def _read_all_items(store: Any, name: str) -> list[Item]:
    items: list[Item] = []
    after: str | None = None
    while True:
        page, after = await store.read_page(name, after, 100)
        items += page
        if after is None:
            return items


@pytest.mark.parametrize("kind", ["qdrant", "qdrant-shared", "chroma", "pgvector"])
async def test_collections_move_to_another_store_and_back(kind: str, tmp_path: Path) -> None:
    async with (
        vector_stores.open_fresh_store("sqlite", tmp_path / "a") as source,
        vector_stores.open_fresh_store(kind, tmp_path / "b") as target,
    ):
        await source.upsert("file-a", ITEMS)
        await source.upsert("file-b", [make_item(1000, "b", make_vector(1))])
        steps: list[tuple[str, int, int]] = []
        result = await migration.move_collections(
            source, target, ["file-a", "file-b"], lambda *step: steps.append(step)
        )
        assert (result.collections, result.chunks, result.skipped) == (2, 301, 0)
        assert steps == [("file-a", 128, 300), ("file-a", 256, 300), ("file-a", 300, 300), ("file-b", 1, 1)]
        repeated = await migration.move_collections(source, target, ["file-a", "file-b"], _ignore_progress)
        assert (repeated.collections, repeated.skipped) == (0, 2)
        async with vector_stores.open_fresh_store("sqlite", tmp_path / "c") as back:
            await migration.move_collections(target, back, sorted(await target.list_collections()), _ignore_progress)
            moved = {item.id: (item.text, item.metadata) for item in await _read_all_items(back, "file-a")}
            assert moved == {item.id: (item.text, item.metadata) for item in ITEMS}
            assert len(await back.search(["file-a"], (await _read_all_items(back, "file-a"))[0].vector, 3)) == 3


async def test_a_move_resumes_after_a_failure(tmp_path: Path) -> None:
    async with (
        vector_stores.open_fresh_store("sqlite", tmp_path / "a") as source,
        vector_stores.open_fresh_store("sqlite", tmp_path / "b") as target,
    ):
        await source.upsert("file-a", ITEMS)
        await target.upsert("file-a", ITEMS[:128])
        result = await migration.move_collections(source, target, ["file-a", "file-unknown"], _ignore_progress)
        assert (result.chunks, await target.count_chunks("file-a")) == (300, 300)


async def test_reads_the_files_of_chroma(tmp_path: Path) -> None:
    directory = ChromaDirectory(tmp_path)
    directory.add("knowledge", ITEMS, indexed=250)
    directory.add("file-b", [make_item(1000, "b", make_vector(1), file_id="b")])
    files, store = ChromaFiles(tmp_path), SqliteStore(tmp_path)
    assert await files.list_collections() == ["file-b", "knowledge"]
    assert await files.count_chunks("knowledge") == 300
    assert await _read_all_items(files, "knowledge") == ITEMS
    assert await _read_all_items(files, "of-another-database") == []
    assert (await chroma_import.import_chroma_files(files, store, _ignore_progress)).chunks == 301
    assert [hit.text for hit in await store.search(["knowledge"], ITEMS[76].vector, 1)] == ["number 77"]
    assert (await chroma_import.import_chroma_files(files, store, _ignore_progress)).skipped == 2
    await files.close()
    # Open WebUI added an item meanwhile; a collection that was deleted in the store is not imported again.
    directory.add("knowledge", [make_item(2000, "late", make_vector(0, 1))])
    await store.drop_collection("file-b")
    files = ChromaFiles(tmp_path)
    result = await chroma_import.import_chroma_files(files, store, _ignore_progress)
    assert (result.collections, result.skipped) == (1, 1)
    assert await store.list_collections() == ["knowledge"]
    assert await store.count_chunks("knowledge") == 301
    await files.close()
    await store.close()


async def test_chunks_without_vectors_are_skipped(tmp_path: Path) -> None:
    directory = ChromaDirectory(tmp_path)
    directory.add("knowledge", ITEMS[:2])
    directory.db.execute("DELETE FROM embeddings_queue WHERE id = ?", (ITEMS[0].id,))
    files = ChromaFiles(tmp_path)
    assert await _read_all_items(files, "knowledge") == [ITEMS[1]]
    await files.close()


async def test_a_pickle_runs_no_code(tmp_path: Path) -> None:
    directory = ChromaDirectory(tmp_path)
    directory.add("knowledge", ITEMS[:5], indexed=5)

    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "made"),)

    (tmp_path / "VECTOR-knowledge" / "index_metadata.pickle").write_bytes(pickle.dumps({"id_to_label": Evil()}))
    files = ChromaFiles(tmp_path)
    with pytest.raises(RetrievalError, match="cannot be read"):
        await files.read_page("knowledge", None, 10)
    assert not (tmp_path / "made").exists()
    await files.close()


async def test_an_invalid_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "chroma.sqlite3").write_bytes(b"no database" * 1000)
    files = ChromaFiles(tmp_path)
    with pytest.raises(RetrievalError, match="cannot be read"):
        await files.list_collections()
    await files.close()


class _Embedder:
    """An embedder that returns vectors of a given size and fails after a number of batches."""

    def __init__(self, batches: int = 1000, *, model: str = "another", numbers: int = 16) -> None:
        self.remaining_batches = batches
        self.model = model
        self.numbers = numbers
        self.texts: list[str] = []

    @property
    def signature(self) -> dict[str, Any]:
        return {"engine": "openai", "model": self.model}

    async def embed_content(self, texts: Sequence[str], *, ctx: Any = None) -> list[Vector]:
        if not self.remaining_batches:
            raise RetrievalError("the engine is down")
        self.remaining_batches -= 1
        self.texts += texts
        return [make_vector(1, len(text), size=self.numbers) for text in texts]

    async def embed_queries(self, texts: Sequence[str], *, ctx: Any = None) -> list[Vector]:
        raise AssertionError


@pytest.mark.parametrize("kind", ["sqlite", "qdrant", "chroma"])
async def test_reindexing_resumes_after_a_failure(kind: str, tmp_path: Path) -> None:
    async with vector_stores.open_fresh_store(kind, tmp_path) as store:
        await store.upsert("file-a", ITEMS)
        await store.upsert("file-b", [make_item(1000, "two\nlines", make_vector(1))])
        with pytest.raises(RetrievalError, match="the engine is down"):
            await migration.reindex_collections(store, _Embedder(1), ["file-a", "file-b"], _ignore_progress)
        assert [hit.text for hit in await store.search(["file-a"], ITEMS[4].vector, 1)] == ["number 5"]
        embedder = _Embedder()
        result = await migration.reindex_collections(
            store, embedder, sorted(await store.list_collections()), _ignore_progress
        )
        assert (result.collections, result.skipped) == (2, 0)
        assert sorted(embedder.texts) == sorted([*(item.text for item in ITEMS[128:]), "two lines"])
        assert sorted(await store.list_collections()) == ["file-a", "file-b"]
        items = await _read_all_items(store, "file-a")
        assert [item.id for item in items] == [item.id for item in ITEMS]
        assert {len(item.vector) for item in items} == {64}
        assert items[0].metadata == {**ITEMS[0].metadata, "embedding_config": str(embedder.signature)}
        assert (
            await migration.reindex_collections(store, embedder, ["file-a", "file-b", "none"], _ignore_progress)
        ).skipped == 3


@pytest.mark.parametrize("kind", ["qdrant-shared", "pgvector"])
async def test_reindexing_resumes_with_shared_ids(kind: str, tmp_path: Path) -> None:
    async with vector_stores.open_fresh_store(kind, tmp_path) as store:
        await store.upsert("knowledge", ITEMS)
        await store.upsert("other", [make_item(1000, "two\nlines", make_vector(1))])
        with pytest.raises(RetrievalError, match="the engine is down"):
            await migration.reindex_collections(
                store, _Embedder(1, numbers=8), ["knowledge", "other"], _ignore_progress
            )
        assert await store.count_chunks("knowledge") == 300
        embedder = _Embedder(numbers=8)
        result = await migration.reindex_collections(
            store, embedder, sorted(await store.list_collections()), _ignore_progress
        )
        assert (result.collections, result.chunks, result.skipped) == (2, 173, 0)
        assert embedder.texts == [*(item.text for item in ITEMS[128:]), "two lines"]
        assert sorted(await store.list_collections()) == ["knowledge", "other"]
        items = await _read_all_items(store, "knowledge")
        assert {item.id for item in items} == {item.id for item in ITEMS}
        assert {item.metadata["embedding_config"] for item in items} == {str(embedder.signature)}
        assert (
            await migration.reindex_collections(store, embedder, ["knowledge", "other", "none"], _ignore_progress)
        ).skipped == 3


@pytest.mark.parametrize("kind", ["sqlite", "qdrant", "chroma"])
async def test_completed_collections_are_swapped_in_at_the_next_start(kind: str, tmp_path: Path) -> None:
    embedder = _Embedder()
    metadata = {"embedding_config": str(embedder.signature)}
    items = [make_item(n, f"number {n}", make_vector(1, n, size=16), **metadata) for n in range(1, 6)]
    async with vector_stores.open_fresh_store(kind, tmp_path) as store:
        await store.upsert("fastback-reindex-whole", items)
        await store.upsert("fastback-reindex-partly", items)
        await store.upsert("partly", items[:2])
        result = await migration.reindex_collections(
            store, embedder, sorted(await store.list_collections()), _ignore_progress
        )
        assert (result.collections, embedder.texts) == (2, [])
        assert sorted(await store.list_collections()) == ["partly", "whole"]
        for name in ("partly", "whole"):
            assert {item.id for item in await _read_all_items(store, name)} == {item.id for item in items}


async def test_reindexing_for_another_model_starts_again(tmp_path: Path) -> None:
    async with vector_stores.open_fresh_store("sqlite", tmp_path) as store:
        await store.upsert("file-a", ITEMS)
        with pytest.raises(RetrievalError):
            await migration.reindex_collections(store, _Embedder(1, model="given up"), ["file-a"], _ignore_progress)
        embedder = _Embedder(numbers=24)
        assert (await migration.reindex_collections(store, embedder, ["file-a"], _ignore_progress)).chunks == 300
        assert {len(item.vector) for item in await _read_all_items(store, "file-a")} == {96}


async def test_a_collection_with_a_single_chunk_of_another_model_is_reindexed(tmp_path: Path) -> None:
    embedder = _Embedder(numbers=8)
    metadata = {"embedding_config": str(embedder.signature)}
    async with vector_stores.open_fresh_store("sqlite", tmp_path) as store:
        await store.upsert(
            "file-a", [make_item(1, "new", make_vector(1), **metadata), make_item(2, "old", make_vector(1))]
        )
        assert (await migration.reindex_collections(store, embedder, ["file-a"], _ignore_progress)).collections == 1
        assert {item.metadata["embedding_config"] for item in await _read_all_items(store, "file-a")} == set(
            metadata.values()
        )


async def test_a_start_imports_the_files_of_chroma(tmp_path: Path) -> None:
    ChromaDirectory(tmp_path / "vector_db").add("file-a", ITEMS[:3])
    settings = _load_settings(DATA_DIR=str(tmp_path))
    store = SqliteStore(factory.get_directory(settings))
    assert await chroma_import.import_in_process(settings, store)
    assert await store.count_chunks("file-a") == 3
    await store.close()


def test_the_command_lists_and_moves_collections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ChromaDirectory(tmp_path / "vector_db").add("file-a", ITEMS[:3])
    options = ["--data-dir", str(tmp_path)]
    assert main(["vectors", "move", "chroma", "sqlite", *options]) == 0
    assert capsys.readouterr().out == "1 collections with 3 chunks moved\n"
    assert main(["vectors", "list", *options]) == 0
    assert capsys.readouterr().out == "file-a  3\n"
    assert main(["vectors", "move", "sqlite", "chroma", *options]) == 1
    assert "CHROMA_HTTP_HOST" in capsys.readouterr().err
    assert main(["vectors", "move", "sqlite", "sqlite", *options]) == 1
    for store, message in (("qdrant", "QDRANT_URI"), ("pgvector", "PGVECTOR_DB_URL")):
        capsys.readouterr()
        assert main(["vectors", "move", "sqlite", store, *options]) == 1
        assert message in capsys.readouterr().err
        assert main(["vectors", "list", store, *options]) == 1
        assert message in capsys.readouterr().err
    assert main(["vectors", "move", "sqlite", "qdrant", "--changed", *options]) == 1
    assert "--changed" in capsys.readouterr().err
    assert main(["vectors", "move", "chroma", "sqlite", "--collection", "unknown", *options]) == 0
    assert capsys.readouterr().out == "0 collections with 0 chunks moved; 1 already up to date\n"
    assert main(["vectors", "list", "chroma", "--data-dir", str(tmp_path / "other")]) == 1
    assert "no files of Chroma" in capsys.readouterr().err


def _load_settings(**env: str) -> Any:
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
def test_variables_choose_the_store(env: dict[str, str], kind: str) -> None:
    assert factory.get_kind(_load_settings(**env)) == kind


@pytest.mark.parametrize(
    ("env", "message"),
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
def test_invalid_store_settings_are_refused(env: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        factory.get_kind(_load_settings(**env))


async def test_an_unreachable_store_is_an_error(tmp_path: Path, start_server: Any) -> None:
    from fastback.retrieval.interfaces import VectorStore

    for env in (
        {"VECTOR_DB": "qdrant", "QDRANT_URI": "http://127.0.0.1:9"},
        {"VECTOR_DB": "chroma", "CHROMA_HTTP_HOST": "127.0.0.1", "CHROMA_HTTP_PORT": "9"},
        {"VECTOR_DB": "pgvector", "PGVECTOR_DB_URL": "postgresql://x@127.0.0.1:9/x"},
    ):
        async with start_server(**env) as server:
            with pytest.raises(RetrievalError, match=r"cannot be (reached|used)"):
                await server.services.get(VectorStore).find_chunks("file-a")
