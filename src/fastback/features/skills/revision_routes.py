"""Routes for the revisions of a skill."""

from __future__ import annotations

import asyncio
from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.features.skills import files as skill_files
from fastback.features.skills import service
from fastback.features.skills.schemas import SkillFile, VersionForm
from fastback.features.skills.service import versions
from fastback.kit.http import NotFound, Router
from fastback.records import diff
from fastback.records.access import RecordAccess

router = Router("/api/v1/skills/id")

Answer = dict[str, Any]


@router.get("/{id}/history")
async def history(id: str, user: VerifiedUser, access: RecordAccess, page: int = 1) -> list[Answer]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await service.opened(access, id, user)
    return await versions.list_page(access.db, id, page)


def _status(before: SkillFile | None, after: SkillFile | None) -> str:
    return "added" if before is None else "deleted" if after is None else "modified"


@router.get("/{id}/history/diff")
async def difference(id: str, from_id: str, to_id: str, user: VerifiedUser, access: RecordAccess) -> Answer:
    """Return the differences of two revisions: changed metadata, and which files were added, changed or deleted."""
    await service.opened(access, id, user)
    before = (await service.entry_of(access, id, from_id)).snapshot
    after = (await service.entry_of(access, id, to_id)).snapshot
    old, new = ({file.path: file for file in service.files_in(snapshot)} for snapshot in (before, after))
    pairs = [(path, old.get(path), new.get(path)) for path in sorted(old.keys() | new.keys())]
    return {
        "metadata": diff.diff_fields(before, after, ("name", "description", "meta")),
        "files": [
            {
                "path": path,
                "status": _status(old_file, new_file),
                "binary": any(file is not None and file.encoding for file in (old_file, new_file)),
            }
            for path, old_file, new_file in pairs
            if old_file != new_file
        ],
    }


@router.get("/{id}/history/diff/file")
async def file_difference(
    id: str, from_id: str, to_id: str, path: str, user: VerifiedUser, access: RecordAccess
) -> Answer:
    """Return the differences of a text file between two revisions as a unified diff."""
    await service.opened(access, id, user)
    snapshots = [(await service.entry_of(access, id, version)).snapshot for version in (from_id, to_id)]
    pair = [skill_files.found(service.files_in(snapshot), path) for snapshot in snapshots]
    if pair == [None, None]:
        raise NotFound("File not found")
    if any(file is not None and file.encoding for file in pair):
        return {"binary": True}
    before, after = (file.content if file is not None else "" for file in pair)
    names = {"before_name": f"{from_id[:7]}/{path}", "after_name": f"{to_id[:7]}/{path}"}
    lines = await diff.diff_texts(before, after, **names)
    return {"binary": False, "diff": "\n".join(lines), "line_endings_only": not lines and before != after}


@router.get("/{id}/history/{history_id}")
async def version(id: str, history_id: str, user: VerifiedUser, access: RecordAccess) -> Answer:
    """Return a revision with a list of its files instead of their contents."""
    await service.opened(access, id, user)
    revision = await service.entry_of(access, id, history_id)
    snapshot = {name: value for name, value in revision.snapshot.items() if name != "data"}
    summaries = await asyncio.to_thread(lambda: skill_files.summaries(service.files_in(revision.snapshot)))
    response = versions.describe(revision)
    response.pop("snapshot")
    return {**response, "snapshot": {**snapshot, "data": {"files": summaries}}}


@router.delete("/{id}/history/{history_id}")
async def forget(id: str, history_id: str, user: VerifiedUser, access: RecordAccess) -> bool:
    """Delete a revision that is not in use."""
    await service.opened(access, id, user, "write")
    await versions.delete_unused(access.db, id, history_id)
    return True


@router.post("/{id}/update/version")
async def go_back(id: str, data: VersionForm, user: VerifiedUser, access: RecordAccess) -> Answer:
    """Put a revision into use."""
    row = await service.opened(access, id, user, "write")
    await service.go_back(access, row, data.version_id, data.expected_version_id)
    return await service.full(access, id)
