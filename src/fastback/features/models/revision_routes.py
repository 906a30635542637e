"""Routes for the revisions of a workspace model: list, read, restore and delete them."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.models.normalisation import ModelForm
from fastback.features.models.revisions import model_revisions
from fastback.features.models.schemas import RevisionForm
from fastback.features.models.service import WorkspaceModels
from fastback.kit.http import BadRequest, Forbidden, NotFound, Router

router = Router("/api/v1/models/model")

JsonObject = dict[str, Any]

_REVISION_NOT_FOUND = "Model version not found"


@router.get("/history")
async def list_revisions(id: str, user: VerifiedUser, workspace: WorkspaceModels, page: int = 1) -> list[JsonObject]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await workspace.get_model_for_revisions(id, user)
    return await model_revisions.list_page(workspace.db, id, page)


@router.get("/history/{history_id}")
async def get_revision(history_id: str, id: str, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    await workspace.get_model_for_revisions(id, user)
    revision = await model_revisions.find_revision(workspace.db, id, history_id)
    if revision is None:
        raise NotFound(_REVISION_NOT_FOUND)
    return {**model_revisions.summarize(revision), "snapshot": revision.snapshot}


@router.delete("/history/{history_id}")
async def delete_revision(history_id: str, id: str, user: VerifiedUser, workspace: WorkspaceModels) -> bool:
    """Delete a revision that is not in use."""
    await workspace.get_model_for_revisions(id, user)
    async with workspace.db.transaction() as tx:
        if await model_revisions.lock_current(tx, id) == history_id:
            raise BadRequest("Cannot delete the current version")
        if not await model_revisions.delete_revision(tx, id, history_id):
            raise NotFound(_REVISION_NOT_FOUND)
    return True


@router.post("/update/version")
async def restore_revision(id: str, data: RevisionForm, user: VerifiedUser, workspace: WorkspaceModels) -> JsonObject:
    """Put a revision into use."""
    row = await workspace.get_model_for_revisions(id, user)
    revision = await model_revisions.find_revision(workspace.db, id, data.version_id)
    if revision is None:
        raise NotFound(_REVISION_NOT_FOUND)
    snapshot = revision.snapshot
    # Without this default `build_draft` would keep the current controls if the revision has none.
    params = {"model_controls": {}, **(snapshot.get("params") or {})}
    form = ModelForm(
        id, str(snapshot.get("name") or id), snapshot.get("meta") or {}, params, snapshot.get("base_model_id")
    )
    draft = await workspace.build_draft(form, row)
    if not user.is_admin and row.base_model_id and not draft.base_model_id:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    if draft.base_model_id and await workspace.registry.find(draft.base_model_id) is None:
        raise BadRequest("The base model is unavailable.")
    await workspace.references.require_available_references(draft.meta, user)
    await workspace.references.require_valid_pictures(draft.meta, user)
    async with workspace.db.transaction() as tx:
        # The lock keeps others from deleting the revision while it is put into use.
        await model_revisions.lock_current(tx, id)
        if not await model_revisions.has_revision(tx, id, revision.id):
            raise NotFound(_REVISION_NOT_FOUND)
        row = await workspace.write_model(tx, draft, user.id, row, version_id=revision.id)
    await workspace.publish_change(id)
    return await workspace.serialize_model(row)
