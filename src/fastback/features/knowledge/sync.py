"""What a knowledge lacks, has too much, or has otherwise than a folder elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback.features.knowledge import directory_store
from fastback.features.knowledge.directory_store import Directory
from fastback.features.knowledge.schemas import ManifestEntry
from fastback.kit.db import Database

#: An upload that is still being read counts as there for so long (seconds); then its reading was interrupted.
PATIENCE = 3600


class HeldFile(msgspec.Struct):
    """A file of the knowledge: `checksum` is that of its bytes."""

    id: str
    filename: str
    directory_id: str | None
    checksum: str | None


class Difference(msgspec.Struct):
    """In the reference's words; `directory_map` has the id of each directory that is there, by path."""

    added: list[dict[str, str]]
    modified: list[dict[str, str]]
    deleted: list[dict[str, str]]
    mkdir: list[str]
    rmdir: list[str]
    unmodified_count: int
    directory_map: dict[str, str]


async def held(db: Database, knowledge_id: str) -> list[HeldFile]:
    return await db.fetch_all_in_thread(
        HeldFile,
        "knowledge.held",
        """SELECT f.id, f.filename, kf.directory_id, f.meta ->> 'file_hash'
           FROM knowledge_file kf JOIN file f ON f.id = kf.file_id
           WHERE kf.knowledge_id = :id ORDER BY kf.created_at, kf.id""",
        id=knowledge_id,
    )


def recent(pending: Sequence[Any]) -> list[HeldFile]:
    """Of the files that are being read, those whose reading is not given up yet."""
    found = []
    for one in pending:
        if (one.created_at or 0) < time.time() - PATIENCE:
            continue
        meta = msgspec.json.decode(one.meta) or {}
        data = meta.get("data")
        directory = data.get("directory_id") if isinstance(data, dict) else None
        found.append(HeldFile(one.id, one.filename, directory, meta.get("file_hash")))
    return found


def difference(
    manifest: Sequence[ManifestEntry],
    known: Sequence[Directory],
    files: Sequence[HeldFile],
    pending: Sequence[HeldFile],
) -> Difference:
    """Compare. Ten thousand files take some hundredths of a second: call it beside the event loop."""
    paths = directory_store.paths(known)
    by_path = {paths[one.id]: one.id for one in known}
    there = {(paths.get(one.directory_id or "", ""), one.filename): one for one in files}
    coming = {(paths.get(one.directory_id or "", ""), one.filename, one.checksum) for one in pending}
    found = Difference([], [], [], [], [], 0, by_path)
    wanted: set[tuple[str, str]] = set()
    needed: set[str] = set()
    for entry in manifest:
        key = (entry.path, entry.filename)
        wanted.add(key)
        one = there.get(key)
        if one is None and (*key, entry.checksum) not in coming:
            found.added.append({"filename": entry.filename, "path": entry.path})
        elif one is not None and one.checksum != entry.checksum:
            found.modified.append({"filename": entry.filename, "path": entry.path, "stale_file_id": one.id})
        else:
            found.unmodified_count += 1
        path = entry.path
        while path and path not in needed:
            needed.add(path)
            path = path.rpartition("/")[0]
    found.deleted = [{"file_id": one.id, "filename": key[1]} for key, one in there.items() if key not in wanted]
    # Those above come before those below; on one level by name, so that the same folder gives the same answer.
    found.mkdir = sorted(needed - by_path.keys(), key=lambda path: (path.count("/"), path))
    found.rmdir = [directory_id for path, directory_id in by_path.items() if path not in needed]
    return found
