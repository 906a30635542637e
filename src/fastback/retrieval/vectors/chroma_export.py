"""Write what the built-in store has, and Chroma's files have not, into Chroma's files."""

from __future__ import annotations

from pathlib import Path

from fastback.retrieval.interfaces import RetrievalError
from fastback.retrieval.vectors.chroma_files import CollectionMark
from fastback.retrieval.vectors.chroma_import import has_changes, open_files
from fastback.retrieval.vectors.chroma_writer import ChromaCollection, ChromaWriter, iterate_changed
from fastback.retrieval.vectors.factory import get_directory
from fastback.retrieval.vectors.migration import MigrationResult, Report, iterate_pages
from fastback.retrieval.vectors.sqlite import SqliteStore
from fastback.settings import Settings


async def export_to_chroma_files(settings: Settings, store: SqliteStore, report: Report) -> MigrationResult:
    """Make Chroma's files contain the collections of the store: missing chunks are written, surplus ones deleted.

    Raises:
        RetrievalError: Open WebUI has made changes that were not imported, or the files cannot be written.
    """
    files = open_files(settings)
    try:
        if await has_changes(files, store):
            raise RetrievalError(
                "Open WebUI has changed documents since Fastback last imported them; start Fastback once, then export"
            )
    finally:
        await files.close()
    directory: Path = get_directory(settings)
    writer = ChromaWriter(directory, tenant=settings.chroma_tenant, database=settings.chroma_database)
    try:
        export = _Export(writer, store, report)
        await export.run()
    finally:
        writer.close()
    for name, mark in export.marks.items():
        await store.save_import_mark(name, mark)
    return export.result


class _Export:
    """A single export. `marks` are those of the written collections, None for a dropped one."""

    def __init__(self, writer: ChromaWriter, store: SqliteStore, report: Report) -> None:
        self._writer = writer
        self._store = store
        self._report = report
        self.result = MigrationResult()
        self.marks: dict[str, CollectionMark | None] = {}

    async def run(self) -> None:
        """Write all collections and commit."""
        names, existing = await self._store.list_collections(), self._writer.list_collections()
        for name, collection in existing.items():
            if name not in names:
                self._writer.drop_collection(collection)
                self.marks[name] = None
                self.result.collections += 1
        for name in names:
            await self._write_collection(name, existing.get(name))
        self._writer.commit()

    async def _write_collection(self, name: str, collection: ChromaCollection | None) -> None:
        dimension = await self._store.find_dimension(name)
        if collection is not None and collection.dimension and dimension not in (None, collection.dimension):
            self._writer.drop_collection(collection)  # another model made its vectors
            collection = None
        if collection is None and dimension is not None:
            collection = self._writer.create_collection(name, dimension)
        if collection is None:
            self.result.skipped += 1
            return
        if dimension is not None and not collection.dimension:
            self._writer.set_dimension(collection, dimension)
        contents = self._writer.load_contents(collection)
        total, written = await self._store.count_chunks(name), 0
        surplus = set(contents)
        async for items, _ in iterate_pages(self._store, name):
            changed = list(iterate_changed(items, contents))
            self._writer.write(collection, changed)
            surplus.difference_update(item.id for item in items)
            written += len(changed)
        self._writer.delete(collection, sorted(surplus))
        if not written and not surplus:
            self.result.skipped += 1
            return
        self._report(name, total, total)
        self.marks[name] = self._writer.load_mark(collection)
        self.result.collections += 1
        self.result.chunks += written
