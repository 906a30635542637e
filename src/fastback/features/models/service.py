"""Workspace models: who may use them, writing them with their revisions, publishing changes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fastback import messages
from fastback.access.events import GrantsChanged
from fastback.access.grants import Grant, Grants, RequestedGrant
from fastback.access.identity import User
from fastback.access.permissions import Permissions
from fastback.features.models import revisions, store
from fastback.features.models.normalisation import ModelForm
from fastback.features.models.references import ReferenceChecker
from fastback.features.models.schemas import normalise_meta_and_params
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Transaction
from fastback.kit.http import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from fastback.providers import model_store
from fastback.providers.chat_variables import build_chat_variables_schema
from fastback.providers.model_store import ModelRow
from fastback.providers.registry import ModelRegistry, ModelsChanged
from fastback.records.revision_store import Snapshot
from fastback.settings import Settings

JsonObject = dict[str, Any]


class ModelDraft(msgspec.Struct):
    """A model as it is to be written, checked."""

    id: str
    name: str
    base_model_id: str | None
    params: JsonObject
    meta: JsonObject
    is_active: bool | UnsetType = UNSET
    message: str | None = None


def add_variables_schema(model: JsonObject) -> JsonObject:
    """Add the schema of the variables in a model's system prompt to its meta, and return the model."""
    schema = build_chat_variables_schema((model.get("params") or {}).get("system"))
    model["meta"].pop("chat_variables_schema", None)
    if schema:
        model["meta"]["chat_variables_schema"] = schema
    return model


