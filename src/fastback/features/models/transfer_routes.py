"""Routes that export and import workspace models, and that replace all of them."""

from __future__ import annotations

import base64
import logging
from typing import Any

import msgspec

from fastback import messages
from fastback.access.grants import RequestedGrant
from fastback.access.guards import AdminUser, VerifiedUser
from fastback.access.identity import User
from fastback.features.files.uploads import UploadService
from fastback.features.models import store
from fastback.features.models.normalisation import (
    ModelForm,
    find_background_file_id,
    parse_model_form,
    parse_synced_models,
)
from fastback.features.models.references import require_picture_type
from fastback.features.models.schemas import ImportForm
from fastback.features.models.service import JsonObject, ModelDraft, WorkspaceModels
from fastback.kit.http import BadRequest, Forbidden, HttpError, Invalid, Router, Unauthorized
from fastback.providers import model_store
from fastback.providers.model_store import ModelRow

log = logging.getLogger("fastback.models")

router = Router("/api/v1/models")


@router.get("/export")
async def export_models(
    user: VerifiedUser, workspace: WorkspaceModels, ids: list[str] | None = None
) -> list[JsonObject]:
    """Return the workspace models that the user may export, with their background pictures embedded."""
    await workspace.require_permission(user, "workspace.models_export")
    rows = await store.list_workspace_models(workspace.db)
    if ids is not None:
        rows = [row for row in rows if row.id in ids]
    if not workspace.can_see_all(user):
        writable = await workspace.grants.filter_accessible_ids(user.id, "model", [row.id for row in rows], "write")
        rows = [row for row in rows if row.user_id == user.id or row.id in writable]
    if ids is not None and {row.id for row in rows} != set(ids):
        raise Forbidden(messages.ACCESS_PROHIBITED)
    return [await _embed_background(model, workspace) for model in await workspace.serialize_models(rows)]


async def _embed_background(model: JsonObject, workspace: WorkspaceModels) -> JsonObject:
    """Replace the URL of the background picture by the picture, as its file is not exported; return the model."""
    model["background_image_data"] = None
    file_id = find_background_file_id(model["meta"].get("background_image_url"))
    if file_id is None:
        return model
    try:
        content, kind = await workspace.references.load_file_picture(file_id)
    except BadRequest as error:
        raise BadRequest(f"Could not export background for model {model['id']}.") from error
    model["meta"]["background_image_url"] = None
    model["background_image_data"] = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return model


def _parse_form(data: JsonObject) -> ModelForm:
    """Return the form of an imported model.

    Raises:
        BadRequest: it has problems; the message lists them.
    """
    try:
        return parse_model_form(data)
    except Invalid as error:
        flaws = [f"{'.'.join(str(part) for part in flaw['loc'][1:])}: {flaw['msg']}" for flaw in error.detail]
        raise BadRequest(f"Model {data.get('id')}: {'; '.join(flaws)}") from None


def _decode_picture(encoded: Any) -> tuple[bytes, str]:
    """Return the background picture embedded in an exported model, and its media type.

    Raises:
        BadRequest: it is not a valid data URL of a picture.
    """
    head, _, payload = encoded.partition(",") if isinstance(encoded, str) else ("", "", "")
    try:
        content = base64.b64decode(payload, validate=True)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    kind = require_picture_type(content)
    if head != f"data:{kind};base64":
        raise BadRequest("Invalid background image data URI.")
    return content, kind


class _PlannedModel(msgspec.Struct):
    """What to write for an imported model: `row` is the existing one, `picture` its background with its media type."""

    draft: ModelDraft
    row: ModelRow | None
    grants: list[RequestedGrant]
    picture: tuple[bytes, str] | None


