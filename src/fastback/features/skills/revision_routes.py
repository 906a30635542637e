"""Routes for the revisions of a skill."""

from __future__ import annotations

import asyncio
from typing import Any

from fastback.access.guards import VerifiedUser
from fastback.features.skills import files as skill_files
from fastback.features.skills import service
from fastback.features.skills.schemas import RevisionForm, SkillFile
from fastback.features.skills.service import skill_revisions
from fastback.kit.http import NotFound, Router
from fastback.records import diff
from fastback.records.access import RecordAccess

router = Router("/api/v1/skills/id")

JsonObject = dict[str, Any]


@router.get("/{id}/history")
async def list_revisions(id: str, user: VerifiedUser, access: RecordAccess, page: int = 1) -> list[JsonObject]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await service.get_skill_for_content(access, id, user)
    return await skill_revisions.list_page(access.db, id, page)


def _describe_change(before: SkillFile | None, after: SkillFile | None) -> str:
    return "added" if before is None else "deleted" if after is None else "modified"


@router.get("/{id}/history/diff")
async def compare_revisions(id: str, from_id: str, to_id: str, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Return the differences of two revisions: changed metadata, and which files were added, changed or deleted."""
    await service.get_skill_for_content(access, id, user)
    before = (await service.get_revision(access, id, from_id)).snapshot
    after = (await service.get_revision(access, id, to_id)).snapshot
    old, new = ({file.path: file for file in service.decode_files(snapshot)} for snapshot in (before, after))
    pairs = [(path, old.get(path), new.get(path)) for path in sorted(old.keys() | new.keys())]
    return {
        "metadata": diff.diff_fields(before, after, ("name", "description", "meta")),
        "files": [
            {
                "path": path,
                "status": _describe_change(old_file, new_file),
                "binary": any(file is not None and file.encoding for file in (old_file, new_file)),
            }
            for path, old_file, new_file in pairs
            if old_file != new_file
        ],
    }


@router.get("/{id}/history/diff/file")
async def compare_file(
    id: str, from_id: str, to_id: str, path: str, user: VerifiedUser, access: RecordAccess
) -> JsonObject:
    """Return the differences of a text file between two revisions as a unified diff."""
    await service.get_skill_for_content(access, id, user)
    snapshots = [(await service.get_revision(access, id, version)).snapshot for version in (from_id, to_id)]
    pair = [skill_files.find_file(service.decode_files(snapshot), path) for snapshot in snapshots]
    if pair == [None, None]:
        raise NotFound("File not found")
    if any(file is not None and file.encoding for file in pair):
        return {"binary": True}
    before, after = (file.content if file is not None else "" for file in pair)
    names = {"before_name": f"{from_id[:7]}/{path}", "after_name": f"{to_id[:7]}/{path}"}
    lines = await diff.diff_texts(before, after, **names)
    return {"binary": False, "diff": "\n".join(lines), "line_endings_only": not lines and before != after}


@router.get("/{id}/history/{history_id}")
async def get_revision(id: str, history_id: str, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Return a revision with a list of its files instead of their contents."""
    await service.get_skill_for_content(access, id, user)
    revision = await service.get_revision(access, id, history_id)
    snapshot = {name: value for name, value in revision.snapshot.items() if name != "data"}
    summaries = await asyncio.to_thread(lambda: skill_files.summarize_files(service.decode_files(revision.snapshot)))
    response = skill_revisions.describe(revision)
    response.pop("snapshot")
    return {**response, "snapshot": {**snapshot, "data": {"files": summaries}}}


@router.delete("/{id}/history/{history_id}")
async def delete_revision(id: str, history_id: str, user: VerifiedUser, access: RecordAccess) -> bool:
    """Delete a revision that is not in use."""
    await service.get_skill_for_content(access, id, user, "write")
    await skill_revisions.delete_unused(access.db, id, history_id)
    return True


@router.post("/{id}/update/version")
async def restore_revision(id: str, data: RevisionForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Put a revision into use."""
    row = await service.get_skill_for_content(access, id, user, "write")
    await service.restore_revision(access, row, data.version_id, data.expected_version_id)
    return await service.load_skill(access, id)