class WorkspaceModels:
    """Workspace models, and the overrides that administrators store for base models."""

    def __init__(
        self,
        *,
        db: Database,
        grants: Grants,
        permissions: Permissions,
        registry: ModelRegistry,
        settings: Settings,
        references: ReferenceChecker,
        bus: Bus,
    ) -> None:
        self.db = db
        self.grants = grants
        self.permissions = permissions
        self.registry = registry
        self.references = references
        self._bus = bus
        self._bypass = settings.bypass_admin_access_control
        self._picture_types = frozenset(kind.strip() for kind in settings.profile_image_allowed_mime_types.split(","))
        self._max_picture_size = settings.profile_image_max_data_uri_size

    # -- access ---------------------------------------------------------------------------------------------------

    def can_see_all(self, user: User) -> bool:
        """Return whether the user is an administrator who may read every model."""
        return user.is_admin and self._bypass

    async def require_permission(self, user: User, permission: str) -> None:
        """Raise Unauthorized if neither the role nor a permission allows it."""
        if not user.is_admin and not await self.permissions.has(user.id, permission):
            raise Unauthorized(messages.UNAUTHORIZED)

    async def may_access(self, row: ModelRow, user: User, permission: str) -> bool:
        """Return whether a user may read or write a model: its owner, an administrator who sees all, or by a grant."""
        if row.user_id == user.id or self.can_see_all(user):
            return True
        return await self.grants.has_access(user.id, "model", row.id, permission)

    async def may_change(self, row: ModelRow, user: User) -> bool:
        """Return whether a user may change a model; administrators always may."""
        return user.is_admin or await self.may_access(row, user, "write")

    async def get_model_for_revisions(self, model_id: str, user: User) -> ModelRow:
        """Return a model whose revisions the user may see and change.

        Raises:
            NotFound: there is no such model.
            Forbidden: the user may not write it.
        """
        row = await model_store.find_model_row(self.db, model_id)
        if row is None:
            raise NotFound(messages.NOT_FOUND)
        if not await self.may_access(row, user, "write"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        return row

    async def require_not_base_model(self, model_id: str) -> None:
        """Raise Unauthorized if a model server has a model of this name."""
        for entry in await self.registry.list_base_entries():
            is_ollama = entry.get("owned_by") == "ollama"
            if model_id == entry["id"] or (is_ollama and model_id == entry["id"].split(":", 1)[0]):
                raise Unauthorized(messages.MODEL_ID_TAKEN)

    # -- drafts ---------------------------------------------------------------------------------------------------

    def normalise_meta(self, meta: JsonObject) -> JsonObject:
        """Return a meta in its stored form.

        Raises:
            Invalid: a field has an invalid value.
        """
        return normalise_meta_and_params(
            meta, {}, allowed=self._picture_types, max_picture_size=self._max_picture_size
        )[0]

    async def build_draft(self, form: ModelForm, current: ModelRow | None) -> ModelDraft:
        """Return the model that a form describes; fields that it does not mention keep their current values.

        Raises:
            Invalid: the form has invalid values.
            BadRequest: it has controls, but the model does not support them.
        """
        meta, params = dict(form.meta), dict(form.params)
        base_model_id = None if form.base_model_id is UNSET else form.base_model_id
        if current is not None:
            old_meta = current.meta or {}
            for name in ("profile_image_url", "voice_avatar", "background_image_url"):
                meta.setdefault(name, old_meta.get(name))
            if form.base_model_id is UNSET:
                base_model_id = current.base_model_id
            if "model_controls" not in params and (current.params or {}).get("model_controls"):
                params["model_controls"] = (current.params or {})["model_controls"]
        if base_model_id == form.id:
            # A model cannot be its own base.
            base_model_id = None
        meta, params = normalise_meta_and_params(
            meta, params, allowed=self._picture_types, max_picture_size=self._max_picture_size
        )
        if params.get("model_controls") and "model_controls" in form.params:
            await self._require_controls_supported(base_model_id or form.id)
        return ModelDraft(form.id, form.name, base_model_id, params, meta, form.is_active, form.commit_message)

    async def _require_controls_supported(self, model_id: str) -> None:
        base = await self.registry.find(model_id)
        if base is not None and (base.arena or "pipe" in base.entry):
            raise BadRequest("Model controls require a server-managed provider model.")

    async def filter_grants(self, user: User, requested: Sequence[JsonObject | Grant] | None) -> list[RequestedGrant]:
        """Return those of the wanted grants that the user may give."""
        return await self.grants.filter_allowed(user.id, user.role, list(requested or ()), "model")

    # -- writing --------------------------------------------------------------------------------------------------

    async def write_model(
        self,
        tx: Transaction,
        draft: ModelDraft,
        user_id: str,
        current: ModelRow | None,
        *,
        grants: list[RequestedGrant] | None = None,
        version_id: str | None = None,
    ) -> ModelRow:
        """Write a model with a revision, inside the caller's transaction.

        A revision is added only if the model changed; `version_id` names an existing one to use instead.

        Raises:
            Conflict: the model was written by another request since `current` was read.
        """
        now = int(time.time())
        snapshot = revisions.build_snapshot(draft.name, draft.base_model_id, draft.params, draft.meta)
        if current is None:
            is_active = True if draft.is_active is UNSET else draft.is_active
            first_id = await revisions.model_revisions.insert_revision(
                tx, draft.id, snapshot, user_id, parent_id=None, message=draft.message
            )
            row = ModelRow(
                draft.id,
                first_id,
                user_id,
                draft.base_model_id,
                draft.name,
                draft.params,
                draft.meta,
                is_active,
                now,
                now,
            )
            await store.insert_model(tx, row)
            await self.grants.replace_grants(tx, "model", row.id, grants or [])
            return row
        revision_id = current.version_id
        meta = draft.meta
        if version_id is not None:
            revision_id = version_id
            # Visibility belongs to the model, not to a revision.
            meta = {key: value for key, value in meta.items() if key != "hidden"}
            if "hidden" in (current.meta or {}):
                meta["hidden"] = (current.meta or {})["hidden"]
        elif snapshot != self._build_snapshot(current):
            revision_id = await revisions.model_revisions.insert_revision(
                tx, draft.id, snapshot, user_id, parent_id=current.version_id, message=draft.message
            )
        is_active = current.is_active if draft.is_active is UNSET or version_id is not None else draft.is_active
        row = msgspec.structs.replace(
            current,
            version_id=revision_id,
            base_model_id=draft.base_model_id,
            name=draft.name,
            params=draft.params,
            meta=meta,
            is_active=is_active,
            updated_at=now,
        )
        if not await store.update_model(tx, row, version=current.version_id):
            raise Conflict({"code": "version_conflict"})
        return row

    def _build_snapshot(self, row: ModelRow) -> Snapshot:
        return revisions.build_snapshot(
            row.name, row.base_model_id, row.params or {}, self.normalise_meta(row.meta or {})
        )

    async def save_model(
        self,
        draft: ModelDraft,
        user: User,
        current: ModelRow | None,
        *,
        grants: list[RequestedGrant] | None = None,
        version_id: str | None = None,
    ) -> JsonObject:
        """Write a model, publish the change, and return the model as responses show it.

        Raises:
            Conflict: as `write_model`.
        """
        async with self.db.transaction() as tx:
            row = await self.write_model(tx, draft, user.id, current, grants=grants, version_id=version_id)
        await self.publish_change(row.id)
        return await self.serialize_model(row)

    async def delete_model(self, tx: Transaction, model_id: str) -> None:
        """Delete a model with its revisions and grants, inside the caller's transaction."""
        await revisions.model_revisions.delete_all(tx, model_id)
        await self.grants.delete_grants(tx, "model", model_id)
        await store.delete_model(tx, model_id)

    async def publish_change(self, model_id: str | None = None) -> None:
        """Publish that models changed, and if a model is given, that its grants may have changed."""
        await self._bus.publish(ModelsChanged())
        if model_id is not None:
            await self._bus.publish(GrantsChanged("model", model_id))

    async def serialize_model(self, row: ModelRow) -> JsonObject:
        """Return a model with its grants, as responses show it."""
        return row.build_response(await self.grants.list_grants("model", row.id))

    async def serialize_models(self, rows: list[ModelRow]) -> list[JsonObject]:
        """Return models with their grants, as responses show them."""
        grants = await self.grants.list_grants_by_resource("model", [row.id for row in rows])
        return [row.build_response(grants[row.id]) for row in rows]
