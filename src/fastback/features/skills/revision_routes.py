"""`/api/v1/skills/id/…`: the versions of a skill."""

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
async def history(id: str, user: VerifiedUser, owned: RecordAccess, page: int = 1) -> list[Answer]:
    await service.opened(owned, id, user)
    return await versions.list_page(owned.db, id, page)


def _status(before: SkillFile | None, after: SkillFile | None) -> str:
    return "added" if before is None else "deleted" if after is None else "modified"


@router.get("/{id}/history/diff")
async def difference(id: str, from_id: str, to_id: str, user: VerifiedUser, owned: RecordAccess) -> Answer:
    await service.opened(owned, id, user)
    before = (await service.entry_of(owned, id, from_id)).snapshot
    after = (await service.entry_of(owned, id, to_id)).snapshot
    old, new = ({file.path: file for file in service.files_in(one)} for one in (before, after))
    pairs = [(path, old.get(path), new.get(path)) for path in sorted(old.keys() | new.keys())]
    return {
        "metadata": diff.diff_fields(before, after, ("name", "description", "meta")),
        "files": [
            {
                "path": path,
                "status": _status(one, other),
                "binary": any(file is not None and file.encoding for file in (one, other)),
            }
            for path, one, other in pairs
            if one != other
        ],
    }


@router.get("/{id}/history/diff/file")
async def file_difference(
    id: str, from_id: str, to_id: str, path: str, user: VerifiedUser, owned: RecordAccess
) -> Answer:
    await service.opened(owned, id, user)
    kept = [(await service.entry_of(owned, id, version)).snapshot for version in (from_id, to_id)]
    pair = [skill_files.found(service.files_in(one), path) for one in kept]
    if pair == [None, None]:
        raise NotFound("File not found")
    if any(file is not None and file.encoding for file in pair):
        return {"binary": True}
    before, after = (file.content if file is not None else "" for file in pair)
    names = {"before_name": f"{from_id[:7]}/{path}", "after_name": f"{to_id[:7]}/{path}"}
    lines = await diff.diff_texts(before, after, **names)
    return {"binary": False, "diff": "\n".join(lines), "line_endings_only": not lines and before != after}


@router.get("/{id}/history/{history_id}")
async def version(id: str, history_id: str, user: VerifiedUser, owned: RecordAccess) -> Answer:
    """A version with a list of its files in their place."""
    await service.opened(owned, id, user)
    entry = await service.entry_of(owned, id, history_id)
    kept = {name: value for name, value in entry.snapshot.items() if name != "data"}
    listed = await asyncio.to_thread(lambda: skill_files.summaries(service.files_in(entry.snapshot)))
    shown = versions.describe(entry)
    shown.pop("snapshot")
    return {**shown, "snapshot": {**kept, "data": {"files": listed}}}


@router.delete("/{id}/history/{history_id}")
async def forget(id: str, history_id: str, user: VerifiedUser, owned: RecordAccess) -> bool:
    await service.opened(owned, id, user, "write")
    await versions.delete_unused(owned.db, id, history_id)
    return True


@router.post("/{id}/update/version")
async def go_back(id: str, data: VersionForm, user: VerifiedUser, owned: RecordAccess) -> Answer:
    row = await service.opened(owned, id, user, "write")
    await service.go_back(owned, row, data.version_id, data.expected_version_id)
    return await service.full(owned, id)
