"""Routes for the revisions of a workspace model: list, read, restore and delete them."""

from __future__ import annotations

from typing import Any

from fastback import messages
from fastback.access.guards import VerifiedUser
from fastback.features.models.normalisation import ModelForm
from fastback.features.models.revisions import versions
from fastback.features.models.schemas import VersionForm
from fastback.features.models.service import Workspace
from fastback.kit.http import BadRequest, Forbidden, NotFound, Router

router = Router("/api/v1/models/model")

Answer = dict[str, Any]

_NO_VERSION = "Model version not found"


@router.get("/history")
async def history(id: str, user: VerifiedUser, workspace: Workspace, page: int = 1) -> list[Answer]:
    """Return a page of revisions, the newest first; pages are counted from 1."""
    await workspace.with_history(id, user)
    return await versions.page(workspace.db, id, page)


@router.get("/history/{history_id}")
async def version(history_id: str, id: str, user: VerifiedUser, workspace: Workspace) -> Answer:
    await workspace.with_history(id, user)
    revision = await versions.get(workspace.db, id, history_id)
    if revision is None:
        raise NotFound(_NO_VERSION)
    return {**versions.shown(revision), "snapshot": revision.snapshot}


@router.delete("/history/{history_id}")
async def forget(history_id: str, id: str, user: VerifiedUser, workspace: Workspace) -> bool:
    """Delete a revision that is not in use."""
    await workspace.with_history(id, user)
    async with workspace.db.transaction() as tx:
        if await versions.lock(tx, id) == history_id:
            raise BadRequest("Cannot delete the current version")
        if not await versions.remove(tx, id, history_id):
            raise NotFound(_NO_VERSION)
    return True


@router.post("/update/version")
async def go_back(id: str, data: VersionForm, user: VerifiedUser, workspace: Workspace) -> Answer:
    """Put a revision into use."""
    row = await workspace.with_history(id, user)
    revision = await versions.get(workspace.db, id, data.version_id)
    if revision is None:
        raise NotFound(_NO_VERSION)
    snapshot = revision.snapshot
    # Without this default `build_draft` would keep the current controls if the revision has none.
    params = {"model_controls": {}, **(snapshot.get("params") or {})}
    form = ModelForm(
        id, str(snapshot.get("name") or id), snapshot.get("meta") or {}, params, snapshot.get("base_model_id")
    )
    draft = await workspace.draft(form, row)
    if not user.is_admin and row.base_model_id and not draft.base_model_id:
        raise Forbidden(messages.ACCESS_PROHIBITED)
    if draft.base_model_id and await workspace.registry.find(draft.base_model_id) is None:
        raise BadRequest("The base model is unavailable.")
    await workspace.references.check_version(draft.meta, user)
    await workspace.references.check_pictures(draft.meta, user)
    async with workspace.db.transaction() as tx:
        # The lock keeps others from deleting the revision while it is put into use.
        await versions.lock(tx, id)
        if not await versions.exists(tx, id, revision.id):
            raise NotFound(_NO_VERSION)
        row = await workspace.write(tx, draft, user.id, row, version_id=revision.id)
    await workspace.changed(id)
    return await workspace.shown(row)
