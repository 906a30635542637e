"""Moving collections from store to store, and embedding them anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from fastback.retrieval.contracts import Embedder, Item
from fastback.retrieval.vectors.chroma_files import ChromaFiles
from fastback.retrieval.vectors.portable import Portable, Source
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
        if not again and 0 < total <= await target.count(name):
            done.left += 1
            continue
        written, after = 0, None
        while True:
            items, after = await source.items(name, after, _BATCH)
            await target.upsert(name, items)
            written += len(items)
            report(name, written if after else total, total)
            if after is None:
                break
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
    """Embed collections anew with the configured model. Those that it made already are left out.

    A collection is made beside the old one, which counts until then. Broken off, it goes on where it was.

    Raises:
        RetrievalError: the embedding engine or the store fails.
    """
    done = Done()
    for name in names:
        if name.startswith(_NEW):
            continue
        total = await store.count(name)
        first, _ = await store.items(name, None, 1)
        if not first or _made_by(first[0]) == str(embedder.signature):
            done.left += 1
            continue
        new = f"{_NEW}{name}"
        already = await store.count(new)
        seen, after = 0, None
        while True:
            items, after = await store.items(name, after, _BATCH)
            seen += len(items)
            if seen > already:
                await store.upsert(new, await _embedded(items, embedder))
                done.chunks += len(items)
            report(name, seen if after else total, total)
            if after is None:
                break
        await store.rename(new, name)
        done.collections += 1
    return done


def _made_by(item: Item) -> str:
    return str(item.metadata.get("embedding_config"))


async def _embedded(items: Sequence[Item], embedder: Embedder) -> list[Item]:
    vectors = await embedder.content([item.text.replace("\n", " ") for item in items])
    return [
        Item(item.id, item.text, vector, {**item.metadata, "embedding_config": embedder.signature})
        for item, vector in zip(items, vectors, strict=True)
    ]
