"""What the operations on workspace models share: who may, writing a model with its history, telling others."""

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
from fastback.features.models.references import References
from fastback.features.models.schemas import clean
from fastback.kit.bus import Bus
from fastback.kit.db import Database, Transaction
from fastback.kit.http import BadRequest, Conflict, Forbidden, NotFound, Unauthorized
from fastback.providers import model_rows
from fastback.providers.chat_variables import schema_of
from fastback.providers.model_rows import ModelRow
from fastback.providers.registry import ModelRegistry, ModelsChanged
from fastback.records.revision_store import Snapshot
from fastback.settings import Settings

Answer = dict[str, Any]


class Draft(msgspec.Struct):
    """A model as somebody wants it, checked."""

    id: str
    name: str
    base_model_id: str | None
    params: Answer
    meta: Answer
    is_active: bool | UnsetType = UNSET
    message: str | None = None


def with_variables(shown: Answer) -> Answer:
    """A shown model with the form of its prompt's variables."""
    schema = schema_of((shown.get("params") or {}).get("system"))
    shown["meta"].pop("chat_variables_schema", None)
    if schema:
        shown["meta"]["chat_variables_schema"] = schema
    return shown


class Workspace:
    """Workspace models, and what administrators say of base models."""

    def __init__(
        self,
        *,
        db: Database,
        grants: Grants,
        permissions: Permissions,
        registry: ModelRegistry,
        settings: Settings,
        references: References,
        bus: Bus,
    ) -> None:
        self.db = db
        self.grants = grants
        self.permissions = permissions
        self.registry = registry
        self.references = references
        self._bus = bus
        self._bypass = settings.bypass_admin_access_control
        self._allowed = frozenset(one.strip() for one in settings.profile_image_allowed_mime_types.split(","))
        self._most = settings.profile_image_max_data_uri_size

    # -- who may --------------------------------------------------------------------------------------------------

    def sees_all(self, user: User) -> bool:
        return user.is_admin and self._bypass

    async def permitted(self, user: User, permission: str) -> None:
        """Raises: Unauthorized, when neither the role nor a permission allows it."""
        if not user.is_admin and not await self.permissions.has(user.id, permission):
            raise Unauthorized(messages.UNAUTHORIZED)

    async def may(self, row: ModelRow, user: User, permission: str) -> bool:
        """Whether a user may read or write a model: its owner, an administrator who sees all, or by a grant."""
        if row.user_id == user.id or self.sees_all(user):
            return True
        return await self.grants.has_access(user.id, "model", row.id, permission)

    async def may_change(self, row: ModelRow, user: User) -> bool:
        """Whether a user may change a model: administrators may always."""
        return user.is_admin or await self.may(row, user, "write")

    async def with_history(self, model_id: str, user: User) -> ModelRow:
        """The model whose versions somebody asks for.

        Raises:
            NotFound, Forbidden.
        """
        row = await model_rows.get(self.db, model_id)
        if row is None:
            raise NotFound(messages.NOT_FOUND)
        if not await self.may(row, user, "write"):
            raise Forbidden(messages.ACCESS_PROHIBITED)
        return row

    async def check_not_base(self, model_id: str) -> None:
        """Raises: Unauthorized, when a model server has a model of this name."""
        for entry in await self.registry.base_entries():
            ollama = entry.get("owned_by") == "ollama"
            if model_id == entry["id"] or (ollama and model_id == entry["id"].split(":", 1)[0]):
                raise Unauthorized(messages.MODEL_ID_TAKEN)

    # -- what is wanted -------------------------------------------------------------------------------------------

    def meta(self, meta: Answer) -> Answer:
        """A meta as it is kept. Raises: Invalid."""
        return clean(meta, {}, allowed=self._allowed, most=self._most)[0]

    async def draft(self, form: ModelForm, current: ModelRow | None) -> Draft:
        """What a form asks of a model; what it does not mention of an existing one stays.

        Raises:
            Invalid: the form; BadRequest: controls on a model that takes none.
        """
        meta, params = dict(form.meta), dict(form.params)
        base = None if form.base_model_id is UNSET else form.base_model_id
        if current is not None:
            old = current.meta or {}
            for name in ("profile_image_url", "voice_avatar", "background_image_url"):
                meta.setdefault(name, old.get(name))
            if form.base_model_id is UNSET:
                base = current.base_model_id
            if "model_controls" not in params and (current.params or {}).get("model_controls"):
                params["model_controls"] = (current.params or {})["model_controls"]
        if base == form.id:
            # No model is based on itself.
            base = None
        meta, params = clean(meta, params, allowed=self._allowed, most=self._most)
        if params.get("model_controls") and "model_controls" in form.params:
            await self._check_controls(base or form.id)
        return Draft(form.id, form.name, base, params, meta, form.is_active, form.commit_message)

    async def _check_controls(self, model_id: str) -> None:
        base = await self.registry.find(model_id)
        if base is not None and (base.arena or "pipe" in base.entry):
            raise BadRequest("Model controls require a server-managed provider model.")

    async def given_grants(self, user: User, wanted: Sequence[Answer | Grant] | None) -> list[RequestedGrant]:
        """Those of the wanted grants that the user may give."""
        return await self.grants.filter_allowed(user.id, user.role, list(wanted or ()), "model")

    # -- writing --------------------------------------------------------------------------------------------------

    async def write(
        self,
        tx: Transaction,
        draft: Draft,
        user_id: str,
        current: ModelRow | None,
        *,
        grants: list[RequestedGrant] | None = None,
        version_id: str | None = None,
    ) -> ModelRow:
        """Write a model with a version of it, in the caller's transaction; `version_id` names one to go back to.

        Raises:
            Conflict: somebody else wrote it since `current` was read.
        """
        now = int(time.time())
        kept = revisions.snapshot(draft.name, draft.base_model_id, draft.params, draft.meta)
        if current is None:
            active = True if draft.is_active is UNSET else draft.is_active
            first = await revisions.versions.add(tx, draft.id, kept, user_id, parent_id=None, message=draft.message)
            row = ModelRow(
                draft.id, first, user_id, draft.base_model_id, draft.name, draft.params, draft.meta, active, now, now
            )
            await store.insert(tx, row)
            await self.grants.replace_grants(tx, "model", row.id, grants or [])
            return row
        version = current.version_id
        meta = draft.meta
        if version_id is not None:
            version = version_id
            # Whether it is shown belongs to the model, not to a version of it.
            meta = {key: value for key, value in meta.items() if key != "hidden"}
            if "hidden" in (current.meta or {}):
                meta["hidden"] = (current.meta or {})["hidden"]
        elif kept != self._snapshot_of(current):
            version = await revisions.versions.add(
                tx, draft.id, kept, user_id, parent_id=current.version_id, message=draft.message
            )
        active = current.is_active if draft.is_active is UNSET or version_id is not None else draft.is_active
        row = msgspec.structs.replace(
            current,
            version_id=version,
            base_model_id=draft.base_model_id,
            name=draft.name,
            params=draft.params,
            meta=meta,
            is_active=active,
            updated_at=now,
        )
        if not await store.update(tx, row, version=current.version_id):
            raise Conflict({"code": "version_conflict"})
        return row

    def _snapshot_of(self, row: ModelRow) -> Snapshot:
        return revisions.snapshot(row.name, row.base_model_id, row.params or {}, self.meta(row.meta or {}))

    async def save(
        self,
        draft: Draft,
        user: User,
        current: ModelRow | None,
        *,
        grants: list[RequestedGrant] | None = None,
        version_id: str | None = None,
    ) -> Answer:
        """Write one model and tell everybody; the model as it is shown.

        Raises:
            Conflict: as `write`.
        """
        async with self.db.transaction() as tx:
            row = await self.write(tx, draft, user.id, current, grants=grants, version_id=version_id)
        await self.changed(row.id)
        return await self.shown(row)

    async def changed(self, model_id: str | None = None) -> None:
        """Tell that models were written."""
        await self._bus.publish(ModelsChanged())
        if model_id is not None:
            await self._bus.publish(GrantsChanged("model", model_id))

    async def shown(self, row: ModelRow) -> Answer:
        return row.dump(await self.grants.list_grants("model", row.id))

    async def all_shown(self, rows: list[ModelRow]) -> list[Answer]:
        grants = await self.grants.list_grants_by_resource("model", [row.id for row in rows])
        return [row.dump(grants[row.id]) for row in rows]
