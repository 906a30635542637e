"""Comparison of a knowledge with a folder on the client's machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec

from fastback.features.knowledge.directory_paths import build_paths
from fastback.features.knowledge.directory_store import Directory
from fastback.features.knowledge.schemas import ManifestEntry
from fastback.features.knowledge.store import SyncedFile

#: Seconds for which an upload in processing counts as present; after that its processing was interrupted.
PENDING_TIMEOUT = 3600


class Difference(msgspec.Struct):
    """The response, in the reference's terms; `directory_map` has the ids of existing directories by path."""

    added: list[dict[str, str]]
    modified: list[dict[str, str]]
    deleted: list[dict[str, str]]
    mkdir: list[str]
    rmdir: list[str]
    unmodified_count: int
    directory_map: dict[str, str]


def list_recent_uploads(pending: Sequence[Any]) -> list[SyncedFile]:
    """List the files in processing that are not older than `PENDING_TIMEOUT`."""
    recent_uploads = []
    for file in pending:
        if (file.created_at or 0) < time.time() - PENDING_TIMEOUT:
            continue
        meta = msgspec.json.decode(file.meta) or {}
        data = meta.get("data")
        directory = data.get("directory_id") if isinstance(data, dict) else None
        recent_uploads.append(SyncedFile(file.id, file.filename, directory, meta.get("file_hash")))
    return recent_uploads


def compare_manifest(
    manifest: Sequence[ManifestEntry],
    existing_directories: Sequence[Directory],
    files: Sequence[SyncedFile],
    pending: Sequence[SyncedFile],
) -> Difference:
    """Compare a manifest with the knowledge. Call it in a thread: 10,000 files take some hundredths of a second."""
    paths = build_paths(existing_directories)
    by_path = {paths[file.id]: file.id for file in existing_directories}
    files_by_key = {(paths.get(file.directory_id or "", ""), file.filename): file for file in files}
    pending_keys = {(paths.get(file.directory_id or "", ""), file.filename, file.checksum) for file in pending}
    difference = Difference([], [], [], [], [], 0, by_path)
    manifest_keys: set[tuple[str, str]] = set()
    needed_paths: set[str] = set()
    for entry in manifest:
        key = (entry.path, entry.filename)
        manifest_keys.add(key)
        file = files_by_key.get(key)
        if file is None and (*key, entry.checksum) not in pending_keys:
            difference.added.append({"filename": entry.filename, "path": entry.path})
        elif file is not None and file.checksum != entry.checksum:
            difference.modified.append({"filename": entry.filename, "path": entry.path, "stale_file_id": file.id})
        else:
            difference.unmodified_count += 1
        path = entry.path
        while path and path not in needed_paths:
            needed_paths.add(path)
            path = path.rpartition("/")[0]
    difference.deleted = [
        {"file_id": file.id, "filename": key[1]} for key, file in files_by_key.items() if key not in manifest_keys
    ]
    # Parents before children, and each level by name, so that equal folders give equal responses.
    difference.mkdir = sorted(needed_paths - by_path.keys(), key=lambda path: (path.count("/"), path))
    difference.rmdir = [directory_id for path, directory_id in by_path.items() if path not in needed_paths]
    return difference