class _ModelImport:
    """An import. All models are planned before the first one is written: an import that fails leaves nothing behind."""

    def __init__(
        self,
        *,
        workspace: WorkspaceModels,
        uploads: UploadService,
        user: User,
        existing: dict[str, ModelRow],
        writable: set[str],
    ) -> None:
        self._workspace = workspace
        self._uploads = uploads
        self._user = user
        self._existing = existing
        self._writable = writable

    async def plan_model(self, data: JsonObject) -> _PlannedModel | None:
        """Return what to write for an imported model; None skips it.

        Raises:
            HttpError: the model is invalid; the import stops.
        """
        model_id = data["id"]
        for name in ("meta", "params"):
            if not isinstance(data.get(name) or {}, dict):
                raise BadRequest(f"Model {model_id}: {name}: Input should be a valid dictionary")
        if data.get("base_model_id") == model_id:
            data["base_model_id"] = None
        try:
            await self._workspace.references.require_readable_files(data.get("meta") or {}, self._user)
        except Forbidden:
            log.warning("import of model %s skipped: it refers to files that the user may not read", model_id)
            return None
        row = self._existing.get(model_id)
        encoded = data.pop("background_image_data", None)
        picture = _decode_picture(encoded) if encoded is not None else None
        form = await (self._build_create_form(data) if row is None else self._build_update_form(row, data))
        if form is None:
            return None
        try:
            draft = await self._workspace.build_draft(form, row)
        except HttpError as error:
            raise BadRequest(error.detail) from error
        await self._workspace.references.require_valid_pictures(draft.meta, self._user, row.meta if row else None)
        grants = await self._workspace.filter_grants(self._user, form.access_grants) if row is None else []
        return _PlannedModel(draft, row, grants, picture)

    async def write_models(self, planned_models: list[_PlannedModel]) -> None:
        """Store the pictures, then all models in one transaction."""
        for planned in planned_models:
            if planned.picture is not None:
                content, kind = planned.picture
                file = await self._uploads.save_generated(content, f"background.{kind.split('/')[1]}", None, self._user)
                planned.draft.meta["background_image_url"] = f"/api/v1/files/{file.id}/content"
        written: dict[str, ModelRow] = {}
        async with self._workspace.db.transaction() as tx:
            for planned in planned_models:
                # A model that occurs twice is written twice.
                current = written.get(planned.draft.id, planned.row)
                written[planned.draft.id] = await self._workspace.write_model(
                    tx, planned.draft, self._user.id, current, grants=planned.grants
                )
        for model_id in written:
            await self._workspace.publish_change(model_id)

    async def _build_update_form(self, row: ModelRow, data: JsonObject) -> ModelForm | None:
        """Return the form for a model that exists; None skips it."""
        if not self._user.is_admin:
            if row.user_id != self._user.id and row.id not in self._writable:
                raise Unauthorized(messages.MODEL_ID_TAKEN)
            if row.base_model_id and not data.get("base_model_id", row.base_model_id):
                log.warning("import of model %s skipped: it would lose its base model", row.id)
                return None
        defaults = {
            "name": row.name,
            "base_model_id": row.base_model_id,
            "is_active": row.is_active,
        }
        meta = {**row.build_meta(), **(data.get("meta") or {})}
        return _parse_form({**defaults, **data, "meta": meta, "params": data.get("params") or {}})

    async def _build_create_form(self, data: JsonObject) -> ModelForm | None:
        """Return the form for a new model; None skips it."""
        form = _parse_form({**data, "meta": data.get("meta") or {}, "params": data.get("params") or {}})
        if not self._user.is_admin:
            if not isinstance(form.base_model_id, str) or not form.base_model_id:
                log.warning("import of model %s skipped: it has no base model", form.id)
                return None
            await self._workspace.require_not_base_model(form.id)
        return form


def _has_valid_id(data: JsonObject) -> bool:
    model_id = data.get("id")
    return isinstance(model_id, str) and 0 < len(model_id) <= 256 and not any(char.isspace() for char in model_id)


@router.post("/import", takes_content=True)
async def import_models(
    data: ImportForm, user: VerifiedUser, workspace: WorkspaceModels, uploads: UploadService
) -> bool:
    """Create or update the models of an export; entries without a valid id are skipped."""
    await workspace.require_permission(user, "workspace.models_import")
    valid_models = [model for model in data.models if _has_valid_id(model)]
    existing = {row.id: row for row in await store.list_by_ids(workspace.db, [model["id"] for model in valid_models])}
    writable = await workspace.grants.filter_accessible_ids(user.id, "model", list(existing), "write")
    model_import = _ModelImport(workspace=workspace, uploads=uploads, user=user, existing=existing, writable=writable)
    planned_models = [planned for model in valid_models if (planned := await model_import.plan_model(model))]
    await model_import.write_models(planned_models)
    return True


@router.post("/sync", takes_content=True)
async def sync_models(data: Any, user: AdminUser, workspace: WorkspaceModels) -> list[JsonObject]:
    """Write these models and delete all others, in one transaction."""
    models = parse_synced_models(data)
    existing = {row.id: row for row in await model_store.list_model_rows(workspace.db)}
    drafts: list[tuple[ModelDraft, ModelRow | None, list[RequestedGrant]]] = []
    for model in models:
        row = existing.get(model.id)
        form = ModelForm(model.id, model.name, model.meta, model.params, model.base_model_id, None, model.is_active)
        draft = await workspace.build_draft(form, row)
        await workspace.references.require_valid_pictures(draft.meta, user, row.meta if row else None)
        drafts.append((draft, row, await workspace.filter_grants(user, model.access_grants)))
    written: dict[str, ModelRow] = {}
    async with workspace.db.transaction() as tx:
        for draft, row, grants in drafts:
            # A model that occurs twice is written twice, as two requests would.
            current = written.get(draft.id, row)
            written[draft.id] = await workspace.write_model(tx, draft, user.id, current, grants=grants)
        for model_id in existing.keys() - written.keys():
            await workspace.delete_model(tx, model_id)
    await workspace.publish_change()
    responses = dict(zip(written, await workspace.serialize_models([*written.values()]), strict=True))
    return [responses[model.id] for model in models]
