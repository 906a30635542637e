"""Moving collections from store to store, and embedding them anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from fastback.retrieval.interfaces import Embedder, Item
from fastback.retrieval.vectors.chroma_files import ChromaFiles
from fastback.retrieval.vectors.migration_protocol import PortableStore, VectorSource
from fastback.retrieval.vectors.sqlite import SqliteStore

#: Chunks that are read and written together.
_BATCH = 128
#: What a collection is called while it is embedded anew.
_TEMPORARY_PREFIX = "fastback-reindex-"

#: A collection, how many of its chunks are done, of how many.
Report = Callable[[str, int, int], None]


class MigrationResult(msgspec.Struct):
    """What came of it; `left` are collections that needed nothing."""

    collections: int = 0
    chunks: int = 0
    skipped: int = 0


async def move_collections(
    source: VectorSource, target: PortableStore, names: Sequence[str], report: Report, *, rewrite: bool = False
) -> MigrationResult:
    """Copy collections with their vectors; the source stays as it is. What is complete in the target is left out.

    Broken off and begun again it goes on where it was. With `again` complete ones are written, too.

    Raises:
        RetrievalError: a store that fails, or vectors that the target does not take.
    """
    result = MigrationResult()
    for name in names:
        total = await source.count_chunks(name)
        if not rewrite and total <= await target.count_chunks(name):
            result.skipped += 1
            continue
        written = 0
        async for items, last in _iterate_pages(source, name):
            await target.upsert(name, items)
            written += len(items)
            report(name, total if last else written, total)
        result.collections += 1
        result.chunks += written
    return result


async def import_chroma_files(files: ChromaFiles, store: SqliteStore, report: Report) -> MigrationResult:
    """Copy what Chroma's files have and had not when they were taken over last; nothing is deleted on either side."""
    imported_marks, result = await store.load_import_marks(), MigrationResult()
    for name, mark in (await files.load_marks()).items():
        if imported_marks.get(name) == mark:
            result.skipped += 1
            continue
        moved = await move_collections(files, store, [name], report, rewrite=True)
        await store.save_import_mark(name, mark)
        result.collections += moved.collections
        result.chunks += moved.chunks
    return result


async def reindex_collections(
    store: PortableStore, embedder: Embedder, names: Sequence[str], report: Report
) -> MigrationResult:
    """Embed collections anew with the configured model; chunks that it made already stay as they are.

    Broken off and begun again it goes on where it was.

    Raises:
        RetrievalError: the embedding engine or the store fails.
    """
    result, reindex_one = MigrationResult(), _reindex_in_place if store.has_shared_ids else _reindex_into_copy
    # What was broken off just before it took its place counts for the collection that it is of.
    for name in dict.fromkeys(name.removeprefix(_TEMPORARY_PREFIX) for name in names):
        chunks = await reindex_one(store, embedder, name, report)
        if chunks is None:
            result.skipped += 1
        else:
            result.collections += 1
            result.chunks += chunks
    return result


async def _reindex_in_place(store: PortableStore, embedder: Embedder, name: str, report: Report) -> int | None:
    """Embed the chunks of a collection where they lie; how many, None where there was nothing to do."""
    total, read_count, embedded_count = await store.count_chunks(name), 0, 0
    async for items, last in _iterate_pages(store, name):
        stale_items = _filter_stale(items, embedder)
        if stale_items:
            await store.upsert(name, await _embed_items(stale_items, embedder))
        read_count, embedded_count = read_count + len(items), embedded_count + len(stale_items)
        if embedded_count:
            report(name, total if last else read_count, total)
    return embedded_count or None


async def _reindex_into_copy(store: PortableStore, embedder: Embedder, name: str, report: Report) -> int | None:
    """Embed a collection into another one, which takes its place in the end; until then the old one counts."""
    copy_name, total = f"{_TEMPORARY_PREFIX}{name}", await store.count_chunks(name)
    first_items, _ = await store.read_page(copy_name, None, 1)
    if _filter_stale(first_items, embedder):  # for a model that was given up
        await store.drop_collection(copy_name)
    copied_count, embedded_count, read_count = await store.count_chunks(copy_name), 0, 0
    if not copied_count and not await _has_stale_chunks(store, embedder, name):
        return None
    # Complete, it only has to take its place: there may be just a part of itself by now.
    if copied_count < total:
        async for items, last in _iterate_pages(store, name):
            read_count += len(items)
            if read_count > copied_count:
                await store.upsert(copy_name, await _embed_items(items, embedder))
                embedded_count += len(items)
            report(name, total if last else read_count, total)
    await store.rename_collection(copy_name, name)
    return embedded_count


async def _iterate_pages(store: VectorSource, name: str) -> AsyncIterator[tuple[list[Item], bool]]:
    """The chunks of a collection, and whether those were the last."""
    after: str | None = None
    while True:
        items, after = await store.read_page(name, after, _BATCH)
        yield items, after is None
        if after is None:
            return


async def _has_stale_chunks(store: PortableStore, embedder: Embedder, name: str) -> bool:
    async for items, _ in _iterate_pages(store, name):
        if _filter_stale(items, embedder):
            return True
    return False


def _filter_stale(items: Sequence[Item], embedder: Embedder) -> list[Item]:
    """Those that another model made, or one that is not known."""
    signature = str(embedder.signature)
    return [item for item in items if str(item.metadata.get("embedding_config")) != signature]


async def _embed_items(items: Sequence[Item], embedder: Embedder) -> list[Item]:
    vectors = await embedder.embed_content([item.text.replace("\n", " ") for item in items])
    return [
        Item(item.id, item.text, vector, {**item.metadata, "embedding_config": embedder.signature})
        for item, vector in zip(items, vectors, strict=True)
    ]
