"""Moving collections from store to store, and embedding them anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from fastback.retrieval.interfaces import Embedder, Item
from fastback.retrieval.vectors.chroma_files import ChromaFiles
from fastback.retrieval.vectors.migration_protocol import Portable, Source
from fastback.retrieval.vectors.sqlite import SqliteStore

#: Chunks that are read and written together.
_BATCH = 128
#: What a collection is called while it is embedded anew.
_NEW = "fastback-reindex-"

#: A collection, how many of its chunks are done, of how many.
Report = Callable[[str, int, int], None]


class Done(msgspec.Struct):
    """What came of it; `left` are collections that needed nothing."""

    collections: int = 0
    chunks: int = 0
    left: int = 0


async def move(source: Source, target: Portable, names: Sequence[str], report: Report, *, again: bool = False) -> Done:
    """Copy collections with their vectors; the source stays as it is. What is complete in the target is left out.

    Broken off and begun again it goes on where it was. With `again` complete ones are written, too.

    Raises:
        RetrievalError: a store that fails, or vectors that the target does not take.
    """
    done = Done()
    for name in names:
        total = await source.count(name)
        if not again and total <= await target.count(name):
            done.left += 1
            continue
        written = 0
        async for items, last in _pages(source, name):
            await target.upsert(name, items)
            written += len(items)
            report(name, total if last else written, total)
        done.collections += 1
        done.chunks += written
    return done


async def take_over(files: ChromaFiles, store: SqliteStore, report: Report) -> Done:
    """Copy what Chroma's files have and had not when they were taken over last; nothing is deleted on either side."""
    taken, done = await store.taken_over(), Done()
    for name, mark in (await files.marks()).items():
        if taken.get(name) == mark:
            done.left += 1
            continue
        one = await move(files, store, [name], report, again=True)
        await store.take_over(name, mark)
        done.collections += one.collections
        done.chunks += one.chunks
    return done


async def reindex(store: Portable, embedder: Embedder, names: Sequence[str], report: Report) -> Done:
    """Embed collections anew with the configured model; chunks that it made already stay as they are.

    Broken off and begun again it goes on where it was.

    Raises:
        RetrievalError: the embedding engine or the store fails.
    """
    done, one = Done(), _in_place if store.shared_ids else _beside
    # What was broken off just before it took its place counts for the collection that it is of.
    for name in dict.fromkeys(name.removeprefix(_NEW) for name in names):
        chunks = await one(store, embedder, name, report)
        if chunks is None:
            done.left += 1
        else:
            done.collections += 1
            done.chunks += chunks
    return done


async def _in_place(store: Portable, embedder: Embedder, name: str, report: Report) -> int | None:
    """Embed the chunks of a collection where they lie; how many, None where there was nothing to do."""
    total, seen, made = await store.count(name), 0, 0
    async for items, last in _pages(store, name):
        stale = _stale(items, embedder)
        if stale:
            await store.upsert(name, await _embedded(stale, embedder))
        seen, made = seen + len(items), made + len(stale)
        if made:
            report(name, total if last else seen, total)
    return made or None


async def _beside(store: Portable, embedder: Embedder, name: str, report: Report) -> int | None:
    """Embed a collection into another one, which takes its place in the end; until then the old one counts."""
    new, total = f"{_NEW}{name}", await store.count(name)
    begun, _ = await store.items(new, None, 1)
    if _stale(begun, embedder):  # for a model that was given up
        await store.drop(new)
    already, made, seen = await store.count(new), 0, 0
    if not already and not await _any_stale(store, embedder, name):
        return None
    # Complete, it only has to take its place: there may be just a part of itself by now.
    if already < total:
        async for items, last in _pages(store, name):
            seen += len(items)
            if seen > already:
                await store.upsert(new, await _embedded(items, embedder))
                made += len(items)
            report(name, total if last else seen, total)
    await store.rename(new, name)
    return made


async def _pages(store: Source, name: str) -> AsyncIterator[tuple[list[Item], bool]]:
    """The chunks of a collection, and whether those were the last."""
    after: str | None = None
    while True:
        items, after = await store.items(name, after, _BATCH)
        yield items, after is None
        if after is None:
            return


async def _any_stale(store: Portable, embedder: Embedder, name: str) -> bool:
    async for items, _ in _pages(store, name):
        if _stale(items, embedder):
            return True
    return False


def _stale(items: Sequence[Item], embedder: Embedder) -> list[Item]:
    """Those that another model made, or one that is not known."""
    made_by = str(embedder.signature)
    return [item for item in items if str(item.metadata.get("embedding_config")) != made_by]


async def _embedded(items: Sequence[Item], embedder: Embedder) -> list[Item]:
    vectors = await embedder.content([item.text.replace("\n", " ") for item in items])
    return [
        Item(item.id, item.text, vector, {**item.metadata, "embedding_config": embedder.signature})
        for item, vector in zip(items, vectors, strict=True)
    ]
