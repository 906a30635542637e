"""Routes for the revisions of a prompt."""

from __future__ import annotations

from fastback.access.guards import VerifiedUser
from fastback.features.prompts import service
from fastback.features.prompts.schemas import RevisionForm
from fastback.features.prompts.service import JsonObject, prompt_revisions
from fastback.kit.http import BadRequest, NotFound, Router
from fastback.records import diff
from fastback.records.access import RecordAccess

router = Router("/api/v1/prompts/id")


@router.get("/{prompt_id}/history")
async def list_revisions(prompt_id: str, user: VerifiedUser, access: RecordAccess, page: int = 0) -> list[JsonObject]:
    """Return a page of revisions; pages are counted from 0."""
    await service.get_prompt(access, prompt_id, user, "read")
    return await prompt_revisions.list_full_page(access.db, prompt_id, page + 1)


@router.get("/{prompt_id}/history/diff")
async def compare_revisions(
    prompt_id: str, from_id: str, to_id: str, user: VerifiedUser, access: RecordAccess
) -> JsonObject:
    """Return two revisions and a unified diff of their contents."""
    await service.get_prompt(access, prompt_id, user, "read")
    before = await prompt_revisions.find_revision(access.db, prompt_id, from_id)
    after = await prompt_revisions.find_revision(access.db, prompt_id, to_id)
    if before is None or after is None:
        raise NotFound()
    old, new = (str(revision.snapshot.get("content", "")) for revision in (before, after))
    lines = await diff.diff_texts(old, new, before_name=f"v{from_id[:8]}", after_name=f"v{to_id[:8]}")
    return {
        "from_id": from_id,
        "to_id": to_id,
        "from_snapshot": before.snapshot,
        "to_snapshot": after.snapshot,
        "content_diff": lines,
        "line_endings_only": not lines and old != new,
        "name_changed": before.snapshot.get("name") != after.snapshot.get("name"),
    }


@router.get("/{prompt_id}/history/{history_id}")
async def get_revision(prompt_id: str, history_id: str, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    await service.get_prompt(access, prompt_id, user, "read")
    revision = await prompt_revisions.find_revision(access.db, prompt_id, history_id)
    if revision is None:
        raise NotFound()
    return prompt_revisions.describe(revision)


@router.delete("/{prompt_id}/history/{history_id}")
async def delete_revision(prompt_id: str, history_id: str, user: VerifiedUser, access: RecordAccess) -> bool:
    """Delete a revision that is not in production."""
    await service.get_prompt(access, prompt_id, user, "write")
    async with access.db.transaction() as tx:
        if await prompt_revisions.lock_current(tx, prompt_id) == history_id:
            raise BadRequest("Cannot delete the active production version")
        if not await prompt_revisions.delete_revision(tx, prompt_id, history_id):
            raise NotFound()
    return True


@router.post("/{prompt_id}/update/version")
async def restore_revision(prompt_id: str, data: RevisionForm, user: VerifiedUser, access: RecordAccess) -> JsonObject:
    """Put a revision into production."""
    row = await service.get_prompt(access, prompt_id, user, "write")
    await service.restore_revision(access, row, data.version_id)
    return await service.load_prompt(access, prompt_id)
