"""Moving collections between stores, and embedding them again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from fastback.retrieval.interfaces import Embedder, Item
from fastback.retrieval.vectors.migration_protocol import PortableStore, VectorSource

#: Chunks per read and write.
_BATCH = 128
#: Prefix of the copy that a collection is embedded into.
_TEMPORARY_PREFIX = "fastback-reindex-"

#: Called with a collection, the number of its finished chunks, and their total.
Report = Callable[[str, int, int], None]


class MigrationResult(msgspec.Struct):
    """The outcome; `skipped` counts collections that needed nothing."""

    collections: int = 0
    chunks: int = 0
    skipped: int = 0


async def move_collections(
    source: VectorSource, target: PortableStore, names: Sequence[str], report: Report, *, rewrite: bool = False
) -> MigrationResult:
    """Copy collections with their vectors; the source stays unchanged. Collections complete in the target are skipped.

    An interrupted move continues where it stopped. With `rewrite` complete collections are written, too.

    Raises:
        RetrievalError: a store failed, or the target does not accept the vectors.
    """
    result = MigrationResult()
    for name in names:
        total = await source.count_chunks(name)
        if not rewrite and total <= await target.count_chunks(name):
            result.skipped += 1
            continue
        written = 0
        async for items, last in iterate_pages(source, name):
            await target.upsert(name, items)
            written += len(items)
            report(name, total if last else written, total)
        result.collections += 1
        result.chunks += written
    return result


async def reindex_collections(
    store: PortableStore, embedder: Embedder, names: Sequence[str], report: Report
) -> MigrationResult:
    """Embed collections again with the configured model; chunks with vectors of that model are kept.

    An interrupted run continues where it stopped.

    Raises:
        RetrievalError: the embedding engine or the store failed.
    """
    result, reindex_one = MigrationResult(), _reindex_in_place if store.has_shared_ids else _reindex_into_copy
    # The leftover copy of an interrupted run means its collection.
    for name in dict.fromkeys(name.removeprefix(_TEMPORARY_PREFIX) for name in names):
        chunks = await reindex_one(store, embedder, name, report)
        if chunks is None:
            result.skipped += 1
        else:
            result.collections += 1
            result.chunks += chunks
    return result


async def _reindex_in_place(store: PortableStore, embedder: Embedder, name: str, report: Report) -> int | None:
    """Embed the chunks of a collection in place. Return their number, or None if nothing was stale."""
    total, read_count, embedded_count = await store.count_chunks(name), 0, 0
    async for items, last in iterate_pages(store, name):
        stale_items = _filter_stale(items, embedder)
        if stale_items:
            await store.upsert(name, await _embed_items(stale_items, embedder))
        read_count, embedded_count = read_count + len(items), embedded_count + len(stale_items)
        if embedded_count:
            report(name, total if last else read_count, total)
    return embedded_count or None


async def _reindex_into_copy(store: PortableStore, embedder: Embedder, name: str, report: Report) -> int | None:
    """Embed a collection into a copy, which replaces it in the end. Return the number of chunks, or None if none was
    stale."""
    copy_name, total = f"{_TEMPORARY_PREFIX}{name}", await store.count_chunks(name)
    first_items, _ = await store.read_page(copy_name, None, 1)
    if _filter_stale(first_items, embedder):  # a copy with vectors of a model that is not configured any more
        await store.drop_collection(copy_name)
    copied_count, embedded_count, read_count = await store.count_chunks(copy_name), 0, 0
    if not copied_count and not await _has_stale_chunks(store, embedder, name):
        return None
    # A complete copy only has to replace the collection, of which an interrupted rename may have left only a part.
    if copied_count < total:
        async for items, last in iterate_pages(store, name):
            read_count += len(items)
            if read_count > copied_count:
                await store.upsert(copy_name, await _embed_items(items, embedder))
                embedded_count += len(items)
            report(name, total if last else read_count, total)
    await store.rename_collection(copy_name, name)
    return embedded_count


async def iterate_pages(store: VectorSource, name: str) -> AsyncIterator[tuple[list[Item], bool]]:
    """Yield the chunks of a collection in pages, and whether the page is the last."""
    after: str | None = None
    while True:
        items, after = await store.read_page(name, after, _BATCH)
        yield items, after is None
        if after is None:
            return


async def _has_stale_chunks(store: PortableStore, embedder: Embedder, name: str) -> bool:
    async for items, _ in iterate_pages(store, name):
        if _filter_stale(items, embedder):
            return True
    return False


def _filter_stale(items: Sequence[Item], embedder: Embedder) -> list[Item]:
    """Return the chunks whose vectors another or an unknown model made."""
    signature = str(embedder.signature)
    return [item for item in items if str(item.metadata.get("embedding_config")) != signature]


async def _embed_items(items: Sequence[Item], embedder: Embedder) -> list[Item]:
    vectors = await embedder.embed_content([item.text.replace("\n", " ") for item in items])
    return [
        Item(item.id, item.text, vector, {**item.metadata, "embedding_config": embedder.signature})
        for item, vector in zip(items, vectors, strict=True)
    ]
